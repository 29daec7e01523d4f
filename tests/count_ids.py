#!/usr/bin/env python3
"""Counts failed events without the program, to check its totals independently.

Reads trail files and JSON lines below the folders given and prints one line:
records read, failing records, distinct failing events, dry runs.
"""

import gzip
import json
import pathlib
import sys


def records(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as text:
        if path.name.endswith(".jsonl.gz"):
            yield from (json.loads(line) for line in text)
        else:
            yield from json.load(text)["Records"]


def failed(event):
    signin = (event.get("responseElements") or {}) if isinstance(event.get("responseElements"), dict) else {}
    return bool(event.get("errorCode") or event.get("errorMessage") or "Failure" in signin.values())


read = failing = dry = 0
distinct = set()
for folder in sys.argv[1:]:
    for path in sorted(pathlib.Path(folder).rglob("*.gz")):
        for event in records(path):
            read += 1
            # Records without event source, such as Insights and digests, are not API calls.
            if not event.get("eventSource") or not failed(event):
                continue
            if (event.get("errorCode") or "").endswith("DryRunOperation"):
                dry += 1
                continue
            failing += 1
            distinct.add(event.get("eventID") or json.dumps(event, sort_keys=True))
print(read, failing, len(distinct), dry)
