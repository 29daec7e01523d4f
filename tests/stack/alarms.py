"""Evaluates alarms like CloudWatch, by its documentation, and defines the samples at which each alarm must trigger.

The page "Using Amazon CloudWatch alarms" documents how samples become one number for each period, and how many numbers must
be beyond the threshold. "Configuring how CloudWatch alarms treat missing data" documents periods without samples.
Properties of alarms that the stack does not use raise an error here.
"""

import operator

STATISTICS = {"Sum": sum, "Maximum": max, "SampleCount": len}
BEYOND = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}
FILLED = {"breaching": True, "notBreaching": False}


def state(alarm, samples, periods, before="OK"):
    """Returns the state of an alarm whose state was `before`. A sample is (age in minutes, value); older periods are ignored."""
    values = [[] for _ in range(periods)]
    for minutes, value in samples:
        period = minutes * 60 // int(alarm["Period"])
        if period < periods:
            values[period].append(value)
    number, compare = STATISTICS[alarm["Statistic"]], BEYOND[alarm["ComparisonOperator"]]
    return state_by_periods(alarm, [compare(number(one), float(alarm["Threshold"])) if one else None for one in values], before)


def state_by_periods(alarm, periods, before):
    """Returns the state of an alarm. `periods` has for each period, newest first, whether it is beyond the threshold; None without data."""
    many = int(alarm["EvaluationPeriods"])
    enough = int(alarm.get("DatapointsToAlarm", many))
    # Periods with data are used before missing periods are filled, even if they are older.
    beyond = [one for one in periods if one is not None][:many]
    missing = many - len(beyond)
    if missing and alarm["TreatMissingData"] == "ignore":
        if sum(beyond) < enough and all(beyond):
            return before
    elif missing:
        beyond += [FILLED[alarm["TreatMissingData"]]] * missing
    return "ALARM" if sum(beyond) >= enough else "OK"


# The state without data, by the state before: nothing happened, nothing changed, or the writer of the metric has failed.
NO_EVENTS, UNCHANGED, WRITER_FAILED = {"OK": "OK", "ALARM": "OK"}, {"OK": "OK", "ALARM": "ALARM"}, {"OK": "ALARM", "ALARM": "ALARM"}
SOME = ([(2, 1)], [[(2, 0)]], NO_EVENTS)
IN_ONE_HOUR = ([(50, 1), (2, 0)], [[(50, 0), (2, 0)]], NO_EVENTS)
# In two inspections in a row, until one inspection leaves nothing.
LEFT = ([(70, 3), (10, 1)], [[(70, 0), (10, 3)], [(70, 3), (10, 0)]], UNCHANGED)

# By the start of an alarm's name, like the headings of docs/runbook.md: samples at which it goes into ALARM, lists of samples
# at which it is OK, and the state without data.
CASES = {
    "delivery-errors": SOME,
    # For a quarter of an hour.
    "delivery-throttling": ([(12, 1), (7, 2), (2, 1)], [[(12, 0), (7, 2), (2, 1)], [(12, 1), (7, 2), (2, 0)]], NO_EVENTS),
    "event-age": ([(3, 20), (2, 900_001)], [[(3, 900_000), (2, 20)]], NO_EVENTS),
    "events-dropped": SOME,
    "failures-not-kept": SOME,
    # In two periods of five minutes in a row, regardless of the number of successful invocations.
    "errors-ingest": ([(8, 1), (7, 0), (3, 0), (2, 1)], [[(8, 0), (3, 1), (2, 1)], [(8, 1), (7, 1), (2, 0)]], NO_EVENTS),
    "errors-deliver": ([(12, 1), (7, 1), (2, 1)], [[(12, 0), (7, 1), (2, 1)], [(12, 1), (7, 1), (2, 0)]], NO_EVENTS),
    "errors-inspect": IN_ONE_HOUR,
    "self-denied": IN_ONE_HOUR,
    "violated": IN_ONE_HOUR,
    # An inspection that leaves no hour also counts as finished. One inspection in the hour before is enough.
    "no-inspection": ([], [[(10, 0)], [(70, 1)], [(70, 1), (10, 1), (8, 0)]], WRITER_FAILED),
    "inspection-behind": LEFT,
    "redrive-left": LEFT,
    "backfill-left": LEFT,
    # Each inspection says it again, until a drill gets through.
    "drill-failed": ([(10, 1)], [[(10, 0)], [(70, 1), (10, 0)]], UNCHANGED),
    "payloads-quarantined": IN_ONE_HOUR,
    # More than ten in an hour, in any number of invocations.
    "records-quarantined": ([(50, 4), (2, 7)], [[(50, 4), (2, 6)]], NO_EVENTS),
    # Alerts that were sent at once do not hide an alert that waits long.
    "oldest-alert": ([(8, 30), (7, 901), (3, 950), (2, 40)], [[(7, 900), (3, 950)], [(7, 901), (3, 900), (2, 40)]], WRITER_FAILED),
    # The metric is written each minute, as long as an alert waits for the sink.
    "misconfigured": ([(2, 1)], [], NO_EVENTS),
    "alerts-dead": IN_ONE_HOUR,
    # More than 100, which is the ErrorAlarmCount of the test.
    "many-errors": ([(50, 60), (2, 41)], [[(50, 60), (2, 40)]], NO_EVENTS),
}


def complaints(alarm, name):
    """Yields a complaint for each case in which an alarm has the wrong state."""
    case = CASES.get(max((prefix for prefix in CASES if f"{name}-".startswith(f"{prefix}-")), key=len, default=None))
    if case is None:
        yield "alarms.py has no case for it"
        return
    triggering, quiet, without_data = case
    # CloudWatch also reads some older periods; their number is not documented.
    for further in (0, 2):
        periods = int(alarm["EvaluationPeriods"]) + further
        for before in ("OK", "ALARM"):
            for samples, wanted in [(triggering, "ALARM"), *((one, "OK") for one in quiet), ([], without_data[before])]:
                found = state(alarm, samples, periods, before)
                if found != wanted:
                    yield f"it is {found} after {before} and {samples}, not {wanted}"
