"""What must hold of the deployed stack: each rule looks at it and yields complaints, none where all is well.

The rules are functions, so that the tests can show of each that it complains about a broken template.
"""

import json

from stack import listed

FUNCTION, ROLE, TABLE, BUCKET = "IngestFunction", "IngestRole", "Table", "Bucket"
ASYNC_FOLDER = "aws/lambda/async/watch-ingest/"


def no_action_has_a_wildcard(stack):
    for statement in stack.statements():
        yield from (f"action {action}" for action in statement["Action"] if "*" in action)
        yield from (f"{key} allows the rest" for key in ("NotAction", "NotResource") if key in statement)


def resources_are_ours(stack):
    for statement in stack.statements():
        for resource in statement["Resource"]:
            # <Name.Arn>, or a folder in the bucket.
            if not resource.startswith("<") or resource.rstrip("*").count("*"):
                yield f"resource {resource} is none of the stack's"
            if resource.endswith("*") and not resource.endswith("/*"):
                yield f"resource {resource} is more than a folder"


def policies_are_written_here(stack):
    for name, role in stack.of_type("AWS::IAM::Role").items():
        if role["Properties"].get("ManagedPolicyArns"):
            yield f"{name} has managed policies"
        if not role["Properties"].get("Policies"):
            yield f"{name} has no policy"
    roles = list(stack.of_type("AWS::IAM::Role"))
    if roles != [ROLE]:
        yield f"roles {roles}"


def ingest_may_do_this_and_no_more(stack):
    may = {statement["Sid"]: statement for statement in stack.statements()}
    table = ["BatchGetItem", "PutItem", "UpdateItem"]
    expected = {
        "Clusters": ([f"dynamodb:{action}" for action in table], "<Table.Arn>"),
        "Quarantine": (["s3:PutObject"], "<Bucket.Arn>/quarantine/*"),
        "FailedInvocations": (["s3:PutObject"], f"<Bucket.Arn>/{ASYNC_FOLDER}*"),
        "FailedInvocationsBucket": (["s3:ListBucket"], "<Bucket.Arn>"),
        "Log": (["logs:CreateLogStream", "logs:PutLogEvents"], "<IngestLogGroup.Arn>"),
    }
    if stack.values["RulesObject"]:
        expected["Rules"] = (["s3:GetObject"], f"<Bucket.Arn>/{stack.values['RulesObject']}")
    found = {sid: (sorted(one["Action"]), ", ".join(one["Resource"])) for sid, one in may.items()}
    if found != expected:
        yield f"the role may {found}"
    keys = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["C#*", "M#*", "O#*", "Q#*"]}}
    if may.get("Clusters", {}).get("Condition") != keys:
        yield "the role may write other keys of the table"


def permissions_name_their_source(stack):
    partition, region, suffix = stack.place
    permissions = stack.of_type("AWS::Lambda::Permission").values()
    expected = {
        f"arn:{partition}:logs:{region}:111122223333:log-group:{group}:*"
        for group in stack.values["LogGroupNames"].split(",")
    }
    if {one["Properties"].get("SourceArn") for one in permissions} != expected:
        yield f"permissions are not for exactly {expected}"
    for one in permissions:
        properties = one["Properties"]
        if properties.get("SourceAccount") != "111122223333":
            yield "a permission without the account that may use it"
        if properties["Principal"] != f"logs.{region}.{suffix}":
            yield f"a permission for {properties['Principal']}"
        if properties["Action"] != "lambda:InvokeFunction":
            yield f"a permission to {properties['Action']}"


def filters_wait_for_their_permission(stack):
    filters = stack.of_type("AWS::Logs::SubscriptionFilter")
    if not filters:
        yield "no filters"
    for name, made in filters.items():
        waits_for = made.get("DependsOn") or "nothing"
        permission = waits_for if isinstance(waits_for, str) else waits_for[0]
        granted = stack.resources.get(permission, {}).get("Properties", {}).get("SourceArn", "")
        if not granted.endswith(f":log-group:{made['Properties']['LogGroupName']}:*"):
            yield f"{name} does not wait for the permission of its log group"


