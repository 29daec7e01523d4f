"""CloudTrail records made by hand, as CloudWatch Logs would hand them over."""

import base64
import gzip
import itertools
import json
import time
import uuid

# Each name once, so that each trial is a new cluster.
NUMBERS = itertools.count(1)

RULES = """
[[rule]]
name = "one that is ignored"
when = { eventName = ["IgnoredByRule"] }
ignore = true
reason = "to see that rules are read"
"""


def new_id():
    return str(uuid.uuid4())


def new_name():
    return f"DescribeThing{next(NUMBERS)}"


def success(name, source="ec2", hours_ago=0):
    """Returns a record of a call that went well."""
    called_at = time.gmtime(time.time() - 3600 * hours_ago)
    return {
        "eventVersion": "1.11",
        "eventID": new_id(),
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", called_at),
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.17",
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "IAMUser",
            "accountId": "111122223333",
            "userName": "mia",
            "arn": "arn:aws:iam::111122223333:user/mia",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        },
    }


def failure(name, source="ec2", hours_ago=0):
    """Returns a record of a call that was refused."""
    action = f"{source}:{name}"
    message = (
        f"User: arn:aws:iam::111122223333:user/mia is not authorized to perform: {action} on resource: * "
        f"because no identity-based policy allows the {action} action"
    )
    return success(name, source, hours_ago) | {"errorCode": "AccessDenied", "errorMessage": message}


def throttled(name, source="ec2", hours_ago=0):
    """Returns a record of a call that came too often; such errors are over after six quiet hours."""
    refused = {"errorCode": "ThrottlingException", "errorMessage": "Rate exceeded"}
    return success(name, source, hours_ago) | refused


def of_account(event, account, key="AKIAIOSFODNN7EXAMPLE"):
    """Returns the record of a call in another account, with one of its keys."""
    user = {"accountId": account, "arn": f"arn:aws:iam::{account}:user/mia", "accessKeyId": key}
    return event | {"recipientAccountId": account, "userIdentity": event["userIdentity"] | user}


def copy_of_call(event, account):
    """Gives a record the id that it shares with another one of the same call, and returns that one, of another account."""
    event["sharedEventID"] = new_id()
    return event | {"recipientAccountId": account, "eventID": new_id()}


def by_role(event, account, role):
    """Returns the record of a call that a session of a role made."""
    return event | {
        "recipientAccountId": account,
        "userIdentity": {"type": "AssumedRole", "accountId": account, "arn": f"arn:aws:sts::{account}:assumed-role/{role}/session"},
    }


def payload(messages):
    """Returns the event that the function gets for these records, or texts that are none."""
    now = int(time.time() * 1000)
    texts = [one if isinstance(one, str) else json.dumps(one) for one in messages]
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "/org/cloudtrail/shop",
        "logStream": "trail",
        "subscriptionFilters": ["watch-ingest"],
        "logEvents": [{"id": str(uuid.uuid4().int), "timestamp": now, "message": text} for text in texts],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}}


def failed_invocation(function_arn, event):
    """Returns what AWS Lambda keeps of an event whose last attempt failed, and under which key."""
    moment = time.gmtime()
    key = time.strftime(f"aws/lambda/async/{function_arn.rsplit(':', 1)[-1]}/%Y/%m/%d/%Y-%m-%dT%H.%M.%S-{new_id()}", moment)
    return key, {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", moment),
        "requestContext": {
            "requestId": new_id(),
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "StoreUnavailable", "errorMessage": "cannot commit"},
    }
