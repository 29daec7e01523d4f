"""The queries of Athena, asked of records by DuckDB: a table as the template defines it, with rows as Athena makes them.

Its SQL is not Trino's, of which Athena's is made. The queries keep to what both understand, but for two functions that
DuckDB has under another name.
"""

import json
import pathlib
import re
import tempfile

import duckdb

# Trino's names. It takes the same letters for a date, and has null where there is nothing at a path.
TRINO = """
CREATE MACRO json_extract_scalar(text, path) AS json_extract_string(text, path);
CREATE MACRO date_format(moment, form) AS strftime(moment, form);
SET TimeZone = 'UTC';
"""


def statement(stack, name):
    """Returns the SQL of a saved query."""
    return stack.properties(f"{name}InAthena")["QueryString"]


def columns(table):
    """Returns the columns of a table's definition by their names, with their types as DuckDB writes them."""
    (inner,) = re.findall(r"(?s)^CREATE EXTERNAL TABLE \w+ \((.*)\)\nPARTITIONED BY", table)
    return dict(fields(re.findall(r"\w+|[<>:,]", inner)))


def parts(table):
    """Returns the columns that say where the rows are kept."""
    (inner,) = re.findall(r"\nPARTITIONED BY \((.*)\)", table)
    return [name for name, _ in fields(re.findall(r"\w+|[<>:,]", inner))]


def fields(tokens):
    """Yields names with their types, as far as a list of them goes."""
    while tokens and tokens[0] != ">":
        name = tokens.pop(0)
        if tokens[0] == ":":
            tokens.pop(0)
        yield name, of_type(tokens)
        if tokens[:1] == [","]:
            tokens.pop(0)


def of_type(tokens):
    kind = tokens.pop(0)
    if kind == "STRING":
        return "VARCHAR"
    assert tokens.pop(0) == "<", kind
    if kind == "STRUCT":
        made = f"STRUCT({', '.join(' '.join(field) for field in fields(tokens))})"
    elif kind == "ARRAY":
        made = f"{of_type(tokens)}[]"
    else:
        key, _, value = of_type(tokens), tokens.pop(0), of_type(tokens)
        assert kind == "MAP", kind
        made = f"MAP({key}, {value})"
    assert tokens.pop(0) == ">", kind
    return made


def row(record, kinds):
    """Returns a record as Athena reads it: names in small letters, and JSON where a text is wanted of an object."""
    found = {name.lower(): value for name, value in record.items()}
    return {name: cell(found.get(name), kind) for name, kind in kinds.items()}


def cell(value, kind):
    if kind != "VARCHAR":
        return small(value)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def small(value):
    if isinstance(value, dict):
        return {name.lower(): small(inner) for name, inner in value.items()}
    return [small(inner) for inner in value] if isinstance(value, list) else value


class Trail:
    """Records that were put into the trail so many days ago, to be asked by the queries of a stack."""

    def __init__(self, stack, records, days_ago=0):
        self.stack, self.database = stack, duckdb.connect()
        self.database.execute(TRINO)
        table = statement(stack, "Table")
        kinds = columns(table)
        (called,) = re.findall(r"^CREATE EXTERNAL TABLE (\w+)", table)
        day = f"strftime(current_date - interval '{days_ago}' day, '%Y/%m/%d') AS day"
        read = "read_json($path, format = 'newline_delimited', columns = $kinds)"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rows.json"
            path.write_text("".join(json.dumps(row(record, kinds)) + "\n" for record in records), encoding="utf-8")
            self.database.execute(
                f"CREATE TABLE {called} AS SELECT *, '' AS account, '' AS region, {day} FROM {read}",
                {"path": str(path), "kinds": kinds},
            )

    def rows(self, name):
        """Returns what a query finds."""
        return self.database.execute(statement(self.stack, name)).fetchall()

    def answer(self, name):
        """Returns what the rows of a query are told apart by, each with how often it occurs."""
        begin, end = KEYS[name]
        found = {}
        for one in self.rows(name):
            key = one[begin:end]
            found[key] = found.get(key, 0) + (one[end] if len(one) > end else 1)
        return found


# Which columns tell the rows of a query apart; the one after them counts, where they are counted.
KEYS = {"FailedSignIns": (0, 5), "NewUsers": (1, 6), "TopErrors": (0, 4), "Refusals": (0, 2)}
