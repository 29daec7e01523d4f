"""Starts ministack with faults that it does not have by itself, for drill.py.

- CloudWatch Logs needs the permission of the function to call it, as in AWS. A call that it cannot make counts as DeliveryErrors.
- While the file `throttled` is in the folder of the process, DynamoDB refuses each write as throttled.

The patched names are private; they are checked at the start, so another version of ministack is noticed.
"""

import json
import pathlib

import ministack.services.cloudwatch as metrics
import ministack.services.cloudwatch_logs as logs
import ministack.services.dynamodb as tables
import ministack.services.lambda_svc as functions
from ministack.app import main

THROTTLED = pathlib.Path("throttled")
WRITES = {"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"}

forward, handle = logs._fanout_to_subscription_filters, tables.handle_request
publish, log_groups, known = metrics.record_metric, logs._log_groups, functions._functions


def forward_if_permitted(group, stream, events):
    """Forwards log events by the filters of a log group whose function may be called."""
    filters = (log_groups.get(group) or {}).get("subscriptionFilters") or {}
    refused = {name: one for name, one in filters.items() if not may_call(one["destinationArn"].rsplit(":", 1)[-1])}
    for name in refused:
        dimensions = {"LogGroupName": group, "DestinationType": "Lambda", "FilterName": name}
        publish("AWS/Logs", "DeliveryErrors", len(events), unit="Count", dimensions=dimensions)
        del filters[name]
    try:
        forward(group, stream, events)
    finally:
        filters.update(refused)


def may_call(function):
    """Returns whether a function exists and lets CloudWatch Logs call it."""
    statements = (known.get(function) or {}).get("policy", {}).get("Statement", [])
    return any("logs." in json.dumps(one["Principal"]) for one in statements)


async def refuse_if_throttled(method, path, headers, body, query):
    target = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
    if THROTTLED.exists() and target.rsplit(".", 1)[-1] in WRITES:
        error = {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "Rate exceeded"}
        return 400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(error).encode()
    return await handle(method, path, headers, body, query)


logs._fanout_to_subscription_filters = forward_if_permitted
tables.handle_request = refuse_if_throttled

if __name__ == "__main__":
    main()
