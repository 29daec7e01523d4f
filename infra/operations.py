#!/usr/bin/env python3
"""Writes src/service/coverage/operations.txt: all calls of AWS by service, and which of them a filter pattern must not admit by accident.

The calls are those of AWS's service models, in botocore from PyPI: `pip install botocore`. A fragment of a name in a filter pattern also
admits other calls. A call that reads is made far more often than one that changes something, so it gets a mark, and so do the calls
in `BUSY`.

Usage: operations.py
"""

import pathlib
import re
import string
import sys

from error_codes import models

TABLE = pathlib.Path(__file__).parents[1] / "src/service/coverage/operations.txt"

# First words of calls that read. Other calls that read have the trait "readonly" in their model.
READS = re.compile(
    r"(Batch)?(Analyze|Calculate|Check|Classify|Compare|Count|Describe|Detect|Discover|Download|Estimate|Evaluate|Explain|Filter|Get|Head|Is|List|Lookup"
    r"|Peek|Poll|Predict|Preview|Query|Read|Receive|Recognize|Render|Resolve|Retrieve|Sample|Scan|Search|Select|Simulate|Suggest|Test|Validate"
    r"|Verify|View)(?![a-z])"
)
# Calls that services, agents and deployments make all day, or that are data events; with a service, only there. From the demo trail and from own knowledge, 2026-11-29.
BUSY = set(
    "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity BatchWriteItem CompleteLayerUpload CompleteMultipartUpload Converse "
    "BatchImportFindings ConverseStream CopyObject CreateGrant CreateLogGroup CreateLogStream CreateMultipartUpload CreateNetworkInterface "
    "CreateSession CreateTags CreateToken Decrypt DeleteItem DeleteMessage DeleteNetworkInterface DeleteObject DeleteObjects DeleteTags DeregisterTargets Encrypt "
    "GetCredentialsForIdentity GetId GetOpenIdToken SendBulkEmail SendBulkTemplatedEmail SendEmail SendRawEmail SendTemplatedEmail "
    "GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateMac InitiateLayerUpload Invoke InvokeModel InvokeModelWithResponseStream "
    "OpenDataChannel Publish PutComplianceItems PutEvaluations PutEvents PutImage PutInventory PutItem PutLogEvents PutMetricData "
    "PutObject PutRecord PutRecordBatch PutRecords PutTraceSegments ReEncrypt RegisterContainerInstance RegisterTargets RetireGrant "
    "RunInstances SendMessage Sign StartExecution StartQueryExecution logs:StartQuery SubmitContainerStateChange SubmitTaskStateChange "
    "StartBackupJob TerminateInstances TransactWriteItems UpdateInstanceAssociationStatus UpdateInstanceInformation UpdateItem UploadLayerPart "
    "UploadPart".split()
)
# Calls that CloudTrail has by other names than botocore, or that botocore does not have. Sources: S3 User Guide, "Amazon S3 CloudTrail events";
# IAM Roles Anywhere User Guide, "Logging API calls using AWS CloudTrail"; public recordings of CloudTrail; 2026-11-29.
MORE = {
    "rds": "-DescribeRecommendationGroups",
    "redshift": "-ListSavedQueries -FetchResults",
    "rolesanywhere": "!CreateSession",
    "s3": (
        "DeleteAccountPublicAccessBlock DeleteBucketPublicAccessBlock -GetAccelerateConfiguration -GetAccountPublicAccessBlock "
        "-GetBucketObjectLockConfiguration -GetBucketPublicAccessBlock -GetStorageLensDashboard -GetStorageLensDashboardDataInternal "
        "PutAccelerateConfiguration PutAccountPublicAccessBlock PutBucketObjectLockConfiguration PutBucketPublicAccessBlock"
    ),
    "ssm": "-ListInstanceAssociations",
}


def mark(service, name, operation):
    """Returns the mark of a call: `-` for one that reads, `!` for one that is made all day."""
    if name in BUSY or f"{service}:{name}" in BUSY:
        return "!"
    return "-" if READS.match(name) or operation.get("readonly") else ""


def main():
    import botocore

    services = {}
    for service, model in models():
        calls = services.setdefault(service, {})
        calls |= {name: mark(service, name, operation) for name, operation in model["operations"].items()}
    for service, calls in MORE.items():
        services[service] |= {call.lstrip("-!"): call[0].strip(string.ascii_letters) for call in calls.split()}
    head = (
        f"# All calls by service, by AWS's service models, botocore {botocore.__version__}; made by infra/operations.py. A line with a colon is "
        "a service, and its calls follow. A dash marks a call that only reads, an exclamation mark one that changes something and is made all day."
    )
    lines = [line for service in sorted(services) for line in [service + ":", *(services[service][name] + name for name in sorted(services[service]))]]
    TABLE.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    print(f"{sum(map(len, services.values()))} calls of {len(services)} services")
    return 0


if __name__ == "__main__":
    sys.exit(main())
