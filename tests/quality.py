#!/usr/bin/env python3
"""Scores the clustering against labelled errors, and prints the reasons for differences.

A template is whole if all its rows are in one cluster. A (source, name, code) with several templates is apart if no two of
them share a cluster. The cluster ids come from `explain`, so only the program itself is scored.

Usage: quality.py BINARY [LABELLED.jsonl.gz]
Without the labelled set the test is skipped with a message. Exit codes: 0 good or skipped, 1 not good.
"""

import collections
import gzip
import json
import os
import subprocess
import sys

HISTORY = ["traildiscover_history"]
WHOLE_MIN, APART_MIN, CLUSTERS_OFF_MAX = 38, 5, 0.01


def labelled(path):
    """Returns the labelled rows. Explicit denials of a call get the label of its denial without a reason."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if row["sources"] != HISTORY]
    denial = {}
    for row in rows:
        if is_authorization(row):
            denial.setdefault(triple(row), row["lenient_id"])
    for row in rows:
        explicit = is_authorization(row) and "with an explicit deny" in row["errorMessage"]
        row["label"] = denial[triple(row)] if explicit else row["lenient_id"]
    return rows


def is_authorization(row):
    return "not authorized to perform" in (row["errorMessage"] or "")


def triple(row):
    return row["eventSource"], row["eventName"], row["errorCode"]


def explained(binary, rows):
    """Returns the output of `explain` for each row, in order."""
    fields = ("eventSource", "eventName", "errorCode", "errorMessage")
    events = "".join(json.dumps({f: row[f] for f in fields}) + "\n" for row in rows)
    done = subprocess.run(
        [binary, "explain", "--format", "jsonl", "-"], input=events, capture_output=True,
        text=True, check=True, encoding="utf-8",
    )
    explanations = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(explanations) == len(rows), "explain must print one line for each row"
    return explanations


def groups(pairs):
    """Returns the members of each group, in the order of the pairs."""
    found = collections.defaultdict(list)
    for key, member in pairs:
        found[key].append(member)
    return found


def reason(explanation):
    identity = explanation.get("identity") or {}
    return "{} {} template={!r}".format(
        identity.get("class"), identity.get("code"), identity.get("template"))


def score(binary, path):
    rows = labelled(path)
    for row, explanation in zip(rows, explained(binary, rows)):
        # A row that the program does not count as an error (a dry run) is a cluster of its own.
        row["cluster"] = explanation["cluster_id"] or "ignored:" + row["label"]
        row["why"] = reason(explanation)

    by_label = groups((row["label"], row) for row in rows)
    several = {label: found for label, found in by_label.items() if len(found) > 1}
    split = {label: found for label, found in several.items()
             if len({row["cluster"] for row in found}) > 1}

    by_triple = groups((triple(row), row) for row in rows)
    mixed = {key: found for key, found in by_triple.items()
             if len({row["label"] for row in found}) > 1}
    merged = {}
    for key, found in mixed.items():
        labels = groups((row["cluster"], row) for row in found)
        if any(len({row["label"] for row in shared}) > 1 for shared in labels.values()):
            merged[key] = found

    clusters = len({row["cluster"] for row in rows})
    off = abs(clusters - len(by_label)) / len(by_label)
    whole, apart = len(several) - len(split), len(mixed) - len(merged)
    print(f"{len(rows)} rows, {len(by_label)} templates")
    print(f"whole:    {whole} of {len(several)} templates with several rows")
    print(f"apart:    {apart} of {len(mixed)} calls with several templates")
    print(f"clusters: {clusters}, {off:.2%} off the number of templates")
    for label, found in split.items():
        print(f"split {label} {triple(found[0])}")
        for row in {row["cluster"]: row for row in found}.values():
            print(f"    {row['why']}  of {row['errorMessage']!r:.140}")
    for key, found in merged.items():
        print(f"merged {key}: {found[0]['why']}")
        for row in {row["label"]: row for row in found}.values():
            print(f"    {row['label']} {row['errorMessage']!r:.140}")
    return whole >= WHOLE_MIN and apart >= APART_MIN and off <= CLUSTERS_OFF_MAX


def main(arguments):
    binary, *paths = arguments
    corpus = os.environ.get("CLOUDTRAIL_CORPUS", "../shared/cloudtrail")
    path = paths[0] if paths else os.path.join(corpus, "labelled.jsonl.gz")
    if not os.path.exists(path):
        print(f"quality: skipped, there is no {path}")
        return 0
    return 0 if score(binary, path) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
