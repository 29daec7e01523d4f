#!/usr/bin/env python3
"""Counts how many records the filter pattern of each Coverage admits, and the write units that they take.

The patterns are those of template.yaml, evaluated as CloudWatch Logs does by its user guide. The admitted records are ingested in
batches of 13, by the program "units" of this folder into the in-memory table of the tests, which counts write units as DynamoDB
bills them. To build it: cargo build --locked --profile dist -p benches --features table --bin units

Usage: coverage.py UNITS NAME=PATH…    UNITS is that program, each path a file or folder of records
"""

import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

TEMPLATE = pathlib.Path(__file__).parents[1] / "template.yaml"
BATCH = 13
TOKENS = re.compile(r'"[^"]*"|%[^%]*%|\|\||&&|>=|[=>()]|[^\s=>()]+')


def patterns():
    """Returns the pattern of each coverage, by name."""
    rows = TEMPLATE.read_text(encoding="utf-8").split("\n  FilterPatterns:\n")[1]
    return {name: re.search(rf"^    {name}:\n      Pattern: '(.*)'$", rows, re.MULTILINE)[1] for name in ("errors", "watched", "changes")}


def any_of(tokens):
    parts = [all_of(tokens)]
    while tokens and tokens[0] == "||":
        tokens.pop(0)
        parts.append(all_of(tokens))
    return lambda event: any(part(event) for part in parts)


def all_of(tokens):
    parts = [one(tokens)]
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        parts.append(one(tokens))
    return lambda event: all(part(event) for part in parts)


def one(tokens):
    first = tokens.pop(0)
    if first == "(":
        inner = any_of(tokens)
        tokens.pop(0)
        return inner
    steps = [int(step) if step.isdigit() else step for step in re.findall(r"[\w-]+", first)]
    test = comparison(tokens.pop(0), tokens.pop(0))
    return lambda event: test(value(event, steps))


def value(event, steps):
    """Returns what a selector points to; `None` if it is not there."""
    for step in steps:
        if isinstance(step, int):
            event = event[step] if isinstance(event, list) and step < len(event) else None
        else:
            event = event.get(step) if isinstance(event, dict) else None
    return event


def comparison(operator, operand):
    def is_number(found):
        return isinstance(found, (int, float)) and not isinstance(found, bool)

    if operator == "IS":
        return lambda found: found is (operand == "TRUE")
    if operator == ">":
        return lambda found: is_number(found) and found > float(operand)
    if operator == ">=":
        return lambda found: is_number(found) and found >= float(operand)
    regular = operand.strip("%") if operand.startswith("%") else "^" + re.escape(operand.strip('"')).replace(r"\*", ".*") + "$"
    compiled = re.compile(regular, re.DOTALL)
    return lambda found: isinstance(found, str) and compiled.search(found) is not None


def records(path):
    """Yields the records in a file or folder: trail files, or one record a line."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield from records(file)
        return
    content = path.read_bytes()
    text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8", "replace")
    try:
        whole = json.loads(text)
        yield from whole["Records"] if "Records" in whole else [whole]
    except (ValueError, KeyError, TypeError):
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def write_units(program, admitted):
    """Returns the write units that records take, in batches."""
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(admitted), BATCH):
            lines = (json.dumps(record) + "\n" for record in admitted[start : start + BATCH])
            (pathlib.Path(folder) / f"{start:08}.jsonl").write_text("".join(lines), encoding="utf-8")
        done = subprocess.run([program, "0", folder], capture_output=True, text=True)
    # The program fails if no record is an error.
    return json.loads(done.stdout)["write_units"] if done.returncode == 0 else None


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    tests = {}
    for name, pattern in patterns().items():
        tokens = TOKENS.findall(pattern.removeprefix("{").removesuffix("}"))
        tests[name] = any_of(tokens)
    for argument in arguments[1:]:
        name, path = argument.split("=", 1)
        found = [record for record in records(pathlib.Path(path)) if isinstance(record, dict)]
        print(f"{name}: {len(found)} records", flush=True)
        for coverage, admits in tests.items():
            admitted = [record for record in found if admits(record)]
            share = 100 * len(admitted) / max(len(found), 1)
            units = write_units(arguments[0], admitted)
            print(f"  {coverage}: {len(admitted)} admitted, {share:.1f} %; {units} write units", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
