"""Checks the evaluation of alarms in alarms.py against the tables in CloudWatch's documentation."""

import unittest

from alarms import state, state_by_periods

# From "Configuring how CloudWatch alarms treat missing data": five periods, oldest first, X is breaching, - is missing. Then
# the states if missing data is ignored, breaching, and not breaching.
THREE_OF_THREE = [
    ("0-X-X", "OK", "OK", "OK"),
    ("0----", "OK", "OK", "OK"),
    ("-----", "before", "ALARM", "OK"),
    ("0XX-X", "ALARM", "ALARM", "ALARM"),
    ("----X", "before", "ALARM", "OK"),
    ("X----", "before", "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0-X-X", "ALARM", "ALARM", "ALARM"),
    ("00X0X", "ALARM", "ALARM", "ALARM"),
    ("0-X--", "OK", "ALARM", "OK"),
    ("----0", "OK", "ALARM", "OK"),
    ("----X", "before", "ALARM", "OK"),
]


class Alarms(unittest.TestCase):
    def test_missing_data_is_treated_as_documented(self):
        for enough, table in [(3, THREE_OF_THREE), (2, TWO_OF_THREE)]:
            for periods, *wanted in table:
                for treated, state_wanted in zip(("ignore", "breaching", "notBreaching"), wanted):
                    alarm = {"EvaluationPeriods": 3, "DatapointsToAlarm": enough, "TreatMissingData": treated}
                    newest_first = [{"0": False, "X": True, "-": None}[one] for one in reversed(periods)]
                    with self.subTest(periods, enough=enough, treated=treated):
                        self.assertEqual(state_by_periods(alarm, newest_first, "before"), state_wanted)

    def test_samples_count_in_their_period_by_the_statistic(self):
        alarm = {
            "Period": 300, "EvaluationPeriods": 1, "Threshold": 10, "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
        samples = [(6, 99), (4, 6), (0, 5)]
        for statistic, wanted in [("Sum", "ALARM"), ("Maximum", "OK"), ("SampleCount", "OK")]:
            with self.subTest(statistic):
                self.assertEqual(state(alarm | {"Statistic": statistic}, samples, 1), wanted)
        self.assertEqual(state(alarm | {"Statistic": "Sum"}, samples[:1], 1), "OK")
        self.assertEqual(state(alarm | {"Statistic": "Sum"}, samples[:1], 2), "ALARM", "older periods count if newer ones have no data")

    def test_unsupported_properties_raise_an_error(self):
        alarm = {
            "Period": 300, "EvaluationPeriods": 1, "Threshold": 10, "ComparisonOperator": "LessThanThreshold",
            "TreatMissingData": "missing", "Statistic": "Average",
        }
        for samples in ([], [(0, 1)]):
            with self.assertRaises(KeyError):
                state(alarm, samples, 1)


if __name__ == "__main__":
    unittest.main()
