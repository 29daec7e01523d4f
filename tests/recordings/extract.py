#!/usr/bin/env python3
"""Writes the recordings that README.md lists, with the name of the tool replaced, so that nothing can be found by it.

The recordings are read from a git directory of https://github.com/DataDog/stratus-red-team. Names are replaced in user agents, sessions,
roles, users, paths, buckets and all other texts.

Usage: extract.py GIT_DIRECTORY    writes NAME.json beside this script, for each name in README.md
"""

import json
import pathlib
import re
import subprocess
import sys

COMMIT = "7c9a7a5a63dc370260a6528dd0d30476854806c1"
HERE = pathlib.Path(__file__).resolve().parent
# Words that name the tool, its people or what it is for, and session tokens. The longer ones come first.
NEUTRAL = [
    (re.compile(r"stratus[-_ ]?red[-_ ]?team[-_][0-9a-f]{8}-[0-9a-f-]{27}", re.I), "aws-sdk-go-v2/1.30.3"),
    (re.compile(r"stratus[-_ ]?red[-_ ]?team", re.I), "example"),
    (re.compile(r"stratus", re.I), "example"),
    (re.compile(r"malicious|backdoor|exfiltration", re.I), "sample"),
    (re.compile(r"datadog|christophe", re.I), "alice"),
    (re.compile(r"grimoire", re.I), "example"),
    (re.compile(r"IQoJb3JpZ2lu[A-Za-z0-9+/=]+"), "EXAMPLETOKEN"),
]


def neutral(value):
    """Returns a value of JSON without the name of the tool in any of its texts and keys."""
    if isinstance(value, dict):
        return {neutral(key): neutral(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [neutral(inner) for inner in value]
    if isinstance(value, str):
        for pattern, word in NEUTRAL:
            value = pattern.sub(word, value)
    return value


def names():
    """Returns the names of the recordings in README.md."""
    return re.findall(r"^\d+\. `([^`]+)`", (HERE / "README.md").read_text(encoding="utf-8"), re.M)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for name in names():
        show = ["git", "-C", arguments[1], "show", f"{COMMIT}:docs/detonation-logs/{name}.json"]
        records = json.loads(subprocess.run(show, capture_output=True, check=True).stdout)
        lines = ",\n".join(json.dumps(neutral(record), ensure_ascii=False) for record in records)
        (HERE / f"{name}.json").write_text(f'{{"Records": [\n{lines}\n]}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
