"""The pattern of the filters is that of the source, fits, and lets through what the engine selects."""

import json
import os
import re
import subprocess
import sys
import unittest

from stack import ROOT, TEMPLATE, parsed

sys.path.insert(0, str(ROOT / "infra"))
import filter as composer  # infra/filter.py

SOURCE = composer.SOURCE.read_text(encoding="utf-8")
PATTERN = parsed(TEMPLATE)["Parameters"]["FilterPattern"]["Default"]
FIXTURES = ROOT / "tests" / "fixtures" / "records"


def admits(pattern, record):
    """Tells whether a pattern of the form that is composed lets a record through, as AWS documents it."""
    form = r'\{ \(\$\.errorCode = "\*"\) \|\| \(\$\.errorMessage = "\*"\) \|\| \(\$\.eventName = %([A-Za-z|]+)%\) \}'
    names = re.fullmatch(form, pattern).group(1)
    has = lambda key: isinstance(record.get(key), str)
    return has("errorCode") or has("errorMessage") or bool(has("eventName") and re.search(names, record["eventName"]))


class Filter(unittest.TestCase):
    def test_the_template_has_the_pattern_of_the_source(self):
        self.assertEqual(list(composer.complaints(composer.compose(SOURCE), TEMPLATE)), [])

    def test_another_list_in_the_source_is_noticed(self):
        more = SOURCE.replace('"CreateUser",', '"CreateUser", "CreateGroup",')
        self.assertNotEqual(more, SOURCE)
        self.assertTrue(list(composer.complaints(composer.compose(more), TEMPLATE)))

    def test_a_pattern_that_is_too_long_is_noticed(self):
        names = " ".join(f'"Create{"Abcdefgh"}{"x" * many}",' for many in range(12))
        longer = composer.compose(SOURCE.replace('"CreateUser",', f'"CreateUser", {names}'))
        self.assertTrue(any("1024" in complaint for complaint in composer.complaints(longer, TEMPLATE)))

    def test_what_is_selected_without_an_error_is_in_the_pattern(self):
        names = composer.events(SOURCE)
        for name in ("ConsoleLogin", "CheckMfa", "UserAuthentication", "RunTask", "CreateFleet", "StopLogging"):
            self.assertIn(name, names)
        self.assertNotIn("CreateFleetResponse", names)
        self.assertTrue(all(re.fullmatch("[A-Za-z]+", name) for name in names))

    def test_what_the_engine_selects_is_let_through(self):
        binary = os.environ.get("INSPECTOR")
        if not binary:
            self.skipTest("INSPECTOR does not name the command line; make stack does")
        events = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FIXTURES.glob("*.json"))]
        lines = "".join(json.dumps(event) + "\n" for event in events)
        told = subprocess.run(
            [binary, "explain", "--format", "jsonl", "-"], input=lines, capture_output=True, text=True, check=True, timeout=60
        )
        selected = [json.loads(line)["selected"] for line in told.stdout.splitlines()]
        self.assertEqual(len(selected), len(events))
        self.assertGreater(sum(selected), 20)
        for event, chosen in zip(events, selected):
            if chosen:
                self.assertTrue(admits(PATTERN, event), event["eventName"])

    def test_a_call_that_merely_succeeded_is_held_back(self):
        self.assertFalse(admits(PATTERN, {"eventName": "DescribeInstances", "errorCode": None}))


if __name__ == "__main__":
    unittest.main()
