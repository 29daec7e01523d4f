#!/usr/bin/env python3
"""Composes the pattern of the subscription filters from the lists that select records.

CloudWatch Logs hands over what the pattern admits, and the engine selects among that. So the pattern has
to admit all that `select` in src/clusters/class.rs may select: what has an error, and the calls of
`SIGNINS`, `HIDDEN` and `WATCH` by their names. It may admit more: a name within a longer name, or a
sign-in that went well, which the engine then leaves.

Usage: filter.py            prints the pattern
       filter.py --check    fails when the template's default is another, or when it is too long
       filter.py --write    writes it into the template
Exit codes: 0 good, 1 not good, 2 wrong usage.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "clusters" / "class.rs"
TEMPLATE = ROOT / "template.yaml"

# Of CloudWatch Logs; a longer pattern is refused when the filter is made.
PATTERN_CHARS_MAX = 1024

# Where the pattern stands in the template: the one line after the parameter's name that is a default.
PLACE = re.compile(r"(?m)(^  FilterPattern:\n(?:    .*\n)*?    Default: )'(.*)'$")


def strings(source, table):
    """Returns the strings of a constant table in the source, in their order."""
    found = re.search(rf"(?ms)^const {table}: .*?= \[$(.*?)^\];$", source)
    if not found:
        sys.exit(f"filter.py: {SOURCE} has no table {table}; say in filter.py where the list is now")
    return re.findall(r'"([^"]+)"', found.group(1))


def events(source):
    """Returns the names of the calls that are selected without an error, sorted."""
    # Services begin with a small letter, calls with a capital; in HIDDEN the path of an answer follows,
    # which begins with the call's own name where it has a capital.
    names = set()
    for table in ("SIGNINS", "HIDDEN", "WATCH"):
        names.update(name for name in strings(source, table) if name[0].isupper())
    return sorted(name for name in names if not is_an_answer(name, names))


def is_an_answer(name, names):
    return name.endswith("Response") and name.removesuffix("Response") in names


def compose(source):
    """Returns the pattern. One regular expression, as a pattern may have two and no parentheses."""
    names = "|".join(events(source))
    return f'{{ ($.errorCode = "*") || ($.errorMessage = "*") || ($.eventName = %{names}%) }}'


def complaints(pattern, template):
    """Yields what is wrong with a pattern, or with the template that should have it."""
    if len(pattern) > PATTERN_CHARS_MAX:
        yield f"the pattern has {len(pattern)} characters, CloudWatch Logs takes {PATTERN_CHARS_MAX}; shorten the lists"
    place = PLACE.search(template)
    if not place:
        yield f"{TEMPLATE.name} has no default of FilterPattern on one line in single quotes"
    elif place.group(2) != pattern:
        yield f"the default of FilterPattern in {TEMPLATE.name} is not what the source says; run infra/filter.py --write"


def main(arguments):
    if arguments not in ([], ["--check"], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    pattern = compose(SOURCE.read_text(encoding="utf-8"))
    if not arguments:
        print(pattern)
        return 0
    template = TEMPLATE.read_text(encoding="utf-8")
    if arguments == ["--write"]:
        template = PLACE.sub(lambda place: f"{place.group(1)}'{pattern}'", template)
        TEMPLATE.write_text(template, encoding="utf-8")
    wrong = list(complaints(pattern, template))
    for complaint in wrong:
        print(f"filter.py: {complaint}", file=sys.stderr)
    if not wrong:
        print(f"{len(pattern)} of {PATTERN_CHARS_MAX} characters, as the template has it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
