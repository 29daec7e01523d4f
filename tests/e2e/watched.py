"""What watches a deployed stack: its dashboard and its alarms, what they name, and what sets an alarm off.

The emulator evaluates alarms when a metric is put, and not when none is; it takes a metric of any dimensions for an
alarm's own, and all periods that an alarm counts for one. tests/stack/alarms.py evaluates as CloudWatch does.
"""

import json
import re
import time

OURS = "CloudTrailInspector"
# CloudWatch takes what is two hours ahead. No inspection looks there for what was lost.
AHEAD_SECONDS = 5400
SEARCH = re.compile(r"""SEARCH\('\{([\w/,]+)\} MetricName="(\w+)" (\w+)="([\w-]+)"'""")


def metrics(widgets):
    """Yields the metrics that a dashboard names, with their dimensions; a search has None for what it finds any of."""
    for widget in widgets:
        for named in widget["properties"].get("metrics", []):
            if isinstance(named[0], str):
                texts = [one for one in named if isinstance(one, str)]
                yield texts[0], texts[1], dict(zip(texts[2::2], texts[3::2]))
            elif not named[0]["expression"].startswith("units"):
                schema, metric, known, name = SEARCH.match(named[0]["expression"]).groups()
                namespace, *dimensions = schema.split(",")
                yield namespace, metric, {one: name if one == known else None for one in dimensions}


def written(lines):
    """Yields the metrics in lines of metrics, as CloudWatch would take them from the log."""
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                yield from ((directive["Namespace"], one["Name"], dimensions) for one in directive["Metrics"] if one["Name"] in line)


# What is written only when it happened, and need not have in a story.
NOW_AND_THEN = {
    "AlertsDead", "AlertsFailed", "AlertsSuppressed", "BlindAccounts", "InvariantViolated", "PayloadsQuarantined", "RecordsQuarantined",
    "SelfDenied", "SinkMisconfigured",
}


def missing(client, named, lines):
    """Yields the metrics that nobody writes: no function into its log, or nothing that AWS would count."""
    ours = list(written(lines))
    there = {
        "FunctionName": {one["FunctionName"] for one in client("lambda").list_functions()["Functions"]},
        "TableName": set(client("dynamodb").list_tables()["TableNames"]),
        "LogGroupName": log_groups(client),
        "DestinationType": {"Lambda"},
    }
    there["FilterName"] = {
        one["filterName"]
        for group in there["LogGroupName"]
        for one in client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    }
    for namespace, metric, dimensions in named:
        fits = lambda found: found.keys() == dimensions.keys() and all(want in (None, found[name]) for name, want in dimensions.items())
        if namespace == OURS:
            # Of what happens now and then, tests/stack says that it can be written.
            is_there = metric in NOW_AND_THEN or any(name == metric and fits(found) for _, name, found in ours)
        else:
            is_there = all(there[name] if want is None else want in there[name] for name, want in dimensions.items())
        if not is_there:
            yield namespace, metric, dimensions


def log_groups(client):
    pages = client("logs").get_paginator("describe_log_groups").paginate()
    return {one["logGroupName"] for page in pages for one in page["logGroups"]}


def alarms(client, stack):
    """Returns the alarms of a stack on metrics, by name."""
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", AlarmTypes=["MetricAlarm"])
    return {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}


def silent(alarm):
    """Tells whether it is silence that sets an alarm off."""
    return alarm["ComparisonOperator"] == "LessThanThreshold"


def put(client, alarm, is_beyond):
    """Puts what an alarm watches, in each period that it counts: at its threshold, or just beyond. Against silence any value
    will do; nothing is no alarm for others that watch the same metric."""
    value = 0 if silent(alarm) else alarm["Threshold"] + (1 if is_beyond else 0)
    data = [
        {
            "MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": value,
            "Timestamp": time.time() + AHEAD_SECONDS - alarm["Period"] * period,
        }
        for period in range(alarm["EvaluationPeriods"])
    ]
    client("cloudwatch").put_metric_data(Namespace=alarm["Namespace"], MetricData=data)


def told(messages, state):
    """Returns the names of the alarms that a topic was told to be in a state, each as often as it was told."""
    bodies = [json.loads(one["Message"]) for one in messages]
    return sorted(one["AlarmName"] for one in bodies if one["NewStateValue"] == state)
