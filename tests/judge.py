#!/usr/bin/env python3
"""Compares what the program concludes with what is right, case by case, and prints one table.

A case is a folder with one or more files `input*` and a file `expect.json`. The inputs go through `explain` and `scan --inspect`.
CONTRIBUTING.md describes the keys of `expect.json`; a key that is absent is not compared. If the set of labelled errors is
available, the last row is its score by `quality.py`.

Usage: judge.py BINARY FOLDER…    FOLDER is a case, or has one folder for each case
Exit codes: 0 all cases are right, or belong to a part that is not built yet; 1 a case is wrong or unjudged; 2 wrong usage
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import textwrap

import quality

# Keys of a record in `expect.json`, and where `explain` prints the value.
OF_RECORD = {
    "class": lambda said: said.get("class"),
    "principal": lambda said: facet(said, "principal"),
    "origin": lambda said: facet(said, "origin"),
    "action": lambda said: facet(said, "iam_action"),
    "layer": lambda said: facet(said, "layer"),
    "policy": lambda said: facet(said, "policy"),
    "resource": lambda said: facet(said, "resource"),
    "severity": lambda said: said.get("severity"),
    "account": lambda said: (said.get("identity") or {}).get("account_id"),
    "partition": lambda said: (said.get("identity") or {}).get("partition"),
    "selected": lambda said: said.get("selected", False),
    "reason": lambda said: said.get("reason"),
}
SEVERITIES = ["info", "warning", "error", "critical"]


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value):
    return isinstance(value, str)


def all_of(is_one):
    return lambda value: isinstance(value, list) and all(map(is_one, value))


def one_of(is_one):
    """A value, or a list of all values that are right."""
    return lambda value: is_one(value) or all_of(is_one)(value)


# Keys of `expect.json`, and what their values may be.
KEYS = {
    "records": all_of(lambda value: isinstance(value, dict)),
    "clusters": one_of(is_number),
    "sensitive_calls": one_of(is_number),
    "transitions": lambda value: isinstance(value, dict) and all(map(one_of(is_number), value.values())),
    "incidents": one_of(is_number),
    "alerts": one_of(is_number),
    "severity": one_of(lambda value: value is None or is_text(value)),
    "undated": one_of(is_number),
    "advice_contains": all_of(is_text),
    "advice_excludes": all_of(is_text),
    "owner": is_text,
}


def malformed(expect):
    """Returns what is wrong with the form of an expectation, None if nothing is."""
    if not isinstance(expect, dict):
        return "expect.json is no object"
    if unknown := sorted(set(expect) - set(KEYS)):
        return f"unknown keys {unknown}"
    if wrong := sorted(key for key, value in expect.items() if not KEYS[key](value)):
        return f"wrong values of {wrong}"
    unknown = {key for record in expect.get("records", []) for key in set(record) - set(OF_RECORD) - {"event_id"}}
    return f"unknown keys of a record {sorted(unknown)}" if unknown else None


def facet(said, name):
    return (said.get("facets") or {}).get(name)


class Case:
    """One folder: the expectation, and what the program concludes from its inputs."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.inputs = sorted(folder.glob("input*"))
        try:
            self.expect = json.loads((folder / "expect.json").read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            self.expect = f"not JSON: {error}"

    def owner(self):
        """Returns the part of the product that has to be built before the case can be right, or `None`."""
        return None if malformed(self.expect) else self.expect.get("owner")

    def run(self, *arguments):
        done = subprocess.run(
            [self.binary, *arguments, *self.inputs], capture_output=True, text=True, encoding="utf-8", check=False
        )
        return done.stdout

    def complaints(self):
        """Yields a sentence for each difference between the expectation and the conclusion."""
        if problem := malformed(self.expect) or (None if self.inputs else "no inputs"):
            yield f"the case is malformed: {problem}"
            return
        if "records" in self.expect:
            yield from self.of_records()
        if set(self.expect) - {"records", "owner"}:
            yield from self.of_scan()

    def of_records(self):
        printed = [json.loads(line) for line in self.run("explain", "--format", "jsonl").splitlines()]
        for expected in self.expect["records"]:
            event_id = expected.get("event_id")
            found = [said for said in printed if event_id in (None, said.get("event_id"))]
            if len(found) != 1:
                yield f"{len(found)} records have the id {event_id}"
                continue
            for key, right in expected.items():
                if key != "event_id":
                    yield from different(key, right, OF_RECORD[key](found[0]), event_id)

    def of_scan(self):
        printed = self.run("scan", "--inspect", "--format", "json")
        scan = json.loads(printed) if printed else {"clusters": [], "incidents": [], "transitions": []}
        clusters = scan["clusters"]
        listed = clusters + scan.get("sensitive_calls", [])
        kinds = [one["transition"] for one in scan.get("transitions", [])]
        if "clusters" in self.expect:
            yield from different("clusters", self.expect["clusters"], len(clusters))
        if "sensitive_calls" in self.expect:
            calls = scan.get("sensitive_calls", [])
            yield from different("sensitive_calls", self.expect["sensitive_calls"], len(calls))
        if "incidents" in self.expect:
            yield from different("incidents", self.expect["incidents"], len(scan["incidents"]))
        if "alerts" in self.expect:
            alerts = [one for one in scan.get("transitions", []) if one["alert"] or one["transition"] == "incident"]
            yield from different("alerts", self.expect["alerts"], len(alerts))
        for kind, right in self.expect.get("transitions", {}).items():
            yield from different(f"transitions {kind}", right, kinds.count(kind))
        if "severity" in self.expect:
            found = [one["severity"] for one in listed]
            yield from different("severity", self.expect["severity"], max(found, key=SEVERITIES.index, default=None))
        if "undated" in self.expect:
            undated = sum(cluster["count"] for cluster in clusters if cluster["first_seen"] is None)
            yield from different("undated", self.expect["undated"], undated)
        advice = " ".join(one.get("hint") or "" for one in listed)
        for text in self.expect.get("advice_contains", []):
            if text.lower() not in advice.lower():
                yield f"the advice does not contain {text!r}: {advice}"
        for text in self.expect.get("advice_excludes", []):
            if text.lower() in advice.lower():
                yield f"the advice contains {text!r}: {advice}"


def different(key, right, found, event_id=None):
    """Yields a sentence if a value is not right; a list has all values that are right."""
    if found not in (right if isinstance(right, list) else [right]):
        where = f" of {str(event_id)[-6:]}" if event_id else ""
        yield f"{key}{where} is {found!r}, not {right!r}"


def judged(binary, folder):
    """Returns the verdict on a case, and why it is not right."""
    if not (folder / "expect.json").exists():
        return "unjudged", ["there is no expect.json"]
    case = Case(binary, folder)
    why = list(case.complaints())
    if why and case.owner():
        return "later", [f"needs {case.owner()}", *why]
    return ("WRONG" if why else "right"), why


def cases_of(root):
    """Returns the folders of the cases below a folder, or the folder if it is a case itself."""
    if any((root / name).exists() for name in ("expect.json", "note.md")):
        return [root]
    return sorted((path for path in root.iterdir() if path.is_dir()), key=by_number)


def by_number(path):
    number, _, rest = path.name.partition("-")
    return (int(number) if number.isdigit() else 0, rest)


def print_row(verdict, name, why):
    print(f"{verdict:9} {name}")
    for complaint in why:
        print(textwrap.indent(textwrap.shorten(complaint, 240), " " * 12))


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    binary, *roots = arguments
    folders = [folder for root in roots for folder in cases_of(pathlib.Path(root))]
    count = dict.fromkeys(("right", "WRONG", "later", "unjudged"), 0)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for folder, (verdict, why) in zip(folders, pool.map(lambda folder: judged(binary, folder), folders)):
            count[verdict] += 1
            print_row(verdict, folder.name, why)
    print(", ".join(f"{number} {verdict}" for verdict, number in count.items()))
    is_good = quality.main([binary]) == 0
    print_row("right" if is_good else "WRONG", "labelled errors", [])
    return 0 if is_good and not count["WRONG"] and not count["unjudged"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
