"""When an alarm goes off: what CloudWatch makes of samples by its documentation, and what each alarm is there for.

"Using Amazon CloudWatch alarms" says how samples become a number for each period, and how many of these have to be
beyond the threshold; "Configuring how CloudWatch alarms treat missing data" what stands for a period without any. What
no alarm of the stack uses fails here.
"""

import operator

STATISTICS = {"Sum": sum, "Maximum": max, "SampleCount": len}
BEYOND = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}
FILLED = {"breaching": True, "notBreaching": False}


def state(alarm, samples, looks_back, before="OK"):
    """Returns the state of an alarm that was in one `before`. A sample is so many minutes old and has a value."""
    values = [[] for _ in range(looks_back)]
    for minutes, value in samples:
        period = minutes * 60 // int(alarm["Period"])
        if period < looks_back:
            values[period].append(value)
    number, compare = STATISTICS[alarm["Statistic"]], BEYOND[alarm["ComparisonOperator"]]
    return judged(alarm, [compare(number(one), float(alarm["Threshold"])) if one else None for one in values], before)


def judged(alarm, periods, before):
    """Returns the state by which periods, the newest first, are beyond the threshold; None where nothing is known."""
    many = int(alarm["EvaluationPeriods"])
    enough = int(alarm.get("DatapointsToAlarm", many))
    # As few as possible are filled: what is known counts however old it is.
    beyond = [one for one in periods if one is not None][:many]
    missing = many - len(beyond)
    if missing and alarm["TreatMissingData"] == "ignore":
        if sum(beyond) < enough and all(beyond):
            return before
    elif missing:
        beyond += [FILLED[alarm["TreatMissingData"]]] * missing
    return "ALARM" if sum(beyond) >= enough else "OK"


# What silence says: that nothing happened, nothing that was not known before, or that somebody is silent who should speak.
NOTHING, UNKNOWN, SILENT = {"OK": "OK", "ALARM": "OK"}, {"OK": "OK", "ALARM": "ALARM"}, {"OK": "ALARM", "ALARM": "ALARM"}
SOME = ([(2, 1)], [[(2, 0)]], NOTHING)
OF_AN_HOUR = ([(50, 1), (2, 0)], [[(50, 0), (2, 0)]], NOTHING)
# Two inspections in a row, until one leaves none.
LEFT = ([(70, 3), (10, 1)], [[(70, 0), (10, 3)], [(70, 3), (10, 0)]], UNKNOWN)

# By the beginning of an alarm's name, as by the headings of docs/runbook.md: what it goes off at, what it does not go off
# at or ends with, and what silence says.
COURSES = {
    "delivery-errors": SOME,
    # For a quarter of an hour.
    "delivery-throttling": ([(12, 1), (7, 2), (2, 1)], [[(12, 0), (7, 2), (2, 1)], [(12, 1), (7, 2), (2, 0)]], NOTHING),
    "event-age": ([(3, 20), (2, 900_001)], [[(3, 900_000), (2, 20)]], NOTHING),
    "events-dropped": SOME,
    "failures-not-kept": SOME,
    # Twice five minutes in a row, however many calls go well meanwhile.
    "errors-ingest": ([(8, 1), (7, 0), (3, 0), (2, 1)], [[(8, 0), (3, 1), (2, 1)], [(8, 1), (7, 1), (2, 0)]], NOTHING),
    "errors-deliver": ([(12, 1), (7, 1), (2, 1)], [[(12, 0), (7, 1), (2, 1)], [(12, 1), (7, 1), (2, 0)]], NOTHING),
    "errors-inspect": OF_AN_HOUR,
    "self-denied": OF_AN_HOUR,
    "violated": OF_AN_HOUR,
    # An inspection that leaves no hour has come to its end as well; one in the hour before is enough, two are fine.
    "no-inspection": ([], [[(10, 0)], [(70, 1)], [(70, 1), (10, 1), (8, 0)]], SILENT),
    "inspection-behind": LEFT,
    "redrive-left": LEFT,
    "backfill-left": LEFT,
    "payloads-quarantined": OF_AN_HOUR,
    # More than ten in an hour, of however many calls.
    "records-quarantined": ([(50, 4), (2, 7)], [[(50, 4), (2, 6)]], NOTHING),
    # What waits long is not made less by what was sent at once.
    "oldest-alert": ([(8, 30), (7, 901), (3, 950), (2, 40)], [[(7, 900), (3, 950)], [(7, 901), (3, 900), (2, 40)]], SILENT),
    # It is said each minute, as long as something waits for the sink.
    "misconfigured": ([(2, 1)], [], NOTHING),
    "alerts-dead": OF_AN_HOUR,
    # More than the hundred that the test asks for.
    "many-errors": ([(50, 60), (2, 41)], [[(50, 60), (2, 40)]], NOTHING),
}


def complaints(alarm, name):
    """Yields where an alarm is not in the state that its course should bring."""
    course = COURSES.get(max((known for known in COURSES if f"{name}-".startswith(f"{known}-")), key=len, default=None))
    if course is None:
        yield "nobody says what it goes off at"
        return
    off, not_off, silence = course
    # CloudWatch looks further back than it has to, and does not say how far.
    for further in (0, 2):
        looks_back = int(alarm["EvaluationPeriods"]) + further
        for before in ("OK", "ALARM"):
            for samples, wanted in [(off, "ALARM"), *((one, "OK") for one in not_off), ([], silence[before])]:
                found = state(alarm, samples, looks_back, before)
                if found != wanted:
                    yield f"it is {found} after {before} and {samples}, not {wanted}"
