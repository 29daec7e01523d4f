"""Reads the dashboard and the alarms of a deployed stack, checks the metrics that they name, and triggers alarms.

The emulator evaluates an alarm only when a metric is put. It ignores dimensions, and treats all periods that an alarm
counts as one. tests/stack/alarms.py evaluates alarms like CloudWatch.
"""

import json
import re
import time

OURS = "CloudTrailInspector"
# CloudWatch accepts samples up to two hours ahead; gap repair does not read samples of the future.
AHEAD_SECONDS = 5400
SEARCH = re.compile(r"""SEARCH\('\{([\w/,]+)\} MetricName="(\w+)" (\w+)="([\w-]+)"'""")


def metrics(widgets):
    """Yields namespace, name and dimensions of each metric of a dashboard. In a search, None is any value of a dimension."""
    for widget in widgets:
        for named in widget["properties"].get("metrics", []):
            if isinstance(named[0], str):
                texts = [one for one in named if isinstance(one, str)]
                yield texts[0], texts[1], dict(zip(texts[2::2], texts[3::2]))
            elif not named[0]["expression"].startswith("units"):
                schema, metric, fixed, name = SEARCH.match(named[0]["expression"]).groups()
                namespace, *dimensions = schema.split(",")
                yield namespace, metric, {one: name if one == fixed else None for one in dimensions}


def written(lines):
    """Yields the metrics that CloudWatch would extract from log lines in embedded metric format."""
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                yield from ((directive["Namespace"], one["Name"], dimensions) for one in directive["Metrics"] if one["Name"] in line)


# Metrics that are written only after certain events, which need not happen in a test.
RARE = {
    "AlertsDead", "AlertsFailed", "AlertsSuppressed", "BlindAccounts", "InvariantViolated", "PayloadsQuarantined", "RecordsQuarantined",
    "SelfDenied", "SinkMisconfigured",
}


def missing(client, named, lines):
    """Yields the named metrics that nothing writes: neither a function in its log nor AWS for an existing resource."""
    ours = list(written(lines))
    existing = {
        "FunctionName": {one["FunctionName"] for one in client("lambda").list_functions()["Functions"]},
        "TableName": set(client("dynamodb").list_tables()["TableNames"]),
        "LogGroupName": log_groups(client),
        "DestinationType": {"Lambda"},
    }
    existing["FilterName"] = {
        one["filterName"]
        for group in existing["LogGroupName"]
        for one in client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    }
    for namespace, metric, dimensions in named:
        fits = lambda found: found.keys() == dimensions.keys() and all(want in (None, found[name]) for name, want in dimensions.items())
        if namespace == OURS:
            # tests/stack checks that the source can write the rare metrics.
            is_there = metric in RARE or any(name == metric and fits(found) for _, name, found in ours)
        else:
            is_there = all(existing[name] if want is None else want in existing[name] for name, want in dimensions.items())
        if not is_there:
            yield namespace, metric, dimensions


def log_groups(client):
    pages = client("logs").get_paginator("describe_log_groups").paginate()
    return {one["logGroupName"] for page in pages for one in page["logGroups"]}


def alarms(client, stack):
    """Returns the metric alarms of a stack, by name."""
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", AlarmTypes=["MetricAlarm"])
    return {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}


def is_for_missing_data(alarm):
    """Returns whether an alarm goes into ALARM when its metric is not written."""
    return alarm["ComparisonOperator"] == "LessThanThreshold"


def put(client, alarm, is_beyond):
    """Puts samples of an alarm's metric, one in each period that the alarm counts: at its threshold, or beyond by one.

    An alarm for missing data gets zeros, which also trigger no other alarm of the same metric.
    """
    value = 0 if is_for_missing_data(alarm) else alarm["Threshold"] + (1 if is_beyond else 0)
    data = [
        {
            "MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": value,
            "Timestamp": time.time() + AHEAD_SECONDS - alarm["Period"] * period,
        }
        for period in range(alarm["EvaluationPeriods"])
    ]
    client("cloudwatch").put_metric_data(Namespace=alarm["Namespace"], MetricData=data)


def alarms_in(messages, state):
    """Returns the sorted names of the alarms whose change to a state is in these messages, once for each message."""
    bodies = [json.loads(one["Message"]) for one in messages]
    return sorted(one["AlarmName"] for one in bodies if one["NewStateValue"] == state)
