#!/usr/bin/env python3
"""Writes the filter patterns of the stack parameter Coverage into template.yaml, and prints what each admits and what not.

Usage: filter.py PROGRAM    the command line program, which composes the patterns
"""

import pathlib
import re
import subprocess
import sys

TEMPLATE = pathlib.Path(__file__).parents[1] / "template.yaml"


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    text = TEMPLATE.read_text(encoding="utf-8")
    for coverage in ("errors", "watched", "changes"):
        command = [arguments[0], "rules", "filter", "--coverage", coverage]
        pattern = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip("\n")
        row = re.compile(rf"^(    {coverage}:\n      Pattern: ).*$", re.MULTILINE)
        text, count = row.subn(lambda found: f"{found[1]}'{pattern}'", text)
        if count != 1:
            print(f"template.yaml has no place for the pattern of {coverage}", file=sys.stderr)
            return 1
    TEMPLATE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
