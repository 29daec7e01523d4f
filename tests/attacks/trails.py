"""Makes records and trail files by hand, and picks real or generated events."""

import gzip
import json
import pathlib

ACCOUNT = "111122223333"


def uuid(number, file=0):
    return f"{file:08x}-0000-4000-8000-{number:012x}"


def record(number=1, file=0, **changes):
    """Returns a failed call, changed by the given fields; None removes one."""
    fields = {
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/mia",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAEXAMPLE123456789",
            "userName": "mia",
        },
        "eventTime": "2026-11-03T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.17",
        "errorCode": "AccessDenied",
        "errorMessage": "Access Denied",
        "requestParameters": {"bucketName": "orders", "key": "a"},
        "responseElements": None,
        "eventID": uuid(number, file),
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None or name == "responseElements"}


def success(number=1, file=0, **changes):
    """Returns a call that did not fail."""
    return record(number, file, **{"errorCode": None, "errorMessage": None, **changes})


def text(value):
    return json.dumps(value, separators=(",", ":"))


def trail(records):
    return text({"Records": records}).encode()


def lines(records):
    return "".join(text(each) + "\n" for each in records).encode()


def payload(records):
    """Returns the event of a subscription with the records."""
    import base64

    content = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": "trail",
        "logStream": "one",
        "subscriptionFilters": ["errors"],
        "logEvents": [{"id": str(number), "timestamp": 1793700000000, "message": text(each)} for number, each in enumerate(records)],
    }
    packed = gzip.compress(text(content).encode(), mtime=0)
    return text({"awslogs": {"data": base64.b64encode(packed).decode()}}).encode()


def events(folder, program, temporary, wanted, dice):
    """Returns `wanted` events as JSON texts: real ones of the folder if it has any, else generated ones, and which it was."""
    found = sorted(pathlib.Path(folder).glob("**/*.jsonl.gz")) if folder else []
    found = [path for path in found if path.parent.name == "events"] or found
    if found:
        texts = [line for path in found for line in gzip.open(path, "rt", encoding="utf-8") if line.strip()]
        source = "real events"
    else:
        place = pathlib.Path(temporary) / "generated"
        if not place.exists():
            program.run("generate", place)
        texts = []
        for path in sorted(place.glob("**/*.json.gz")):
            try:
                texts += [text(each) for each in json.load(gzip.open(path)).get("Records", [])]
            except (ValueError, OSError, EOFError):
                # The made-up trail has damaged files, too.
                continue
        source = "generated events"
    dice.shuffle(texts)
    return texts[:wanted], source
