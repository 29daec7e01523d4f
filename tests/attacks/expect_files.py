"""Files `expect.json` of cases: whatever is in one, the case gets a verdict, and one of a wrong form is not right."""

import json
import pathlib
import shutil
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

import judge  # noqa: E402

ODD = [None, True, -1, 1.5, "", "x", "\u202e", [], [[]], {}, {"x": 1}, [None, {}], [{"class": []}], 10**400]


def attack(group):
    whole = sorted((TESTS / "cases").iterdir())[0]
    good = {"clusters": 1, "records": [{"class": "denied"}], "severity": "error", "transitions": {"new": 1}, "advice_contains": ["x"], "owner": "x"}
    cases = [(f"{key} is {json.dumps(value)[:20]}", json.dumps(good | {key: value}).encode()) for key in [*judge.KEYS, "unknown"] for value in ODD]
    text = json.dumps(good).encode()
    cases += [(f"cut at {end}", text[:end]) for end in range(0, len(text), 7)]
    cases += [("deep", b"[" * 100_000), ("no UTF-8", b"\xff\xfe"), ("NUL", b"\0"), ("a list", b"[]"), ("a number", b"1e999")]
    for name, content in group.some(cases):
        folder = group.place(name)
        for given in whole.glob("input*"):
            shutil.copy(given, folder)
        (folder / "expect.json").write_bytes(content)
        group.case(name, told(group.program.path, folder, content), content)


def told(program, folder, content):
    """Returns what is wrong with the verdict on a case."""
    try:
        verdict, why = judge.judged(program, folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    try:
        is_right_form = not judge.malformed(json.loads(content))
    except (ValueError, RecursionError):
        is_right_form = False
    if not is_right_form and (verdict != "WRONG" or "malformed" not in why[0]):
        return f"{verdict}, though the form is wrong: {why}"
    return None
