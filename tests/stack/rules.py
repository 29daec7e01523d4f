"""What must hold of the deployed stack: each rule looks at it and yields complaints, none where all is well.

The rules are functions, so that the tests can show of each that it complains about a broken template.
"""

import itertools
import json
import re

import alarms
import loops
import references
from stack import PLACES, ROOT, listed

FUNCTION, ROLE, TABLE, BUCKET = "IngestFunction", "IngestRole", "Table", "Bucket"
ASYNC_FOLDER = "aws/lambda/async/watch-ingest/"
INSPECT, DELIVER, WIDGET = "InspectFunction", "DeliverFunction", "WidgetFunction"
# What is there only if somebody is told.
OF_DELIVER = {
    DELIVER, "DeliverMapping", "DeliverRole", "DeliverLogGroup", "Schedule", "ScheduleGroup", "ScheduleRole", "ScheduleQueue",
}
# What Lambda calls the folder of an event source mapping; docs/stack.md says where that is documented.
ANY_UUID = "????????-????-????-????-????????????"
ROLES = {"ingest": ROLE, "inspect": "InspectRole", "deliver": "DeliverRole", "widget": "WidgetRole"}
# Each schedule with the role that it takes; only the first is always there.
SCHEDULES = {"inspect": "InspectScheduleRole", "deliver": "ScheduleRole"}


def told(stack):
    """Returns the sinks that are told."""
    asked = {
        "guance": stack.values["GuanceRoute"] != "none",
        "sns": stack.values["Topic"] != "",
        "eventbridge": stack.values["EventBusName"] != "",
    }
    return [sink for sink, is_told in asked.items() if is_told and stack.values["Notify"] == "true"]


def called(stack):
    """Returns the functions that a schedule calls."""
    return ["inspect", "deliver"] if told(stack) else ["inspect"]


def shown(stack):
    """Tells whether there is a dashboard."""
    return stack.values["Dashboard"] == "true"


def groups(stack):
    """Returns the log groups that are read."""
    return stack.values["LogGroupNames"].split(",") if stack.values["Enabled"] == "true" else []


def group_arns(stack, group):
    """Returns both names that IAM has for a log group."""
    partition, region, _ = stack.place
    arn = f"arn:{partition}:logs:{region}:111122223333:log-group:{group}"
    return [arn, f"{arn}:*"]


def topic(stack):
    return "<AlertTopic>" if stack.values["Topic"] == "create" else stack.values["Topic"]


def may(stack, role):
    """Returns the statements of one role by their names."""
    (policy,) = stack.properties(role)["Policies"]
    return {one["Sid"]: listed(one) for one in policy["PolicyDocument"]["Statement"]}


def no_action_has_a_wildcard(stack):
    for statement in stack.statements():
        yield from (f"action {action}" for action in statement["Action"] if "*" in action)
        yield from (f"{key} allows the rest" for key in ("NotAction", "NotResource") if key in statement)


def resources_are_ours(stack):
    # What is the account's and named by a parameter, or has no name that could be known.
    partition, region, _ = stack.place
    others = {
        "Secret": [stack.values["GuanceSecretArn"]],
        "Topic": [stack.values["Topic"]],
        "Bus": [f"arn:{partition}:events:{region}:111122223333:event-bus/{stack.values['EventBusName']}"],
        "AccessKeys": [f"arn:{partition}:iam::111122223333:user/*"],
        "AccessKeysOfOthers": [f"arn:{partition}:iam::*:role/{stack.values['AccountRoleName']}"],
        "LogGroup": [arn for group in groups(stack) for arn in group_arns(stack, group)],
        # IAM knows no resources of it, neither for one metric nor for one namespace.
        "Metrics": ["*"],
        "Streams": ["*"],
        "NetworkInterfaces": ["*"],
        "NoNetworkInterfacesForCode": ["*"],
    }
    for statement in stack.statements():
        for resource in statement["Resource"]:
            if resource and resource in others.get(statement["Sid"], []):
                continue
            # <Name.Arn>, or a folder in the bucket.
            if not resource.startswith("<") or resource.rstrip("*").count("*") or "?" in resource.replace(ANY_UUID, ""):
                yield f"resource {resource} is none of the stack's"
            if resource.endswith("*") and not resource.endswith("/*"):
                yield f"resource {resource} is more than a folder"


def policies_are_written_here(stack):
    for name, role in stack.of_type("AWS::IAM::Role").items():
        if role["Properties"].get("ManagedPolicyArns"):
            yield f"{name} has managed policies"
        if not role["Properties"].get("Policies"):
            yield f"{name} has no policy"
    roles = set(stack.of_type("AWS::IAM::Role"))
    expected = {ROLE} | {of[name] for name in called(stack) for of in (ROLES, SCHEDULES)}
    if roles != expected | ({ROLES["widget"]} if shown(stack) else set()):
        yield f"roles {roles}"
    if stack.of_type("AWS::IAM::ManagedPolicy") or stack.of_type("AWS::IAM::RolePolicy"):
        yield "there are policies that no rule looks at"


def roles_are_taken_by_who_they_are_for(stack):
    partition, region, _ = stack.place
    for name, role in stack.of_type("AWS::IAM::Role").items():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        function = {role: function for function, role in SCHEDULES.items()}.get(name)
        service = "scheduler" if function else "lambda"
        if statement["Principal"] != {"Service": f"{service}.amazonaws.com"} or statement["Action"] != "sts:AssumeRole":
            yield f"{name} is for {statement['Principal']}"
        if service == "scheduler" and statement.get("Condition") != {
            "StringEquals": {
                "aws:SourceAccount": "111122223333",
                "aws:SourceArn": f"arn:{partition}:scheduler:{region}:111122223333:schedule-group/watch-{function}",
            }
        }:
            yield f"{name} may be taken for the schedules of others"
        if role["Properties"].get("PermissionsBoundary") != (stack.values["PermissionsBoundary"] or None):
            yield f"{name} is not bounded as asked for"


