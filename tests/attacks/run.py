#!/usr/bin/env python3
"""Attacks the command line program with hostile input, and prints a line for each group: cases, held, failed.

A failure is printed with its input, which is kept in the folder of --keep. Without real events, generated ones are used.

Usage: run.py PROGRAM [--short] [--seed N] [--events FOLDER] [--keep FOLDER] [GROUP…]
       run.py --list
Exit codes: 0 all held; 1 something did not hold; 2 wrong usage.
"""

import argparse
import importlib
import pathlib
import random
import resource
import sys
import tempfile
import time
import traceback

from group import Group
from program import Program

# Each group is a module of this folder with a function `attack`, and the share of its cases in a short run; 0 is none, where
# a few cases would cost seconds.
GROUPS = {
    "gzip_files": 0.15,
    "json_shapes": 0.05,
    "separators": 0.3,
    "prefixes": 0.05,
    "byte_flips": 0.03,
    "mutated_records": 0,
    "files_and_folders": 0,
    "output_places": 0.3,
    "broken_scans": 0,
    "environment": 0,
    "injected_text": 0.02,
    "foreign_store": 0,
    "kept_secrets": 0.05,
    "serve_requests": 0.1,
    "rules_files": 0,
    "expect_files": 0.05,
}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[2].partition(": ")[2].split("\n")[0])
    parser.add_argument("program", nargs="?")
    parser.add_argument("groups", nargs="*", metavar="GROUP", default=[])
    parser.add_argument("--short", action="store_true", help="a part of the cases")
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--events", help="folder with events/*.jsonl.gz")
    parser.add_argument("--keep", help="folder for inputs that did not hold")
    parser.add_argument("--list", action="store_true", help="print the groups")
    arguments = parser.parse_intermixed_args()
    if arguments.list:
        print("\n".join(GROUPS))
        return 0
    if arguments.program is None or not set(arguments.groups) <= set(GROUPS):
        parser.error("name the program, and groups that --list prints")
    kept = pathlib.Path(arguments.keep or pathlib.Path(tempfile.gettempdir()) / "attacks")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="attacks-") as temporary:
        for name in arguments.groups or [name for name, share in GROUPS.items() if share or not arguments.short]:
            program = Program(arguments.program, temporary)
            folder = pathlib.Path(temporary) / name
            folder.mkdir()
            share = GROUPS[name] or 0.05 if arguments.short else 1
            group = Group(name, program, folder, kept, share, random.Random(f"{name} {arguments.seed}"), arguments.events)
            failed += tried(group)
    return 1 if failed else 0


def tried(group):
    """Tries one group and prints what came out; returns how many cases failed."""
    began, used = time.monotonic(), used_seconds()
    try:
        importlib.import_module(group.name).attack(group)
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        group.case("the script itself", f"{type(error).__name__} at {at.filename}:{at.lineno}: {error}")
    held = group.cases - group.failed
    costs = f"{used_seconds() - used:.0f} s of CPU, {time.monotonic() - began:.0f} s"
    notes = "".join(f"; {note}" for note in group.notes)
    print(f"{group.name:17} {group.cases:6} cases, {held:6} held, {group.failed:3} failed  ({costs}{notes})", flush=True)
    for name, problem, places in group.failures:
        print(f"  {name}: {problem}" + "".join(f"\n    {place}" for place in places), flush=True)
    if group.failed > len(group.failures):
        print(f"  and {group.failed - len(group.failures)} more")
    return group.failed


def used_seconds():
    """Returns the processor time of this process and of all runs that are over."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


if __name__ == "__main__":
    sys.exit(main())
