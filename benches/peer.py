"""Counts the errors of trail files by (eventSource, eventName, errorCode) with another tool.

Usage: peer.py TOOL FOLDER. Prints the groups as JSON, sorted. So that the comparison is fair, each tool gets the names
and types of the needed fields in advance, and one thread.
"""

import collections
import glob
import gzip
import json
import os
import sys

FIELDS = ("eventSource", "eventName", "errorCode", "errorMessage")
KEYS = FIELDS[:3]


def by_chdb(folder):
    import chdb

    columns = ", ".join(f"{field} Nullable(String)" for field in FIELDS)
    query = f"""
        SELECT record.eventSource, record.eventName, record.errorCode, count()
        FROM (SELECT arrayJoin(Records) AS record
              FROM file('{folder}/**/*.json.gz', 'JSONEachRow', 'Records Array(Tuple({columns}))'))
        WHERE record.errorCode != '' OR record.errorMessage != ''
        GROUP BY ALL
        SETTINGS max_threads = 1, input_format_parallel_parsing = 0,
                 input_format_skip_unknown_fields = 1,
                 input_format_json_ignore_unknown_keys_in_named_tuple = 1"""
    lines = str(chdb.query(query, "JSONCompactEachRow")).splitlines()
    return {tuple(key): int(count) for *key, count in map(json.loads, lines)}


def by_polars(folder):
    import polars

    record = polars.Struct({field: polars.String for field in FIELDS})
    schema = {"Records": polars.List(record)}
    has_error = (polars.col("errorCode") != "") | (polars.col("errorMessage") != "")
    groups = collections.Counter()
    for path in files(folder):
        records = polars.scan_ndjson(path, schema=schema).explode("Records").unnest("Records")
        for *key, count in records.filter(has_error).group_by(KEYS).len().collect().iter_rows():
            groups[tuple(key)] += count
    return groups


def by_standard_library(folder):
    groups = collections.Counter()
    for path in files(folder):
        with gzip.open(path) as file:
            for record in json.load(file)["Records"]:
                if record.get("errorCode") or record.get("errorMessage"):
                    groups[tuple(record.get(key) for key in KEYS)] += 1
    return groups


def files(folder):
    return sorted(glob.glob(os.path.join(folder, "**", "*.json.gz"), recursive=True))


TOOLS = {"chdb": by_chdb, "polars": by_polars, "python": by_standard_library}

if __name__ == "__main__":
    counted = TOOLS[sys.argv[1]](sys.argv[2])
    rows = [[key or "" for key in keys] + [count] for keys, count in counted.items()]
    json.dump(sorted(rows), sys.stdout)