def settings_are_for_the_functions(stack):
    roles = [role for role in ("IngestRole", "InspectRole", "DeliverRole", "WidgetRole") if role in stack.resources]
    (policy,) = stack.of_type("AWS::S3::BucketPolicy").values()
    denials = {one["Sid"]: listed(one) for one in policy["Properties"]["PolicyDocument"]["Statement"]}
    expected = {
        "Sid": "SettingsAreForTheFunctions",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": ["<Bucket.Arn>/config/*"],
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [f"<{role}.Arn>" for role in roles]}},
    }
    if denials.get(expected["Sid"]) != expected:
        yield f"others may read the settings: {denials}"
    for name in ("CanaryKeys", "SelfPrincipals"):
        if name in stack.source["Parameters"]:
            yield f"everybody who may look at the stack reads {name}"


def roles_may_do_this_and_no_more(stack):
    for role, agreed in allowed(stack).items():
        found = tersely(may(stack, role))
        for sid in sorted(found.keys() | agreed.keys()):
            if found.get(sid) != agreed.get(sid):
                yield f"{role} may, as {sid}, {found.get(sid)} where {agreed.get(sid)} is agreed"


def tersely(statements):
    """Returns of each statement its actions, what they are for, and under which condition, if there is one."""
    terse = {sid: (sorted(one["Action"]), ", ".join(one["Resource"]), one.get("Condition")) for sid, one in statements.items()}
    return {sid: of if of[2] else of[:2] for sid, of in terse.items()}


def keys(*names):
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(names)}}


def allowed(stack):
    """Returns what each role may do and no more, by the names of its statements."""
    sinks, values = told(stack), stack.values
    partition, region, _ = stack.place
    table = lambda *actions: [f"dynamodb:{action}" for action in actions]
    roles = {
        ROLE: of_function(stack, "ingest") | {
            "Clusters": (table("BatchGetItem", "PutItem", "UpdateItem"), "<Table.Arn>", keys("C#*", "D#", "K#*", "M#*", "O#*", "Q#*")),
            "Quarantine": (["s3:PutObject"], "<Bucket.Arn>/quarantine/*"),
            "FailedInvocations": (["s3:PutObject"], f"<Bucket.Arn>/{ASYNC_FOLDER}*"),
        },
        "InspectRole": of_function(stack, "inspect") | of_asking(stack) | {
            "Clusters": (
                table("BatchGetItem", "PutItem", "Query", "UpdateItem"), "<Table.Arn>",
                keys("A#*", "C#*", "D#", "K#*", "M#*", "O#*", "Q#*", "STACK"),
            ),
            "LateHours": (table("DeleteItem"), "<Table.Arn>", keys("D#")),
            "Chronicle": (["s3:GetObject", "s3:PutObject"], "<Bucket.Arn>/inspection/*"),
            "Quarantine": (["s3:PutObject"], "<Bucket.Arn>/quarantine/*"),
            "FailedInvocationsOfIngest": (["s3:DeleteObject", "s3:GetObject"], f"<Bucket.Arn>/{ASYNC_FOLDER}*"),
            "FailedInvocations": (["s3:PutObject"], "<Bucket.Arn>/aws/lambda/async/watch-inspect/*"),
        } | ({"Metrics": (["cloudwatch:GetMetricData"], "*")} if groups(stack) else {}),
    }
    for function in called(stack):
        role = SCHEDULES[function]
        roles[role] = {
            "Call": (["lambda:InvokeFunction"], f"<{function.capitalize()}Function.Arn>"),
            "FailedCalls": (["sqs:SendMessage"], f"<{role.removesuffix('Role')}Queue.Arn>"),
        }
    if shown(stack):
        roles["WidgetRole"] = of_function(stack, "widget") | {
            "Clusters": (table("BatchGetItem", "Query"), "<Table.Arn>", keys("C#*", "K#*", "M#*")),
            "Listing": (["s3:GetObject"], "<Bucket.Arn>/inspection/listing"),
        }
        if values["DashboardDecisions"] == "true":
            roles["WidgetRole"]["Decisions"] = (table("PutItem", "UpdateItem"), "<Table.Arn>", keys("C#*"))
    if sinks:
        roles["DeliverRole"] = of_function(stack, "deliver") | of_asking(stack) | {
            "Messages": (
                table("BatchGetItem", "PutItem", "Query", "UpdateItem"), "<Table.Arn>",
                keys("A#*", "C#*", "K#*", "O#*", "SINK#*", "Z#*"),
            ),
            "SentMessages": (table("DeleteItem"), "<Table.Arn>", keys("O#*")),
            "Clusters": (table("BatchGetItem", "Query"), "<Table.Arn>", keys("C#*", "M#*", "Q#*")),
            "Stream": (table("DescribeStream", "GetRecords", "GetShardIterator"), "<Table.Arn>/stream/*"),
            "Streams": (table("ListStreams"), "*"),
            "FailedInvocations": (
                ["s3:PutObject"], f"<Bucket.Arn>/aws/lambda/async/watch-deliver/*, <Bucket.Arn>/aws/lambda/{ANY_UUID}/*"
            ),
        }
        asked = {
            "Secret": (["secretsmanager:GetSecretValue"], values["GuanceSecretArn"]) if "guance" in sinks else None,
            "Topic": (["sns:Publish"], topic(stack)) if "sns" in sinks else None,
            "Bus": (
                ["events:PutEvents"], f"arn:{partition}:events:{region}:111122223333:event-bus/{values['EventBusName']}",
                {"StringEquals": {"events:source": "cloudtrail-inspector"}},
            ) if "eventbridge" in sinks else None,
            "NetworkInterfaces": (NETWORK_INTERFACES, "*") if values["VpcSubnetIds"] else None,
            "NoNetworkInterfacesForCode": (NETWORK_INTERFACES, "*", {"ArnEquals": {
                "lambda:SourceFunctionArn": f"arn:{partition}:lambda:{region}:111122223333:function:watch-deliver"
            }}) if values["VpcSubnetIds"] else None,
        }
        roles["DeliverRole"] |= {sid: of for sid, of in asked.items() if of and of[1]}
    return roles


def of_function(stack, name):
    """Returns what every function takes: its log, the settings object and its last good version, and the rules that it goes by."""
    bucket, rules = "Bucket" if name == "widget" else "FailedInvocationsBucket", stack.values["RulesObject"]
    return {
        "Log": (["logs:CreateLogStream", "logs:PutLogEvents"], f"<{name.capitalize()}LogGroup.Arn>"),
        bucket: (["s3:ListBucket"], "<Bucket.Arn>"),
        "Settings": (["s3:GetObject", "s3:GetObjectVersion"], "<Bucket.Arn>/config/settings.toml"),
        "SettingsVersions": (["s3:ListBucketVersions"], "<Bucket.Arn>", {"StringEquals": {"s3:prefix": "config/settings.toml"}}),
    } | ({"Rules": (["s3:GetObject"], f"<Bucket.Arn>/{rules}")} if rules and name != "widget" else {})


def of_asking(stack):
    """Returns what it takes to ask IAM about access keys."""
    partition, role = stack.place[0], stack.values["AccountRoleName"]
    expected = {"AccessKeys": (["iam:GetAccessKeyLastUsed"], f"arn:{partition}:iam::111122223333:user/*")}
    if role:
        ours = {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}
        expected["AccessKeysOfOthers"] = (["sts:AssumeRole"], f"arn:{partition}:iam::*:role/{role}", ours)
    return expected


def roles_that_ask_others_are_told(stack):
    has_role = stack.values["AccountRoleName"] != ""
    roles = {"InspectRoleArn": "InspectRole", "DeliverRoleArn": "DeliverRole"}
    for output, role in roles.items():
        is_there = has_role and (role == "InspectRole" or told(stack) != [])
        if stack.outputs.get(output) != (f"<{role}.Arn>" if is_there else None):
            yield f"the output {output} is {stack.outputs.get(output)}"


def inspect_may_read_again_what_is_read(stack):
    policies = stack.of_type("AWS::IAM::Policy").values()
    actions = ["logs:DescribeSubscriptionFilters", "logs:FilterLogEvents"]
    expected = sorted((actions, group_arns(stack, group)) for group in groups(stack))
    statements = [listed(one) for policy in policies for one in policy["Properties"]["PolicyDocument"]["Statement"]]
    found = sorted((sorted(one["Action"]), one["Resource"]) for one in statements)
    if found != expected:
        yield f"the role may {found}"
    names = [policy["Properties"]["PolicyName"] for policy in policies]
    for name in names:
        if names.count(name) > 1 or not re.fullmatch(r"[\w+=,.@-]{1,128}", name):
            yield f"{name} is no name for a policy of its own"
    if any(policy["Properties"]["Roles"] != ["<InspectRole>"] for policy in policies):
        yield "another role may read log groups"


# What Lambda does to connect a function to a VPC.
NETWORK_INTERFACES = [
    f"ec2:{action}"
    for action in (
        "AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets",
        "UnassignPrivateIpAddresses",
    )
]


def a_vpc_is_for_the_function_that_sends(stack):
    subnets, security_groups = (stack.values[name].split(",") for name in ("VpcSubnetIds", "VpcSecurityGroupIds"))
    wanted = {"SubnetIds": subnets, "SecurityGroupIds": security_groups} if subnets != [""] else None
    for name, made in stack.of_type("AWS::Lambda::Function").items():
        if made["Properties"].get("VpcConfig") != (wanted if name == DELIVER else None):
            yield f"{name} is in the VPC {made['Properties'].get('VpcConfig')}"
    if wanted is None or not told(stack):
        return
    if may(stack, "DeliverRole")["NoNetworkInterfacesForCode"]["Effect"] != "Deny":
        yield "the code of the function may change network interfaces"


def every_log_group(stack):
    """Returns the ARN that stands for all log groups of the account."""
    partition, region, _ = stack.place
    return f"arn:{partition}:logs:{region}:111122223333:log-group:*"


def permissions_name_their_source(stack):
    _, region, suffix = stack.place
    permissions = [one["Properties"] for one in stack.of_type("AWS::Lambda::Permission").values()]
    expected = [every_log_group(stack)]
    if [one.get("SourceArn") for one in permissions] != expected:
        yield f"permissions are not for exactly {expected}"
    for properties in permissions:
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
        waited_for = [stack.resources.get(other, {}).get("Properties", {}) for other in waits(made)]
        if not any(one.get("SourceArn") == every_log_group(stack) for one in waited_for):
            yield f"{name} does not wait for the permission to call"


def waits(made):
    """Returns the names of the resources that a resource waits for."""
    others = made.get("DependsOn", [])
    return [others] if isinstance(others, str) else others


def every_name_is_the_name_of_something(stack):
    yield from references.complaints(stack.unrolled())
    yield from references.complaints(stack.plain)


def loops_have_nothing_but_what_was_measured(stack):
    yield from loops.complaints(stack.source)
    for name, made in stack.resources.items():
        text = json.dumps(made)
        for item in stack.items():
            yield from (f"{name} has {left}" for left in (f"${{{item}}}", f"&{{{item}}}", f"<{item}>") if left in text)


def filters_read_what_is_asked_for(stack):
    filters = stack.of_type("AWS::Logs::SubscriptionFilter").values()
    groups = sorted(one["Properties"]["LogGroupName"] for one in filters)
    if groups != sorted(stack.values["LogGroupNames"].split(",")):
        yield f"filters for {groups}"
    for one in filters:
        properties = one["Properties"]
        if properties["FilterPattern"] != stack.values["FilterPattern"]:
            yield f"pattern {properties['FilterPattern']}"
        if "EmitSystemFields" in properties:
            yield "fields are handed over that nobody reads, and that the fast way of reading does not know"
        if properties["DestinationArn"] != "<IngestFunction.Arn>":
            yield f"destination {properties['DestinationArn']}"


def failures_are_kept(stack):
    configs = {one["Properties"]["FunctionName"].strip("<>"): one["Properties"] for one in stack.of_type("AWS::Lambda::EventInvokeConfig").values()}
    # How often and how long Lambda tries again: as much as it can, and not at all what comes every hour or minute.
    agreed = {FUNCTION: (2, 21600), INSPECT: (0, 3600)} | ({DELIVER: (0, 60)} if told(stack) else {})
    found = {name: (one.get("MaximumRetryAttempts"), one.get("MaximumEventAgeInSeconds")) for name, one in configs.items()}
    if found != agreed:
        yield f"failed invocations are tried again as often as {found}"
    for one in [*configs.values(), *(made["Properties"] for made in stack.of_type("AWS::Lambda::EventSourceMapping").values())]:
        if one.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") != "<Bucket.Arn>":
            yield "failed invocations go nowhere"


def what_waits_is_sent_at_once_and_looked_for_every_minute(stack):
    mappings = list(stack.of_type("AWS::Lambda::EventSourceMapping").values())
    schedules = [made for name, made in stack.of_type("AWS::Scheduler::Schedule").items() if name != "InspectSchedule"]
    if not told(stack):
        if OF_DELIVER & set(stack.resources):
            yield "nobody is told, and yet there is something that would tell"
        return
    if not set(stack.resources) >= OF_DELIVER or len(mappings) != 1 or len(schedules) != 1:
        yield "somebody is told, and there is not all that it takes"
        return
    mapping, schedule = mappings[0]["Properties"], schedules[0]["Properties"]
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    wanted = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "O#"}]}}}}
    agreed = [
        (json.loads(pattern["Pattern"]), wanted),
        (mapping["EventSourceArn"], "<Table.StreamArn>"),
        (mapping["FunctionName"], f"<{DELIVER}>"),
        (mapping["BisectBatchOnFunctionError"], True),
        (mapping["MaximumBatchingWindowInSeconds"], 1),
        (schedule["ScheduleExpression"], "rate(1 minute)"),
        (schedule["GroupName"], "<ScheduleGroup>"),
        (schedule["Target"]["Arn"], f"<{DELIVER}.Arn>"),
        (schedule["Target"]["RoleArn"], "<ScheduleRole.Arn>"),
        (schedule["Target"]["DeadLetterConfig"], {"Arn": "<ScheduleQueue.Arn>"}),
    ]
    yield from (f"{found} where {wanted} is agreed" for found, wanted in agreed if found != wanted)


def stock_is_taken_when_it_is_asked_for(stack):
    schedule = stack.properties("InspectSchedule")
    agreed = [
        (schedule["ScheduleExpression"], stack.values["InspectionSchedule"]),
        (schedule["FlexibleTimeWindow"], {"Mode": "OFF"}),
        (schedule["GroupName"], "<InspectScheduleGroup>"),
        (stack.properties("InspectScheduleGroup")["Name"], "watch-inspect"),
        (schedule.get("State", "ENABLED"), "ENABLED"),
        (schedule["Target"]["Arn"], f"<{INSPECT}.Arn>"),
        (schedule["Target"]["RoleArn"], "<InspectScheduleRole.Arn>"),
        (schedule["Target"]["DeadLetterConfig"], {"Arn": "<InspectScheduleQueue.Arn>"}),
    ]
    yield from (f"{found} where {wanted} is agreed" for found, wanted in agreed if found != wanted)


def the_topic_is_closed(stack):
    topics = stack.of_type("AWS::SNS::Topic")
    asked = {"AlertTopic": "Topic", "TopicOfAlarms": "AlarmTopic"}
    made = {name for name, parameter in asked.items() if stack.values[parameter] == "create"}
    if set(topics) != made:
        yield f"topics {set(topics)}"
    # Alarms may not use the account's key for SNS, and a key of one's own is another thing to pay for.
    for name, key in [("AlertTopic", "alias/aws/sns"), ("TopicOfAlarms", None)]:
        if name in topics and topics[name]["Properties"].get("KmsMasterKeyId") != key:
            yield f"{name} is encrypted with {topics[name]['Properties'].get('KmsMasterKeyId')}"
    policies = [
        listed(statement)
        for policy in stack.of_type("AWS::SNS::TopicPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    denied = {
        resource
        for one in policies
        for resource in one["Resource"]
        if (one["Effect"], one["Principal"], one.get("Condition")) == ("Deny", "*", {"Bool": {"aws:SecureTransport": "false"}})
    }
    if denied != {f"<{name}>" for name in made}:
        yield "a topic may be used without encryption on the way"
    allowed = [(one["Principal"], one["Action"], one["Resource"], one.get("Condition")) for one in policies if one["Effect"] == "Allow"]
    of_alarms = (
        {"Service": "cloudwatch.amazonaws.com"}, ["sns:Publish"], ["<TopicOfAlarms>"],
        {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    )
    if allowed != ([of_alarms] if "TopicOfAlarms" in made else []):
        yield f"topics may be used by {allowed}"
    for name, made in stack.of_type("AWS::SQS::Queue").items():
        if made["Properties"].get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"
        policy = stack.resources.get(f"{name}Policy", {}).get("Properties", {})
        denial = {
            "Sid": "EncryptedOnTheWay", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": f"<{name}.Arn>",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        if (policy.get("Queues"), policy.get("PolicyDocument", {}).get("Statement")) != ([f"<{name}>"], [denial]):
            yield f"{name} may be used without encryption on the way"


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
    roles = [("ingest", FUNCTION, 120), ("inspect", INSPECT, 900)] + ([("deliver", DELIVER, 90)] if told(stack) else [])
    for role, name, seconds in roles:
        properties = stack.properties(name)
        agreed = {"Handler": role, "Runtime": "provided.al2023", "Timeout": seconds, "Role": f"<{ROLES[role]}.Arn>"}
        found = {name: properties.get(name) for name in agreed}
        if found != agreed:
            yield f"the function is {found}"
        if properties["Architectures"] != [stack.values["Architecture"]]:
            yield f"the function runs on {properties['Architectures']}"
        if stack.of_type("AWS::Lambda::Url"):
            yield "the function can be reached"
    properties = stack.properties(FUNCTION)
    reserved = stack.values["ReservedConcurrency"] or None
    if properties.get("ReservedConcurrentExecutions") != reserved:
        yield "the function does not reserve what was asked for"


def environments_are_as_the_readme_has_them(stack):
    tables = {FUNCTION: ["variable"], INSPECT: ["variable", "further variable"]}
    tables |= {DELIVER: ["setting"]} if told(stack) else {}
    tables |= {WIDGET: ["variable of the widget"]} if shown(stack) else {}
    if set(stack.of_type("AWS::Lambda::Function")) != set(tables):
        yield f"functions {set(stack.of_type('AWS::Lambda::Function'))}"
    ours = [f"<{ROLES[name]}.Arn>" for name in ("ingest", *called(stack), *(["widget"] if shown(stack) else []))]
    computed = {
        "TABLE_NAME": "<Table>",
        "BUCKET_NAME": "<Bucket>",
        "SELF_PRINCIPALS": ",".join(ours),
        "SINKS": "".join(f"{sink}," for sink in told(stack)),
        "STACK_NAME": "watch",
        "LOG_LEVEL": "info",
        "OWN_ACCOUNT_ID": "111122223333",
        "PARTITION": stack.place[0],
        "INGEST_FUNCTION_NAME": f"<{FUNCTION}>",
        "LOG_GROUP_NAMES": ",".join(groups(stack)),
        "FILTER_NAME": "watch-ingest",
    }
    for function, names in tables.items():
        rows = {row[0].strip("`"): row[1].strip("`") for name in names for row in table(name)}
        agreed = {name: stack.values[parameter] if parameter else computed.get(name) for name, parameter in rows.items()}
        agreed |= {"TOPIC_ARN": topic(stack)} if "TOPIC_ARN" in agreed else {}
        # What is written has a rule of its own.
        found = stack.properties(function)["Environment"]["Variables"] | ({"METRICS": None} if "METRICS" in agreed else {})
        if found != agreed:
            yield f"the environment of {function} is {found}"


def table(first_column):
    """Returns the rows of the table in docs/parameters.md with this first column, as lists of cells."""
    rows = PARAMETERS.split(f"| {first_column} |", 1)[1].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in itertools.takewhile(lambda row: row.startswith("|"), rows)]


def the_table_is_as_agreed(stack):
    properties = stack.properties(TABLE)
    key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    most = {"MaxWriteRequestUnits": stack.values["MaxWriteRequestUnits"]}
    for what, found, agreed in [
        ("key", properties["KeySchema"], key),
        # Each write of an indexed attribute is billed once more.
        ("index", properties.get("GlobalSecondaryIndexes"), None),
        ("end of items", properties.get("TimeToLiveSpecification"), {"AttributeName": "ttl", "Enabled": True}),
        ("stream", properties.get("StreamSpecification"), {"StreamViewType": "KEYS_ONLY"}),
        ("price", properties.get("BillingMode"), "PAY_PER_REQUEST"),
        ("ceiling", properties.get("OnDemandThroughput"), most),
        ("copies", properties.get("PointInTimeRecoverySpecification"), {"PointInTimeRecoveryEnabled": True}),
    ]:
        if found != agreed:
            yield f"{what} of the table: {found}"


def what_is_kept_outlives_the_stack(stack):
    for name in (TABLE, BUCKET, "BucketPolicy"):
        made = stack.resources[name]
        # A first deployment that fails takes them back, and could not if the table were protected from the beginning.
        if (made.get("DeletionPolicy"), made.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain"):
            yield f"{name} goes with the stack, or stays after a first deployment that failed"
    if stack.properties(TABLE).get("DeletionProtectionEnabled") != stack.values["DeletionProtection"]:
        yield "the table is not protected as asked for"


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
    # What the inspection goes on from stays; of what it was an hour ago there is a day.
    if ends != {"quarantine/": (30, 30), "aws/lambda/": (30, 30), "inspection/": (None, 1), "config/": (None, 365)}:
        yield f"objects expire after {ends}"


def every_partition_is_spelled_right(stack):
    partition, region, suffix = stack.place
    text = json.dumps([stack.resources, stack.outputs])
    for other in (f"arn:{one}:" for one, _, _ in PLACES):
        if other != f"arn:{partition}:" and other in text:
            yield f"{other} in {partition}"
    # These principals are spelled alike everywhere.
    rest = text
    for service in ("lambda", "scheduler", "cloudwatch"):
        rest = rest.replace(f"{service}.amazonaws.com", "")
    if suffix != "amazonaws.com" and "amazonaws.com" in rest.replace(suffix, ""):
        yield f"amazonaws.com in {partition}"
    host = stack.source["Mappings"]["Console"].get(partition, {}).get("Host")
    links = {"TableConsole", "LogConsole"} | ({"DashboardConsole"} if shown(stack) else set())
    if {name for name in stack.outputs if name.endswith("Console")} != (links if host else set()):
        yield f"the outputs are {set(stack.outputs)}"
    for name in links & set(stack.outputs):
        if not stack.outputs[name].startswith(f"https://{region}.{host}/") or f"region={region}" not in stack.outputs[name]:
            yield f"{name} leads to {stack.outputs[name]}"


def maps_have_something_for_every_partition(stack):
    # The transform works a map out whatever the condition says, and fails where there is nothing:
    # https://github.com/aws-cloudformation/cfn-language-discussion/issues/113
    for of in maps_asked(stack.unrolled()):
        if of[1] == {"Ref": "AWS::Partition"} and (len(of) != 4 or "DefaultValue" not in of[3]):
            yield f"{of[0]} has nothing for a partition that it does not name"
        stack.worked_out("Fn::FindInMap", of)


def maps_asked(value):
    """Returns what is asked of the mappings."""
    if isinstance(value, list):
        return [one for part in value for one in maps_asked(part)]
    if not isinstance(value, dict):
        return []
    own = [value["Fn::FindInMap"]] if value.keys() == {"Fn::FindInMap"} else []
    return own + [one for part in value.values() for one in maps_asked(part)]


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
    if stack.outputs.get("TopicArn") != ("<AlertTopic>" if stack.values["Topic"] == "create" else None):
        yield "the topic is not told"
    if stack.outputs.get("AlarmTopicArn") != ("<TopicOfAlarms>" if stack.values["AlarmTopic"] == "create" else None):
        yield "the topic of alarms is not told"
    dashboard = stack.outputs.get("DashboardConsole", "")
    is_told = shown(stack) and stack.place[0] in stack.source["Mappings"]["Console"]
    if dashboard.endswith("#dashboards/dashboard/<DashboardOfStack>") != is_told:
        yield "the dashboard is not told"


def alarms_watch_what_is_there(stack):
    found = {}
    for made in stack.of_type("AWS::CloudWatch::Alarm").values():
        properties = made["Properties"]
        sign = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}.get(properties["ComparisonOperator"], "?")
        found[properties["AlarmName"].removeprefix("watch-")] = (
            properties["MetricName"],
            f"{properties['Statistic']} {sign} {properties['Threshold']}",
            # 3 * 300: in each of three times 300 seconds.
            f"{properties['EvaluationPeriods']} * {properties['Period']}",
            properties.get("TreatMissingData"),
        )
    agreed = of_alarms(stack)
    for name in sorted(found.keys() | agreed.keys()):
        if found.get(name) != agreed.get(name):
            yield f"{name} watches {found.get(name)} where {agreed.get(name)} is agreed"


def of_alarms(stack):
    """Returns what is watched: the metric, what it may not be, in how many times how many seconds, and what no data means."""
    if stack.values["Alarms"] != "true":
        return {}
    hours = stack.values["InspectionAlarmHours"]
    agreed = {
        "event-age": ("AsyncEventAge", "Maximum > 900000", "1 * 300", "notBreaching"),
        "events-dropped": ("AsyncEventsDropped", "Sum > 0", "1 * 300", "notBreaching"),
        "failures-not-kept": ("DestinationDeliveryFailures", "Sum > 0", "1 * 300", "notBreaching"),
        "errors-ingest": ("Errors", "Sum > 0", "2 * 300", "notBreaching"),
        "errors-inspect": ("Errors", "Sum > 0", "1 * 3600", "notBreaching"),
        "no-inspection": ("InspectionBehindHours", "SampleCount < 1", f"{hours} * 3600", "breaching"),
        "inspection-behind": ("InspectionBehindHours", "Maximum > 0", "2 * 3600", "ignore"),
        "redrive-left": ("RedriveLeft", "Maximum > 0", "2 * 3600", "ignore"),
        "backfill-left": ("BackfillLeft", "Maximum > 0", "2 * 3600", "ignore"),
        "payloads-quarantined": ("PayloadsQuarantined", "Sum > 0", "1 * 3600", "notBreaching"),
        "records-quarantined": ("RecordsQuarantined", "Sum > 10", "1 * 3600", "notBreaching"),
        "self-denied": ("SelfDenied", "Sum > 0", "1 * 3600", "notBreaching"),
        "violated": ("InvariantViolated", "Sum > 0", "1 * 3600", "notBreaching"),
    }
    if stack.values["ErrorAlarmCount"] != "0":
        for name in CLASSES:
            more = f"Sum > {stack.values['ErrorAlarmCount']}"
            agreed[f"many-errors-{name}"] = (f"Errors{name}", more, "1 * 3600", "notBreaching")
    if told(stack):
        agreed["errors-deliver"] = ("Errors", "Sum > 0", "3 * 300", "notBreaching")
    for sink in told(stack):
        agreed |= {
            f"oldest-alert-{sink}": ("OldestAlertSeconds", "Maximum > 900", "2 * 300", "breaching"),
            f"misconfigured-{sink}": ("SinkMisconfigured", "Maximum > 0", "1 * 300", "notBreaching"),
            f"alerts-dead-{sink}": ("AlertsDead", "Sum > 0", "1 * 3600", "notBreaching"),
        }
    for group in groups(stack):
        agreed |= {
            f"delivery-errors-{group}": ("DeliveryErrors", "Sum > 0", "1 * 300", "notBreaching"),
            f"delivery-throttling-{group}": ("DeliveryThrottling", "Sum > 0", "3 * 300", "notBreaching"),
        }
    return agreed


def alarms_go_off_at_what_they_are_for(stack):
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        called = made["Properties"]["AlarmName"].removeprefix("watch-")
        yield from (f"{name}: {complaint}" for complaint in alarms.complaints(made["Properties"], called))


def alarms_are_told_once_when_they_begin_and_end(stack):
    asked = stack.values["AlarmTopic"]
    topic = [{"create": "<TopicOfAlarms>"}.get(asked, asked)] if asked else None
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        actions = [made["Properties"].get(key) for key in ("AlarmActions", "OKActions")]
        if actions != [topic] * 2:
            yield f"{name} tells {actions}"


def alarms_say_what_to_do_first(stack):
    headings = set(re.findall(r"(?m)^### (\S+)$", RUNBOOK))
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        says = made["Properties"].get("AlarmDescription", "")
        # What is wrong, what to do first, and no more.
        if not re.fullmatch(r"[A-Z][^.;]{20,}; [^.;]{10,}\.", says.replace("redrive --dry-run", "")):
            yield f"{name} says {says!r}"
        alarm = made["Properties"]["AlarmName"]
        if not any(re.fullmatch(rf"watch-{heading}(-.*)?", alarm) for heading in headings):
            yield f"{alarm} has no heading in docs/runbook.md"


def metrics_are_written_by_somebody(stack):
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        properties = made["Properties"]
        dimensions = {one["Name"]: one["Value"] for one in properties["Dimensions"]}
        for complaint in of_metric(stack, properties["Namespace"], properties["MetricName"], dimensions):
            yield f"{name}: {complaint}"


def what_is_written_is_what_is_read(stack):
    read = {metric for namespace, metric in read_metrics(stack) if namespace == OURS}
    writers = {"IngestReport": FUNCTION, "InspectionReport": INSPECT} | ({"SinkReport": DELIVER} if told(stack) else {})
    for writer, function in writers.items():
        named = stack.properties(function)["Environment"]["Variables"]["METRICS"].split(",")
        written, wanted = {name for name in named if name}, read & WRITTEN[writer]
        if written - wanted:
            yield f"{function} writes {sorted(written - wanted)}, which nobody reads"
        if wanted - written:
            yield f"{function} does not write {sorted(wanted - written)}, which is read"
    unwritten = read - {name for writer in writers for name in WRITTEN[writer]} - (set() if told(stack) else WRITTEN["SinkReport"])
    if unwritten:
        yield f"nobody writes {sorted(unwritten)}"


def read_metrics(stack):
    """Yields the metrics that alarms and widgets read, by their namespaces."""
    for made in stack.of_type("AWS::CloudWatch::Alarm").values():
        yield made["Properties"]["Namespace"], made["Properties"]["MetricName"]
    for made in stack.of_type("AWS::CloudWatch::Dashboard").values():
        for widget in json.loads(made["Properties"]["DashboardBody"])["widgets"]:
            for metric in widget["properties"].get("metrics", []):
                if isinstance(metric[0], str):
                    yield metric[0], metric[1]
                elif metric[0]["expression"].startswith("SEARCH"):
                    yield re.search(r"""\{([\w/]+),[^}]*\} MetricName="(\w+)\"""", metric[0]["expression"]).groups()


def queries_ask_the_log_groups_that_are_read(stack):
    found = stack.of_type("AWS::Logs::QueryDefinition")
    if set(found) != ({f"{name}Query" for name in QUERIES} if stack.values["Dashboard"] == "true" else set()):
        yield f"queries {set(found)}"
    for name, made in found.items():
        properties = made["Properties"]
        if properties["Name"] != f"watch/{QUERIES.get(name.removesuffix('Query'))}":
            yield f"{name} is called {properties['Name']}"
        if properties["LogGroupNames"] != stack.values["LogGroupNames"].split(","):
            yield f"{name} asks {properties['LogGroupNames']}"


def athena_is_asked_where_the_trail_is(stack):
    place, table = stack.values["AthenaTrailLocation"], "cloudtrail_watch"
    found = stack.of_type("AWS::Athena::NamedQuery")
    titles = QUERIES | {"Table": "Table of the trail"}
    if set(found) != ({f"{name}InAthena" for name in titles} if place else set()):
        yield f"queries of Athena {set(found)}"
    for name, made in found.items():
        properties = made["Properties"]
        if properties["Name"] != f"watch/{titles.get(name.removesuffix('InAthena'))}":
            yield f"{name} is called {properties['Name']}"
        # The database and the workgroup that every account has.
        if (properties["Database"], properties.get("WorkGroup")) != ("default", None):
            yield f"{name} is in {properties['Database']}"
        asked = re.findall(r"^(?:CREATE EXTERNAL TABLE|FROM) (\S+)", properties["QueryString"], re.MULTILINE)
        if asked != [table]:
            yield f"{name} asks {asked}"
        if name != "TableInAthena" and "\nWHERE day >= " not in properties["QueryString"]:
            yield f"{name} reads all days"
    yield from of_table(stack, found["TableInAthena"]["Properties"]["QueryString"]) if place else ()


def of_table(stack, definition):
    """Yields what is wrong with where the table of Athena looks for rows."""
    place = stack.values["AthenaTrailLocation"]
    (location,) = re.findall(r"\nLOCATION '(.*)'\n", definition)
    told = dict(re.findall(r"'([\w.]+)' = '([^']*)'", definition))
    # As CloudTrail names its files.
    agreed = {
        "projection.enabled": "true",
        "projection.account.type": "enum",
        "projection.account.values": stack.values["AthenaAccounts"] or "111122223333",
        "projection.region.type": "enum",
        "projection.region.values": stack.source["Mappings"]["Regions"].get(stack.place[0], {"Names": stack.place[1]})["Names"],
        "projection.day.type": "date",
        "projection.day.format": "yyyy/MM/dd",
        # Since there is CloudTrail.
        "projection.day.range": "2013/11/01,NOW",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
        "storage.location.template": f"{place}${{account}}/CloudTrail/${{region}}/${{day}}/",
    }
    if (location, told) != (place, agreed):
        yield f"the table looks into {location} by {told}"
    if "\nPARTITIONED BY (account STRING, region STRING, day STRING)\n" not in definition:
        yield "the table has other parts"


QUERIES = {
    "FailedSignIns": "Failed sign-ins", "NewUsers": "New IAM users", "TopErrors": "Top ten errors", "Refusals": "Refusals by principal",
}


def the_dashboard_shows_what_there_is(stack):
    dashboards = list(stack.of_type("AWS::CloudWatch::Dashboard").values())
    if len(dashboards) != (stack.values["Dashboard"] == "true"):
        yield f"{len(dashboards)} dashboards"
    for made in dashboards:
        # Dashboards are the account's in all regions.
        if made["Properties"]["DashboardName"] != f"watch-{stack.place[1]}":
            yield f"it is called {made['Properties']['DashboardName']}"
        try:
            widgets = json.loads(made["Properties"]["DashboardBody"])["widgets"]
        except ValueError as wrong:
            yield f"its body is no JSON: {wrong}"
            return
        taken = set()
        for widget in widgets:
            spots = {
                (column, row)
                for column in range(widget["x"], widget["x"] + widget["width"])
                for row in range(widget["y"], widget["y"] + widget["height"])
            }
            if taken & spots or max(spots)[0] > 23:
                yield f"there is no place at {min(spots)}"
            taken |= spots
            yield from of_widget(stack, widget["type"], widget["properties"])
        if not any(widget["type"] == "custom" for widget in widgets):
            yield "no clusters are in it"
        said = " ".join(widget["properties"]["markdown"] for widget in widgets if widget["type"] == "text")
        for title in QUERIES.values():
            if title not in said:
                yield f"it does not say that there is the query {title}"


def of_widget(stack, kind, properties):
    """Yields what a widget of the dashboard names that is not there."""
    if kind == "log":
        yield "a query runs whenever somebody looks, and is billed by what it reads"
        return
    if kind == "text":
        for heading in re.findall(r"`#([^`]*)`", properties["markdown"]):
            if f"\n### {heading}\n" not in RUNBOOK:
                yield f"docs/runbook.md has no {heading}"
        return
    if kind == "custom":
        if properties["endpoint"] != f"<{WIDGET}.Arn>":
            yield f"a widget calls {properties['endpoint']}"
        update = properties["updateOn"]
        if not (update["refresh"] and update["timeRange"]):
            yield "a widget does not follow the dashboard"
        return
    if properties["region"] != stack.place[1]:
        yield f"a widget shows {properties['region']}"
    if kind == "metric":
        costs = []
        for metric in properties["metrics"]:
            named = [one for one in metric if isinstance(one, str)]
            expression = [one["expression"] for one in metric if isinstance(one, dict) and "expression" in one]
            if expression == [f"units / 1000000 * {stack.values['WriteUnitPrice']}"]:
                costs.append(expression)
                continue
            yield from of_search(stack, *expression) if expression else of_metric(
                stack, named[0], named[1], dict(zip(named[2::2], named[3::2]))
            )
        ids = [one.get("id") for metric in properties["metrics"] for one in metric if isinstance(one, dict)]
        if len(costs) != ("units" in ids and stack.values["WriteUnitPrice"] != ""):
            yield f"{properties['title']} says what {len(costs)} things cost"


def of_search(stack, expression):
    """Yields what is wrong with a search: it finds the metrics of the sinks and of the filters, whichever there are."""
    form = r"""SEARCH\('\{([\w/,]+)\} MetricName="(\w+)" (?:FilterName|Stack)="([\w-]+)"', '(?:Sum|Maximum)', \d+\)"""
    schema, metric, name = re.fullmatch(form, expression).groups()
    namespace, *dimensions = schema.split(",")
    if namespace == OURS:
        if (dimensions, name) != (["Sink", "Stack"], "watch") or metric not in WRITTEN["SinkReport"]:
            yield f"nobody writes {metric} of {dimensions} and {name}"
        return
    known, names = OF_AWS.get(namespace, ((), ()))
    if metric not in known or set(dimensions) != set(names) or name != "watch-ingest":
        yield f"there is no {metric} of {name} in {namespace}"


def of_metric(stack, namespace, metric, dimensions):
    """Yields what is wrong with a metric: that nobody writes it, or not with these dimensions."""
    if namespace == OURS:
        of_sinks = metric in WRITTEN["SinkReport"]
        there = [{"Stack": "watch", "Sink": sink} for sink in told(stack)] if of_sinks else [{"Stack": "watch"}]
        if dimensions not in there or not (of_sinks or metric in WRITTEN["IngestReport"] | WRITTEN["InspectionReport"]):
            yield f"nobody writes {metric} of {dimensions}"
        return
    known, names = OF_AWS.get(namespace, ((), ()))
    if metric not in known or set(dimensions) != set(names):
        yield f"AWS has no {metric} of {sorted(dimensions)} in {namespace}"
    values = {
        "FunctionName": [f"<{name}>" for name in stack.of_type("AWS::Lambda::Function")],
        "LogGroupName": groups(stack),
        "FilterName": ["watch-ingest"],
        "DestinationType": ["Lambda"],
        "TableName": [f"<{TABLE}>"],
    }
    for name, value in dimensions.items():
        if value not in values[name]:
            yield f"there is no {name} {value}"


# What AWS counts, and by which dimensions.
OF_AWS = {
    "AWS/DynamoDB": (["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"], ["TableName"]),
    "AWS/Lambda": (["AsyncEventAge", "AsyncEventsDropped", "DestinationDeliveryFailures", "Errors"], ["FunctionName"]),
    "AWS/Logs": (["DeliveryErrors", "DeliveryThrottling"], ["LogGroupName", "DestinationType", "FilterName"]),
}


OURS = "CloudTrailInspector"


def _written():
    """Returns the metrics that the source has, by the report that writes them: of an ingest, of a sink, of an inspection."""
    source = (ROOT / "src" / "clusters" / "report.rs").read_text(encoding="utf-8")
    constants = dict(re.findall(r'const (\w+): &str = "(\w+)"', source))
    body = lambda of: re.findall(rf"(?ms)^{of} .*?{{$(.*?)^}}$", source)[0]
    written = {}
    for of in ("IngestReport", "SinkReport", "InspectionReport"):
        named = re.findall(r'(?:count|gauge)\(\s*(?:"(\w+)"|([A-Z_]+))', body(f"impl {of}"))
        written[of] = {name or constants[constant] for name, constant in named}
    classes = re.findall(r'"Errors(\w+)"', body(r"fn errors_of\(class: Class\)"))
    written["IngestReport"] |= {f"Errors{name}" for name in classes}
    return written, classes


WRITTEN, CLASSES = _written()
PARAMETERS = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def what_does_not_go_together_is_refused(stack):
    yield from stack.refusals()
    for wrong, says in REFUSED:
        refusals = type(stack)(stack.text, stack.place, **wrong).refusals()
        if not any(says in one for one in refusals):
            yield f"{wrong} is not refused"


SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:guance-AbCdEf"
REFUSED = [
    ({"GuanceRoute": "dataway", "GuanceSite": "us1"}, "needs GuanceSecretArn"),
    ({"GuanceRoute": "push_event", "GuanceSite": "us1"}, "needs GuanceSecretArn"),
    ({"GuanceRoute": "custom_event", "GuanceSite": "us1"}, "needs GuanceSecretArn"),
    ({"GuanceRoute": "dataway", "GuanceSecretArn": SECRET}, "needs GuanceSite"),
    ({"GuanceRoute": "dataway", "GuanceSecretArn": SECRET, "GuanceSite": "us1", "GuanceUrl": "https://a.guance.com"}, "give one"),
    ({"GuanceRoute": "datakit"}, "needs GuanceUrl"),
    ({"GuanceRoute": "push_event", "GuanceSite": "us1", "GuanceSecretArn": SECRET, "GuanceSampleLogs": "true"}, "GuanceSampleLogs goes"),
    ({"GuanceSampleLogs": "true"}, "GuanceSampleLogs goes"),
    ({"LogGroupNames": "name-them-here"}, "aws cloudtrail describe-trails"),
    ({"LogGroupNames": "trail,name-them-here"}, "aws cloudtrail describe-trails"),
    ({"VpcSubnetIds": "subnet-0a1b2c3d"}, "needs VpcSecurityGroupIds"),
    ({"VpcSecurityGroupIds": "sg-0a1b2c3d"}, "needs VpcSubnetIds"),
    ({"AllowPrivateEndpoint": "true"}, "reaches no address"),
]


# What rules are made of.
PARTS = (
    told, called, shown, groups, group_arns, every_log_group, waits, topic, may, allowed, of_function, of_asking, tersely, keys, table, of_alarms,
    read_metrics, of_metric, of_widget, of_search, of_table, maps_asked,
)
RULES = [
    rule
    for name, rule in list(globals().items())
    if callable(rule) and getattr(rule, "__module__", "") == __name__ and not name.startswith("_") and rule not in PARTS
]
