"""Checks that docs/cost.md has the computed tables, and that the computation matches the template."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from rules import ours, read_metrics
from stack import ROOT, Stack

sys.path.insert(0, str(ROOT / "infra"))
import cost

ALL_SINKS = {"Topic": "create", "EventBusName": "default"}


def run(*arguments):
    command = [sys.executable, str(ROOT / "infra" / "cost.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Cost(unittest.TestCase):
    def test_the_page_has_the_computed_tables_and_meets_the_goals(self):
        done = run("--check")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_other_prices_give_other_tables(self):
        listed = json.loads((ROOT / "infra" / "cost" / "prices.json").read_text(encoding="utf-8"))
        listed["prices"]["dashboard_month"]["price"] = 77
        with tempfile.TemporaryDirectory() as folder:
            other = pathlib.Path(folder) / "prices.json"
            other.write_text(json.dumps(listed), encoding="utf-8")
            done = run("--prices", str(other))
        self.assertIn("| dashboard | 77.00 | 77.00 | 77.00 |", done.stdout)

    def test_the_number_of_alarms_is_that_of_the_template(self):
        for names, sinks in [("a", {}), ("a,b", {"Topic": "create"}), ("a", ALL_SINKS)]:
            stack = Stack(LogGroupNames=names, **sinks)
            alarms = stack.of_type("AWS::CloudWatch::Alarm")
            self.assertEqual(len(alarms), cost.alarms(len(names.split(",")), len(sinks)))
            self.assertEqual(stack.of_type("AWS::CloudWatch::CompositeAlarm"), {})

    def test_the_metrics_are_those_of_the_template(self):
        # Metrics of rare events cost almost nothing and are not counted.
        rare = {
            "AlertsDead", "AlertsFailed", "AlertsSuppressed", "BlindAccounts", "InvariantViolated", "PayloadsQuarantined",
            "RecordsQuarantined", "SelfDenied", "SinkMisconfigured",
        }
        for switch, off in [("alarms", {"Dashboard": "false"}), ("dashboard", {"Alarms": "false"})]:
            stack = Stack(Topic="create", **off)
            read = {metric for namespace, metric in read_metrics(stack) if namespace == ours(stack)}
            counted = {name for names in cost.METRICS[switch].values() for name in names}
            with self.subTest(switch):
                self.assertEqual(read - rare, counted)
        nothing = Stack(Topic="create", Dashboard="false", Alarms="false")
        self.assertEqual([one for one in read_metrics(nothing)], [])

    def test_a_small_account_writes_nine_metrics_in_the_mean_at_most(self):
        self.assertLessEqual(cost.metrics(cost.ACCOUNTS["small"], ("alarms", "dashboard")), 9)
        self.assertEqual(cost.metrics(cost.ACCOUNTS["small"], ()), 0)


if __name__ == "__main__":
    unittest.main()