def filters_read_what_is_asked_for(stack):
    filters = stack.of_type("AWS::Logs::SubscriptionFilter").values()
    groups = sorted(one["Properties"]["LogGroupName"] for one in filters)
    if groups != sorted(stack.values["LogGroupNames"].split(",")):
        yield f"filters for {groups}"
    for one in filters:
        properties = one["Properties"]
        if properties["FilterPattern"] != stack.values["FilterPattern"]:
            yield f"pattern {properties['FilterPattern']}"
        if properties.get("EmitSystemFields") != ["@aws.account", "@aws.region"]:
            yield "account and region of a record are not handed over"
        if properties["DestinationArn"] != "<IngestFunction.Arn>":
            yield f"destination {properties['DestinationArn']}"


def failures_are_kept(stack):
    configs = list(stack.of_type("AWS::Lambda::EventInvokeConfig").values())
    if len(configs) != 1:
        yield "no configuration of what happens to failed invocations"
        return
    properties = configs[0]["Properties"]
    if properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") != "<Bucket.Arn>":
        yield "failed invocations go nowhere"
    if properties.get("MaximumRetryAttempts") != 2 or properties.get("MaximumEventAgeInSeconds") != 21600:
        yield "failed invocations are not tried again as often and as long as Lambda can"


def log_groups_expire(stack):
    functions = stack.of_type("AWS::Lambda::Function")
    groups = stack.of_type("AWS::Logs::LogGroup")
    if not groups:
        yield "no log groups"
    for name, group in groups.items():
        if not group["Properties"].get("RetentionInDays"):
            yield f"{name} keeps logs for ever"
    for name, function in functions.items():
        group = function["Properties"].get("LoggingConfig", {}).get("LogGroup", "")
        if group.strip("<>") not in groups:
            yield f"{name} writes to a log group that Lambda makes, without an end"


def the_function_is_as_agreed(stack):
    properties = stack.properties(FUNCTION)
    agreed = {"Handler": "ingest", "Runtime": "provided.al2023", "Timeout": 120, "Role": "<IngestRole.Arn>"}
    found = {name: properties.get(name) for name in agreed}
    if found != agreed:
        yield f"the function is {found}"
    if properties["Architectures"] != [stack.values["Architecture"]]:
        yield f"the function runs on {properties['Architectures']}"
    if "VpcConfig" in properties or stack.of_type("AWS::Lambda::Url"):
        yield "the function can be reached"
    reserved = stack.values["ReservedConcurrency"] or None
    if properties.get("ReservedConcurrentExecutions") != reserved:
        yield "the function does not reserve what was asked for"
    if stack.properties(ROLE).get("PermissionsBoundary") != (stack.values["PermissionsBoundary"] or None):
        yield "the role is not bounded as asked for"


def the_environment_is_as_agreed(stack):
    found = dict(stack.properties(FUNCTION)["Environment"]["Variables"])
    further = stack.values["SelfPrincipals"]
    agreed = {
        "TABLE_NAME": "<Table>",
        "BUCKET_NAME": "<Bucket>",
        "SELF_PRINCIPALS": "<IngestRole.Arn>" + (f",{further}" if further else ""),
        "RETENTION_DAYS": stack.values["RetentionDays"],
        "LEARN_HOURS": stack.values["LearnHours"],
        "RULES_OBJECT": stack.values["RulesObject"],
        "ACCOUNT_NAMES": stack.values["AccountNames"],
        "LOG_LEVEL": "info",
    }
    if found != agreed:
        yield f"the environment is {found}"


def the_table_is_as_agreed(stack):
    properties = stack.properties(TABLE)
    key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    index_key = [{"AttributeName": "g1p", "KeyType": "HASH"}, {"AttributeName": "g1s", "KeyType": "RANGE"}]
    (index,) = properties["GlobalSecondaryIndexes"]
    most = {"MaxWriteRequestUnits": stack.values["MaxWriteRequestUnits"]}
    for what, found, agreed in [
        ("key", properties["KeySchema"], key),
        ("index", (index["IndexName"], index["KeySchema"]), ("gsi1", index_key)),
        ("projection", index["Projection"], {"ProjectionType": "KEYS_ONLY"}),
        ("end of items", properties.get("TimeToLiveSpecification"), {"AttributeName": "ttl", "Enabled": True}),
        ("stream", properties.get("StreamSpecification"), {"StreamViewType": "KEYS_ONLY"}),
        ("price", properties.get("BillingMode"), "PAY_PER_REQUEST"),
        ("ceiling", properties.get("OnDemandThroughput"), most),
        ("ceiling of the index", index.get("OnDemandThroughput"), most),
        ("copies", properties.get("PointInTimeRecoverySpecification"), {"PointInTimeRecoveryEnabled": True}),
    ]:
        if found != agreed:
            yield f"{what} of the table: {found}"


