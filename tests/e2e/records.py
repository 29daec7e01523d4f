"""CloudTrail records for the tests, in the form in which CloudWatch Logs sends them."""

import base64
import gzip
import itertools
import json
import time
import uuid

# Each name is used once, so that each event is a new cluster.
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
    """Returns the record of a successful call."""
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
    """Returns the record of a call that failed with AccessDenied."""
    action = f"{source}:{name}"
    message = (
        f"User: arn:aws:iam::111122223333:user/mia is not authorized to perform: {action} on resource: * "
        f"because no identity-based policy allows the {action} action"
    )
    return success(name, source, hours_ago) | {"errorCode": "AccessDenied", "errorMessage": message}


def throttled(name, source="ec2", hours_ago=0):
    """Returns the record of a throttled call; clusters of such errors recover after six quiet hours."""
    refused = {"errorCode": "ThrottlingException", "errorMessage": "Rate exceeded"}
    return success(name, source, hours_ago) | refused


def of_account(event, account, key="AKIAIOSFODNN7EXAMPLE"):
    """Returns the record of the same call in another account, with an access key of that account."""
    user = {"accountId": account, "arn": f"arn:aws:iam::{account}:user/mia", "accessKeyId": key}
    return event | {"recipientAccountId": account, "userIdentity": event["userIdentity"] | user}


def of_user(event, user, key):
    """Returns the record of the same call made by another user of the account, with an access key of that user."""
    identity = {"userName": user, "arn": f"arn:aws:iam::111122223333:user/{user}", "accessKeyId": key}
    return event | {"userIdentity": event["userIdentity"] | identity}


def copy_of_call(event, account):
    """Returns the copy of a record that another account logs of the same call; sets the shared event id of both."""
    event["sharedEventID"] = new_id()
    return event | {"recipientAccountId": account, "eventID": new_id()}


def by_role(event, account, role):
    """Returns the record of the same call made by a session of a role."""
    return event | {
        "recipientAccountId": account,
        "userIdentity": {"type": "AssumedRole", "accountId": account, "arn": f"arn:aws:sts::{account}:assumed-role/{role}/session"},
    }


def payload(messages, now=None):
    """Returns the event that CloudWatch Logs sends to the function for these messages: records, or texts as they are.

    With `now`, in seconds since 1970, the same messages give the same event.
    """
    new = lambda text: uuid.uuid4() if now is None else uuid.uuid5(uuid.NAMESPACE_OID, text)
    at = int((time.time() if now is None else now) * 1000)
    texts = [one if isinstance(one, str) else json.dumps(one) for one in messages]
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "/org/cloudtrail/shop",
        "logStream": "trail",
        "subscriptionFilters": ["watch-ingest"],
        "logEvents": [{"id": str(new(text).int), "timestamp": at, "message": text} for text in texts],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode(), mtime=now)).decode()}}


def failed_invocation(function_arn, event):
    """Returns the key and the content of the object that AWS Lambda writes after the last failed attempt of an event."""
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
