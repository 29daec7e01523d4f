"""Runs the Athena queries of the template on records, with DuckDB and the table that the template defines.

Athena's SQL is based on Trino. The queries use only SQL that both understand, except for two functions that have other
names in DuckDB.
"""

import json
import pathlib
import re
import tempfile

import duckdb

# Functions by Trino's names. Both use the same letters in date formats, and return null for a missing path.
TRINO = """
CREATE MACRO json_extract_scalar(text, path) AS json_extract_string(text, path);
CREATE MACRO date_format(moment, form) AS strftime(moment, form);
SET TimeZone = 'UTC';
"""


def statement(stack, name):
    """Returns the SQL of a saved query."""
    return stack.properties(f"{name}InAthena")["QueryString"]


def columns(table):
    """Returns the DuckDB types of a table definition's columns, by column name."""
    (inner,) = re.findall(r"(?s)^CREATE EXTERNAL TABLE \w+ \((.*)\)\nPARTITIONED BY", table)
    return dict(fields(re.findall(r"\w+|[<>:,]", inner)))


def partition_columns(table):
    """Returns the names of the partition columns of a table definition."""
    (inner,) = re.findall(r"\nPARTITIONED BY \((.*)\)", table)
    return [name for name, _ in fields(re.findall(r"\w+|[<>:,]", inner))]


def fields(tokens):
    """Yields names and types from the front of the tokens, up to the end of their list; removes the tokens."""
    while tokens and tokens[0] != ">":
        name = tokens.pop(0)
        if tokens[0] == ":":
            tokens.pop(0)
        yield name, parsed_type(tokens)
        if tokens[:1] == [","]:
            tokens.pop(0)


def parsed_type(tokens):
    kind = tokens.pop(0)
    if kind == "STRING":
        return "VARCHAR"
    assert tokens.pop(0) == "<", kind
    if kind == "STRUCT":
        made = f"STRUCT({', '.join(' '.join(field) for field in fields(tokens))})"
    elif kind == "ARRAY":
        made = f"{parsed_type(tokens)}[]"
    else:
        key, _, value = parsed_type(tokens), tokens.pop(0), parsed_type(tokens)
        assert kind == "MAP", kind
        made = f"MAP({key}, {value})"
    assert tokens.pop(0) == ">", kind
    return made


def row(record, kinds):
    """Returns a record as Athena reads it: names in lower case, and objects as JSON in columns of text."""
    found = {name.lower(): value for name, value in record.items()}
    return {name: cell(found.get(name), kind) for name, kind in kinds.items()}


def cell(value, kind):
    if kind != "VARCHAR":
        return lower_case(value)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def lower_case(value):
    if isinstance(value, dict):
        return {name.lower(): lower_case(inner) for name, inner in value.items()}
    return [lower_case(inner) for inner in value] if isinstance(value, list) else value


class Trail:
    """A DuckDB table with the records of one day, for the queries of a stack."""

    def __init__(self, stack, records, days_ago=0):
        self.stack, self.database = stack, duckdb.connect()
        self.database.execute(TRINO)
        table = statement(stack, "Table")
        kinds = columns(table)
        (table_name,) = re.findall(r"^CREATE EXTERNAL TABLE (\w+)", table)
        day = f"strftime(current_date - interval '{days_ago}' day, '%Y/%m/%d') AS day"
        read = "read_json($path, format = 'newline_delimited', columns = $kinds)"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rows.json"
            path.write_text("".join(json.dumps(row(record, kinds)) + "\n" for record in records), encoding="utf-8")
            self.database.execute(
                f"CREATE TABLE {table_name} AS SELECT *, '' AS account, '' AS region, {day} FROM {read}",
                {"path": str(path), "kinds": kinds},
            )

    def rows(self, name):
        """Returns the rows that a query finds."""
        return self.database.execute(statement(self.stack, name)).fetchall()

    def answer(self, name):
        """Returns the number of occurrences of each key in the rows of a query; KEYS defines the key columns."""
        begin, end = KEYS[name]
        found = {}
        for one in self.rows(name):
            key = one[begin:end]
            found[key] = found.get(key, 0) + (one[end] if len(one) > end else 1)
        return found


class Archive:
    """A DuckDB table with archived lines, for the queries of a stack."""

    def __init__(self, stack, lines):
        self.stack, self.database = stack, duckdb.connect()
        self.database.execute(TRINO)
        table = statement(stack, "TableOfArchive")
        kinds = columns(table)
        (name,) = re.findall(r"^CREATE EXTERNAL TABLE (\w+)", table)
        read = "read_json($path, format = 'newline_delimited', columns = $kinds)"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rows.json"
            path.write_text("".join(json.dumps(row(json.loads(line), kinds)) + "\n" for line in lines), encoding="utf-8")
            self.database.execute(
                f"CREATE TABLE {name} AS SELECT *, '' AS account, '' AS region, strftime(current_date, '%Y-%m-%d') AS day FROM {read}",
                {"path": str(path), "kinds": kinds},
            )

    def rows(self):
        """Returns the rows of the query over the archive."""
        return self.database.execute(statement(self.stack, "ArchivedErrors")).fetchall()


# The range of key columns of each query; the column after them has the number of events, if the query counts.
KEYS = {"FailedSignIns": (0, 5), "NewUsers": (1, 6), "TopErrors": (0, 4), "Refusals": (0, 2)}