def what_is_kept_outlives_the_stack(stack):
    for name in (TABLE, BUCKET, "BucketPolicy"):
        made = stack.resources[name]
        if (made.get("DeletionPolicy"), made.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
            yield f"{name} goes with the stack"
    if stack.properties(TABLE).get("DeletionProtectionEnabled") is not True:
        yield "the table can be deleted by mistake"


def the_bucket_is_closed(stack):
    properties = stack.properties(BUCKET)
    closed = properties.get("PublicAccessBlockConfiguration", {})
    if len(closed) != 4 or not all(value is True for value in closed.values()):
        yield "the bucket can be made public"
    if properties.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
        yield "objects may belong to others"
    if not properties.get("BucketEncryption"):
        yield "the bucket is not encrypted"
    if properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "what is deleted in the bucket is gone"
    denials = [
        listed(statement)
        for policy in stack.of_type("AWS::S3::BucketPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    if not any(
        one["Effect"] == "Deny"
        and one["Principal"] == "*"
        and one["Action"] == ["s3:*"]
        and one["Resource"] == ["<Bucket.Arn>", "<Bucket.Arn>/*"]
        and one.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for one in denials
    ):
        yield "the bucket may be used without encryption on the way"
    yield from (f"the bucket's policy allows {one}" for one in denials if one["Effect"] != "Deny")


def failed_records_expire(stack):
    rules = stack.properties(BUCKET).get("LifecycleConfiguration", {}).get("Rules", [])
    ends = {
        rule["Prefix"]: (rule.get("ExpirationInDays"), rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"))
        for rule in rules
        if rule["Status"] == "Enabled" and "Prefix" in rule
    }
    if ends != {"quarantine/": (30, 30), "aws/lambda/async/": (30, 30)}:
        yield f"objects expire after {ends}"


def every_partition_is_spelled_right(stack):
    partition, region, suffix = stack.place
    text = json.dumps([stack.resources, stack.outputs])
    for other in ("arn:aws:", "arn:aws-cn:", "arn:aws-us-gov:"):
        if other != f"arn:{partition}:" and other in text:
            yield f"{other} in {partition}"
    # Lambda's own principal is spelled alike everywhere.
    rest = text.replace("lambda.amazonaws.com", "")
    if suffix != "amazonaws.com" and "amazonaws.com" in rest.replace(suffix, ""):
        yield f"amazonaws.com in {partition}"
    host = {"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn"}
    for name in ("TableConsole", "LogConsole"):
        link = stack.outputs[name]
        if not link.startswith(f"https://{host.get(partition, 'console.amazonaws-us-gov.com')}/") or region not in link:
            yield f"{name} leads to {link}"


def parameters_explain_themselves(stack):
    form = stack.source["Metadata"]["AWS::CloudFormation::Interface"]
    labels = form["ParameterLabels"]
    grouped = [name for group in form["ParameterGroups"] for name in group["Parameters"]]
    parameters = stack.source["Parameters"]
    if sorted(grouped) != sorted(parameters):
        yield "the groups of the form are not the parameters"
    for name, how in parameters.items():
        for key in ("Description", "ConstraintDescription", "Default"):
            if key not in how or (key != "Default" and not how[key].rstrip().endswith((".", "._-"))):
                yield f"{name} has no {key}, or one that is no sentence"
        if not how.get("ConstraintDescription", "").startswith("must be"):
            yield f"{name} does not say what it must be"
        if not labels.get(name, {}).get("default"):
            yield f"{name} has no label"
        bounded = "AllowedPattern" in how or "AllowedValues" in how or {"MinValue", "MaxValue"} <= set(how)
        if not bounded:
            yield f"{name} takes anything"


def the_outputs_say_what_to_try(stack):
    if stack.outputs.get("TryClusters") != "cloudtrail-inspector clusters list --stack watch":
        yield "no command to try"
    if (stack.outputs.get("TableName"), stack.outputs.get("BucketName")) != ("<Table>", "<Bucket>"):
        yield "table or bucket is not told"


RULES = [
    rule
    for name, rule in list(globals().items())
    if callable(rule) and getattr(rule, "__module__", "") == __name__ and not name.startswith("_")
]
