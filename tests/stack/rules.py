"""Rules that every deployed stack must satisfy. Each rule checks a stack and yields a complaint for each violation.

test_template.py also checks each rule with a broken template, about which the rule must complain.
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
# Resources that exist only if alerts are sent.
OF_DELIVER = {
    DELIVER, "DeliverMapping", "DeliverRole", "DeliverLogGroup", "Schedule", "ScheduleGroup", "ScheduleRole", "ScheduleQueue",
}
# Lambda names the folder of an event source mapping by a UUID; docs/stack.md links the documentation.
ANY_UUID = "????????-????-????-????-????????????"
ROLES = {"ingest": ROLE, "inspect": "InspectRole", "deliver": "DeliverRole", "widget": "WidgetRole"}
# The role of each schedule; the first schedule always exists.
SCHEDULES = {"inspect": "InspectScheduleRole", "deliver": "ScheduleRole"}


def active_sinks(stack):
    """Returns the sinks that alerts are sent to."""
    enabled = {
        "guance": stack.values["GuanceRoute"] != "none",
        "sns": stack.values["Topic"] != "",
        "eventbridge": stack.values["EventBusName"] != "",
    }
    return [sink for sink, is_on in enabled.items() if is_on and stack.values["Notify"] == "true"]


def scheduled_roles(stack):
    """Returns the names of the functions that a schedule invokes."""
    return ["inspect", "deliver"] if active_sinks(stack) else ["inspect"]


def has_dashboard(stack):
    """Returns whether the stack has a dashboard."""
    return stack.values["Dashboard"] == "true"


def groups(stack):
    """Returns the log groups that are read."""
    return stack.values["LogGroupNames"].split(",") if stack.values["Enabled"] == "true" else []


def inspects(stack):
    """Returns whether the schedule of the inspection is on."""
    return stack.values["InspectionSchedule"] != "off"


def makes_drills(stack):
    """Returns whether the stack makes drills by itself."""
    return stack.values["NightlyDrill"] != "false" and stack.values["Enabled"] == "true"


def group_arns(stack, group):
    """Returns the two ARNs that IAM uses for a log group."""
    partition, region, _ = stack.place
    arn = f"arn:{partition}:logs:{region}:111122223333:log-group:{group}"
    return [arn, f"{arn}:*"]


def topic(stack):
    return "<AlertTopic>" if stack.values["Topic"] == "create" else stack.values["Topic"]


def role_statements(stack, role):
    """Returns the statements of a role by their Sid."""
    (policy,) = stack.properties(role)["Policies"]
    return {one["Sid"]: listed(one) for one in policy["PolicyDocument"]["Statement"]}


def no_action_has_a_wildcard(stack):
    for statement in stack.statements():
        yield from (f"action {action}" for action in statement["Action"] if "*" in action)
        yield from (f"{key} allows the rest" for key in ("NotAction", "NotResource") if key in statement)


def resources_belong_to_the_stack(stack):
    # Resources of the account that a parameter names, and actions without resources.
    partition, region, _ = stack.place
    others = {
        "Secret": [stack.values["GuanceSecretArn"]],
        "WorkspaceSecrets": stack.values["WorkspaceSecretArns"].split(","),
        "Topic": [stack.values["Topic"]],
        "MoreTopics": stack.values["TopicArns"].split(","),
        "Bus": [f"arn:{partition}:events:{region}:111122223333:event-bus/{stack.values['EventBusName']}"],
        "AccessKeys": [f"arn:{partition}:iam::111122223333:user/*"],
        "AccessKeysOfOthers": [f"arn:{partition}:iam::*:role/{stack.values['AccountRoleName']}"],
        "LogGroup": [arn for group in groups(stack) for arn in group_arns(stack, group)],
        "Functions": function_arns(stack),
        "Alarms": [f"arn:{partition}:cloudwatch:{region}:111122223333:alarm:*"],
        # IAM has no resource for a metric or a namespace.
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
                yield f"resource {resource} does not belong to the stack"
            if resource.endswith("*") and not resource.endswith("/*"):
                yield f"resource {resource} is more than a folder"


def function_arns(stack):
    """Returns the ARNs of all functions that a stack can have."""
    partition, region, _ = stack.place
    return [f"arn:{partition}:lambda:{region}:111122223333:function:watch-{name}" for name in ROLES]


def no_other_policies_exist(stack):
    for name, role in stack.of_type("AWS::IAM::Role").items():
        if role["Properties"].get("ManagedPolicyArns"):
            yield f"{name} has managed policies"
        if not role["Properties"].get("Policies"):
            yield f"{name} has no policy"
    roles = set(stack.of_type("AWS::IAM::Role"))
    expected = {ROLE} | {of[name] for name in scheduled_roles(stack) for of in (ROLES, SCHEDULES)}
    if roles != expected | ({ROLES["widget"]} if has_dashboard(stack) else set()):
        yield f"roles {roles}"
    if stack.of_type("AWS::IAM::ManagedPolicy") or stack.of_type("AWS::IAM::RolePolicy"):
        yield "there are policies that no rule checks"


def roles_trust_only_their_service(stack):
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
            yield f"{name} may be assumed for schedules of other stacks"
        if role["Properties"].get("PermissionsBoundary") != (stack.values["PermissionsBoundary"] or None):
            yield f"{name} does not have the requested permissions boundary"


def only_functions_read_the_settings(stack):
    roles = [role for role in ("IngestRole", "InspectRole", "DeliverRole", "WidgetRole") if role in stack.resources]
    reader = [arn for arn in [stack.values["ConfigReader"]] if arn]
    (policy,) = stack.of_type("AWS::S3::BucketPolicy").values()
    denials = {one["Sid"]: listed(one) for one in policy["Properties"]["PolicyDocument"]["Statement"]}
    expected = {
        "Sid": "SettingsAreForTheFunctions",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": ["<Bucket.Arn>/config/*"],
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [f"<{role}.Arn>" for role in roles] + reader}},
    }
    if denials.get(expected["Sid"]) != expected:
        yield f"others may read the settings: {denials}"
    for name in ("CanaryKeys", "SelfPrincipals"):
        if name in stack.source["Parameters"]:
            yield f"the parameter {name} shows settings to all who may describe the stack"


def roles_have_exact_permissions(stack):
    for role, expected in expected_permissions(stack).items():
        found = summaries(role_statements(stack, role))
        for sid in sorted(found.keys() | expected.keys()):
            if found.get(sid) != expected.get(sid):
                yield f"{role} may, as {sid}, {found.get(sid)} instead of {expected.get(sid)}"


def summaries(statements):
    """Returns actions and resources of each statement by its Sid, and the condition if there is one."""
    short = {sid: (sorted(one["Action"]), ", ".join(one["Resource"]), one.get("Condition")) for sid, one in statements.items()}
    return {sid: of if of[2] else of[:2] for sid, of in short.items()}


def leading_keys(*names):
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(names)}}


def expected_permissions(stack):
    """Returns the exact permissions that each role must have, by the Sid of its statements."""
    sinks, values = active_sinks(stack), stack.values
    partition, region, _ = stack.place
    table = lambda *actions: [f"dynamodb:{action}" for action in actions]
    roles = {
        ROLE: common_permissions(stack, "ingest") | {
            "Clusters": (table("BatchGetItem", "PutItem", "UpdateItem"), "<Table.Arn>", leading_keys("C#*", "D#", "DRILL", "E#", "K#*", "M#*", "O#*", "Q#*")),
            "Quarantine": (["s3:PutObject"], "<Bucket.Arn>/quarantine/*"),
            **archive_permissions(stack),
            "FailedInvocations": (["s3:PutObject"], f"<Bucket.Arn>/{ASYNC_FOLDER}*"),
        },
        "InspectRole": common_permissions(stack, "inspect") | key_lookup_permissions(stack) | {
            "Clusters": (
                table("BatchGetItem", "PutItem", "Query", "UpdateItem"), "<Table.Arn>",
                leading_keys("A#*", "C#*", "D#", "DRILL", "E#", "I#", "K#*", "M#*", "O#*", "Q#*", "STACK"),
            ),
            "LateHours": (table("DeleteItem"), "<Table.Arn>", leading_keys("D#")),
            "Chronicle": (["s3:GetObject", "s3:PutObject"], "<Bucket.Arn>/inspection/*"),
            "Quarantine": (["s3:PutObject"], "<Bucket.Arn>/quarantine/*"),
            **archive_permissions(stack),
            "FailedInvocationsOfIngest": (["s3:DeleteObject", "s3:GetObject"], f"<Bucket.Arn>/{ASYNC_FOLDER}*"),
            "FailedInvocations": (["s3:PutObject"], "<Bucket.Arn>/aws/lambda/async/watch-inspect/*"),
        } | ({"Metrics": (["cloudwatch:GetMetricData"], "*")} if groups(stack) else {}) | (
            {"Drills": (["logs:CreateLogStream", "logs:PutLogEvents"], "<DrillLogGroup.Arn>")} if makes_drills(stack) else {}
        ),
    }
    for function in scheduled_roles(stack):
        role = SCHEDULES[function]
        roles[role] = {
            "Call": (["lambda:InvokeFunction"], f"<{function.capitalize()}Function.Arn>"),
            "FailedCalls": (["sqs:SendMessage"], f"<{role.removesuffix('Role')}Queue.Arn>"),
        }
    if has_dashboard(stack):
        roles["WidgetRole"] = common_permissions(stack, "widget") | {
            "Clusters": (
                table("BatchGetItem", "Query"), "<Table.Arn>",
                leading_keys("B#*", "C#*", "D#", "I#", "K#*", "M#*", "O#*", "Q#beginning", "SINK#*", "Z#*"),
            ),
            "Functions": (["lambda:GetFunctionConfiguration"], ", ".join(function_arns(stack))),
            "Alarms": (["cloudwatch:DescribeAlarms"], f"arn:{partition}:cloudwatch:{region}:111122223333:alarm:*"),
            "Metrics": (["cloudwatch:GetMetricData"], "*"),
            "Listing": (["s3:GetObject"], "<Bucket.Arn>/inspection/listing"),
        }
        if values["DashboardDecisions"] == "true":
            roles["WidgetRole"]["Decisions"] = (table("PutItem", "UpdateItem"), "<Table.Arn>", leading_keys("C#*"))
    if sinks:
        roles["DeliverRole"] = common_permissions(stack, "deliver") | key_lookup_permissions(stack) | {
            "Messages": (
                table("BatchGetItem", "PutItem", "Query", "UpdateItem"), "<Table.Arn>",
                leading_keys("A#*", "B#*", "C#*", "DRILL", "E#*", "I#", "K#*", "O#*", "Q#*", "SINK#*", "Z#*"),
            ),
            "SentMessages": (table("DeleteItem"), "<Table.Arn>", leading_keys("E#", "O#*")),
            "Clusters": (table("BatchGetItem", "Query"), "<Table.Arn>", leading_keys("C#*", "M#*", "Q#*")),
            "Stream": (table("DescribeStream", "GetRecords", "GetShardIterator"), "<Table.Arn>/stream/*"),
            "Streams": (table("ListStreams"), "*"),
            "FailedInvocations": (
                ["s3:PutObject"], f"<Bucket.Arn>/aws/lambda/async/watch-deliver/*, <Bucket.Arn>/aws/lambda/{ANY_UUID}/*"
            ),
        }
        optional = {
            "Secret": (["secretsmanager:GetSecretValue"], values["GuanceSecretArn"]) if "guance" in sinks else None,
            "WorkspaceSecrets": (["secretsmanager:GetSecretValue"], ", ".join(values["WorkspaceSecretArns"].split(","))) if "guance" in sinks else None,
            "Topic": (["sns:Publish"], topic(stack)) if "sns" in sinks else None,
            "MoreTopics": (["sns:Publish"], ", ".join(values["TopicArns"].split(","))) if "sns" in sinks else None,
            "Bus": (
                ["events:PutEvents"], f"arn:{partition}:events:{region}:111122223333:event-bus/{values['EventBusName']}",
                {"StringEquals": {"events:source": "cloudtrail-inspector"}},
            ) if "eventbridge" in sinks else None,
            "NetworkInterfaces": (NETWORK_INTERFACES, "*") if values["VpcSubnetIds"] else None,
            "NoNetworkInterfacesForCode": (NETWORK_INTERFACES, "*", {"ArnEquals": {
                "lambda:SourceFunctionArn": f"arn:{partition}:lambda:{region}:111122223333:function:watch-deliver"
            }}) if values["VpcSubnetIds"] else None,
        }
        roles["DeliverRole"] |= {sid: of for sid, of in optional.items() if of and of[1]}
    return roles


def archive_permissions(stack):
    return {"Archive": (["s3:PutObject"], "<Bucket.Arn>/archive/*")} if stack.values["ArchiveDays"] != "0" else {}


def common_permissions(stack, name):
    """Returns the permissions that every function has: its log, the settings object with its versions, and the rules object."""
    bucket, rules = "Bucket" if name == "widget" else "FailedInvocationsBucket", stack.values["RulesObject"]
    return {
        "Log": (["logs:CreateLogStream", "logs:PutLogEvents"], f"<{name.capitalize()}LogGroup.Arn>"),
        bucket: (["s3:ListBucket"], "<Bucket.Arn>"),
        "Settings": (["s3:GetObject", "s3:GetObjectVersion"], "<Bucket.Arn>/config/settings.toml"),
        "SettingsVersions": (["s3:ListBucketVersions"], "<Bucket.Arn>", {"StringEquals": {"s3:prefix": "config/settings.toml"}}),
    } | ({"Rules": (["s3:GetObject"], f"<Bucket.Arn>/{rules}")} if rules and name != "widget" else {})


def key_lookup_permissions(stack):
    """Returns the permissions to look up access keys in IAM."""
    partition, role = stack.place[0], stack.values["AccountRoleName"]
    expected = {"AccessKeys": (["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys"], f"arn:{partition}:iam::111122223333:user/*")}
    if role:
        same_organization = {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}
        expected["AccessKeysOfOthers"] = (["sts:AssumeRole"], f"arn:{partition}:iam::*:role/{role}", same_organization)
    return expected


def outputs_name_the_lookup_roles(stack):
    has_role = stack.values["AccountRoleName"] != ""
    roles = {"InspectRoleArn": "InspectRole", "DeliverRoleArn": "DeliverRole"}
    for output, role in roles.items():
        is_there = has_role and (role == "InspectRole" or active_sinks(stack) != [])
        if stack.outputs.get(output) != (f"<{role}.Arn>" if is_there else None):
            yield f"the output {output} is {stack.outputs.get(output)}"


def functions_may_read_all_log_groups(stack):
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
            yield f"{name} is not a valid unique policy name"
    roles = ["<InspectRole>"] + (["<DeliverRole>"] if active_sinks(stack) else [])
    if any(policy["Properties"]["Roles"] != roles for policy in policies):
        yield "another role may read log groups"


# The actions of Lambda when it connects a function to a VPC.
NETWORK_INTERFACES = [
    f"ec2:{action}"
    for action in (
        "AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets",
        "UnassignPrivateIpAddresses",
    )
]


def only_deliver_is_in_the_vpc(stack):
    subnets, security_groups = (stack.values[name].split(",") for name in ("VpcSubnetIds", "VpcSecurityGroupIds"))
    wanted = {"SubnetIds": subnets, "SecurityGroupIds": security_groups} if subnets != [""] else None
    for name, made in stack.of_type("AWS::Lambda::Function").items():
        if made["Properties"].get("VpcConfig") != (wanted if name == DELIVER else None):
            yield f"{name} is in the VPC {made['Properties'].get('VpcConfig')}"
    if wanted is None or not active_sinks(stack):
        return
    if role_statements(stack, "DeliverRole")["NoNetworkInterfacesForCode"]["Effect"] != "Deny":
        yield "the code of the function may change network interfaces"


def every_log_group(stack):
    """Returns the ARN for all log groups of the account."""
    partition, region, _ = stack.place
    return f"arn:{partition}:logs:{region}:111122223333:log-group:*"


def permissions_name_their_source(stack):
    _, region, suffix = stack.place
    permissions = [one["Properties"] for one in stack.of_type("AWS::Lambda::Permission").values()]
    expected = [every_log_group(stack)]
    if [one.get("SourceArn") for one in permissions] != expected:
        yield f"the permissions are not exactly for {expected}"
    for properties in permissions:
        if properties.get("SourceAccount") != "111122223333":
            yield "a permission without the source account"
        if properties["Principal"] != f"logs.{region}.{suffix}":
            yield f"a permission for {properties['Principal']}"
        if properties["Action"] != "lambda:InvokeFunction":
            yield f"a permission to {properties['Action']}"


def filters_wait_for_their_permission(stack):
    filters = stack.of_type("AWS::Logs::SubscriptionFilter")
    if not filters:
        yield "no filters"
    for name, made in filters.items():
        waited_for = [stack.resources.get(other, {}).get("Properties", {}) for other in dependencies(made)]
        if not any(one.get("SourceArn") == every_log_group(stack) for one in waited_for):
            yield f"{name} does not wait for the permission to invoke the function"


def dependencies(made):
    """Returns the names of the resources that a resource depends on."""
    others = made.get("DependsOn", [])
    return [others] if isinstance(others, str) else others


def every_reference_resolves(stack):
    yield from references.complaints(stack.unrolled())
    yield from references.complaints(stack.plain)


def loops_use_only_known_constructs(stack):
    yield from loops.complaints(stack.source)
    for name, made in stack.resources.items():
        text = json.dumps(made)
        for item in stack.items():
            yield from (f"{name} has {left}" for left in (f"${{{item}}}", f"&{{{item}}}", f"<{item}>") if left in text)


def wanted_pattern(stack):
    """Returns the filter pattern that the parameters ask for."""
    of_coverage = {name: row["Pattern"] for name, row in stack.source["Mappings"]["FilterPatterns"].items()} | {"all": ""}
    return stack.values["FilterPattern"] or of_coverage[stack.values["Coverage"]]


def filters_match_the_parameters(stack):
    if stack.properties(INSPECT)["Environment"]["Variables"]["FILTER_PATTERN"] != wanted_pattern(stack):
        yield "the inspection expects another pattern"
    filters = [made for name, made in stack.of_type("AWS::Logs::SubscriptionFilter").items() if name != "SubscribeDrills"]
    groups = sorted(one["Properties"]["LogGroupName"] for one in filters)
    if groups != sorted(stack.values["LogGroupNames"].split(",")):
        yield f"filters for {groups}"
    for one in filters:
        properties = one["Properties"]
        if properties["FilterPattern"] != wanted_pattern(stack):
            yield f"pattern {properties['FilterPattern']}"
        if "EmitSystemFields" in properties:
            yield "system fields are sent that the fast reader does not support"
        if properties["DestinationArn"] != "<IngestFunction.Arn>":
            yield f"destination {properties['DestinationArn']}"


def access_errors_are_counted_on_request(stack):
    metric = {"MetricNamespace": ours(stack), "MetricName": "AccessError", "MetricValue": "1"}
    expected = {
        group: {
            "LogGroupName": group,
            "FilterName": "watch-access-error",
            "FilterPattern": '{ $.errorCode = "ValidationException" || $.errorCode = "AccessDenied" }',
            "MetricTransformations": [metric],
        }
        for group in (groups(stack) if stack.values["AccessErrorMetric"] == "true" else [])
    }
    found = [made["Properties"] for made in stack.of_type("AWS::Logs::MetricFilter").values()]
    if {one["LogGroupName"]: one for one in found} != expected:
        yield f"CloudWatch Logs counts {found} instead of {expected}"


def drills_have_a_log_group_of_their_own(stack):
    """Only the log group makes a record a drill, so no trail may write to it, and everything in it comes to the function."""
    group, subscribed = stack.properties("DrillLogGroup"), stack.properties("SubscribeDrills")
    expected = [
        (group, {"LogGroupName": "/cloudtrail-inspector/watch/drill", "RetentionInDays": 1}),
        (subscribed, {
            "LogGroupName": "<DrillLogGroup>", "FilterName": "watch-ingest", "FilterPattern": "", "DestinationArn": "<IngestFunction.Arn>",
        }),
    ]
    for function in (FUNCTION, INSPECT):
        expected.append((stack.properties(function)["Environment"]["Variables"]["DRILL_LOG_GROUP"], "<DrillLogGroup>"))
    if ("DrillSchedule" in stack.resources) != makes_drills(stack):
        yield "drills are made although they are turned off, or the other way round"
    if makes_drills(stack):
        schedule, wanted = stack.properties("DrillSchedule"), stack.values["NightlyDrill"]
        inspection = stack.properties("InspectSchedule")
        expected += [
            (schedule["ScheduleExpression"], "cron(30 2 * * ? *)" if wanted == "true" else wanted),
            (schedule["GroupName"], inspection["GroupName"]),
            (schedule["Target"], inspection["Target"] | {"Input": '{"drill": true}'}),
        ]
    yield from (f"{found} instead of {wanted}" for found, wanted in expected if found != wanted)


def failures_are_stored(stack):
    configs = {one["Properties"]["FunctionName"].strip("<>"): one["Properties"] for one in stack.of_type("AWS::Lambda::EventInvokeConfig").values()}
    # The retries of Lambda: as many and as long as possible, but none for functions that are invoked every hour or minute.
    expected = {FUNCTION: (2, 21600), INSPECT: (0, 3600)} | ({DELIVER: (0, 60)} if active_sinks(stack) else {})
    found = {name: (one.get("MaximumRetryAttempts"), one.get("MaximumEventAgeInSeconds")) for name, one in configs.items()}
    if found != expected:
        yield f"the retries of failed invocations are {found}"
    for one in [*configs.values(), *(made["Properties"] for made in stack.of_type("AWS::Lambda::EventSourceMapping").values())]:
        if one.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") != "<Bucket.Arn>":
            yield "failed invocations are not stored"


def alerts_are_sent_by_stream_and_schedule(stack):
    mappings = list(stack.of_type("AWS::Lambda::EventSourceMapping").values())
    schedules = [made for name, made in stack.of_type("AWS::Scheduler::Schedule").items() if name not in ("InspectSchedule", "DrillSchedule")]
    if not active_sinks(stack):
        if OF_DELIVER & set(stack.resources):
            yield "no alerts are sent, but the stack has resources to send alerts"
        return
    if not set(stack.resources) >= OF_DELIVER or len(mappings) != 1 or len(schedules) != 1:
        yield "alerts are sent, but resources to send them are missing"
        return
    mapping, schedule = mappings[0]["Properties"], schedules[0]["Properties"]
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    wanted = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "O#"}]}}}}
    expected = [
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
    yield from (f"{found} instead of {wanted}" for found, wanted in expected if found != wanted)


def inspections_follow_the_schedule(stack):
    schedule = stack.properties("InspectSchedule")
    expected = [
        (schedule["ScheduleExpression"], stack.values["InspectionSchedule"] if inspects(stack) else "rate(1 hour)"),
        (schedule["FlexibleTimeWindow"], {"Mode": "OFF"}),
        (schedule["GroupName"], "<InspectScheduleGroup>"),
        (stack.properties("InspectScheduleGroup")["Name"], "watch-inspect"),
        (schedule["State"], "ENABLED" if inspects(stack) else "DISABLED"),
        (schedule["Target"]["Arn"], f"<{INSPECT}.Arn>"),
        (schedule["Target"]["RoleArn"], "<InspectScheduleRole.Arn>"),
        (schedule["Target"]["DeadLetterConfig"], {"Arn": "<InspectScheduleQueue.Arn>"}),
    ]
    yield from (f"{found} instead of {wanted}" for found, wanted in expected if found != wanted)


def topics_and_queues_are_closed(stack):
    topics = stack.of_type("AWS::SNS::Topic")
    parameters = {"AlertTopic": "Topic", "TopicOfAlarms": "AlarmTopic"}
    made = {name for name, parameter in parameters.items() if stack.values[parameter] == "create"}
    if set(topics) != made:
        yield f"topics {set(topics)}"
    # Alarms cannot use the AWS managed key for SNS, and a customer managed key has a monthly price.
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
        yield "a topic may be used without encryption in transit"
    granted = [(one["Principal"], one["Action"], one["Resource"], one.get("Condition")) for one in policies if one["Effect"] == "Allow"]
    of_cloudwatch = (
        {"Service": "cloudwatch.amazonaws.com"}, ["sns:Publish"], ["<TopicOfAlarms>"],
        {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    )
    if granted != ([of_cloudwatch] if "TopicOfAlarms" in made else []):
        yield f"topics may be used by {granted}"
    for name, made in stack.of_type("AWS::SQS::Queue").items():
        if made["Properties"].get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"
        policy = stack.resources.get(f"{name}Policy", {}).get("Properties", {})
        denial = {
            "Sid": "EncryptedOnTheWay", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": f"<{name}.Arn>",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        if (policy.get("Queues"), policy.get("PolicyDocument", {}).get("Statement")) != ([f"<{name}>"], [denial]):
            yield f"{name} may be used without encryption in transit"


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
            yield f"{name} writes to a log group of Lambda without retention time"


def functions_are_as_expected(stack):
    roles = [("ingest", FUNCTION, 120), ("inspect", INSPECT, stack.values["InspectTimeout"])] + ([("deliver", DELIVER, 90)] if active_sinks(stack) else [])
    for role, name, seconds in roles:
        properties = stack.properties(name)
        expected = {"Handler": role, "Runtime": "provided.al2023", "Timeout": seconds, "Role": f"<{ROLES[role]}.Arn>"}
        found = {name: properties.get(name) for name in expected}
        if found != expected:
            yield f"the function is {found}"
        if properties["Architectures"] != [stack.values["Architecture"]]:
            yield f"the function runs on {properties['Architectures']}"
        if stack.of_type("AWS::Lambda::Url"):
            yield "the function has a URL"
    properties = stack.properties(FUNCTION)
    reserved = stack.values["ReservedConcurrency"] or None
    if properties.get("ReservedConcurrentExecutions") != reserved:
        yield "the function does not have the requested reserved concurrency"


def environments_match_the_docs(stack):
    tables = {FUNCTION: ["variable"], INSPECT: ["variable", "further variable"]}
    tables |= {DELIVER: ["setting"]} if active_sinks(stack) else {}
    tables |= {WIDGET: ["variable of the widget"]} if has_dashboard(stack) else {}
    if set(stack.of_type("AWS::Lambda::Function")) != set(tables):
        yield f"functions {set(stack.of_type('AWS::Lambda::Function'))}"
    own_roles = [f"<{ROLES[name]}.Arn>" for name in ("ingest", *scheduled_roles(stack), *(["widget"] if has_dashboard(stack) else []))]
    computed = {
        "TABLE_NAME": "<Table>",
        "BUCKET_NAME": "<Bucket>",
        "SELF_PRINCIPALS": ",".join(own_roles),
        "SINKS": "".join(f"{sink}," for sink in active_sinks(stack)),
        "STACK_NAME": "watch",
        "LOG_LEVEL": "info",
        "PROGRAM_VERSION": stack.source["Globals"]["Function"]["Environment"]["Variables"]["PROGRAM_VERSION"],
        "OWN_ACCOUNT_ID": "111122223333",
        "PARTITION": stack.place[0],
        "INGEST_FUNCTION_NAME": f"<{FUNCTION}>",
        "LOG_GROUP_NAMES": ",".join(groups(stack)),
        "DASHBOARD_NAME": f"watch-{stack.place[1]}" if has_dashboard(stack) else "",
        "DRILL_LOG_GROUP": "<DrillLogGroup>",
        "FILTER_PATTERN": wanted_pattern(stack),
        "INSPECTION_ALARM_HOURS": stack.values["InspectionAlarmHours"] if inspects(stack) else "0",
    }
    for function, names in tables.items():
        rows = {row[0].strip("`"): row[1].strip("`") for name in names for row in table(name)}
        expected = {name: stack.values[parameter] if parameter else computed.get(name) for name, parameter in rows.items()}
        expected |= {"TOPIC_ARN": topic(stack)} if "TOPIC_ARN" in expected else {}
        # METRICS has its own rule, written_metrics_are_read.
        found = stack.properties(function)["Environment"]["Variables"] | ({"METRICS": None} if "METRICS" in expected else {})
        if found != expected:
            yield f"the environment of {function} is {found}"


def table(first_column):
    """Returns the rows of the table in docs/parameters.md with this first column, as lists of cells."""
    rows = PARAMETERS.split(f"| {first_column} |", 1)[1].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in itertools.takewhile(lambda row: row.startswith("|"), rows)]


def the_table_is_as_expected(stack):
    properties = stack.properties(TABLE)
    key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    most = {"MaxWriteRequestUnits": stack.values["MaxWriteRequestUnits"]}
    for what, found, expected in [
        ("key", properties["KeySchema"], key),
        # An index is not wanted: each write of an indexed attribute is billed twice.
        ("index", properties.get("GlobalSecondaryIndexes"), None),
        ("end of items", properties.get("TimeToLiveSpecification"), {"AttributeName": "ttl", "Enabled": True}),
        ("stream", properties.get("StreamSpecification"), {"StreamViewType": "KEYS_ONLY"}),
        ("price", properties.get("BillingMode"), "PAY_PER_REQUEST"),
        ("ceiling", properties.get("OnDemandThroughput"), most),
        ("copies", properties.get("PointInTimeRecoverySpecification"), {"PointInTimeRecoveryEnabled": True}),
    ]:
        if found != expected:
            yield f"{what} of the table: {found}"


def stored_data_outlives_the_stack(stack):
    for name in (TABLE, BUCKET, "BucketPolicy"):
        made = stack.resources[name]
        # A failed first deployment deletes these resources; with deletion protection from the start it could not.
        if (made.get("DeletionPolicy"), made.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain"):
            yield f"{name} is deleted with the stack, or stays after a failed first deployment"
    if stack.properties(TABLE).get("DeletionProtectionEnabled") != stack.values["DeletionProtection"]:
        yield "the deletion protection of the table is not as requested"


def the_bucket_is_closed(stack):
    properties = stack.properties(BUCKET)
    closed = properties.get("PublicAccessBlockConfiguration", {})
    if len(closed) != 4 or not all(value is True for value in closed.values()):
        yield "the bucket can be made public"
    if properties.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
        yield "objects may belong to other accounts"
    if not properties.get("BucketEncryption"):
        yield "the bucket is not encrypted"
    if properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "the bucket has no versions of deleted objects"
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
        yield "the bucket may be used without encryption in transit"
    yield from (f"the bucket's policy allows {one}" for one in denials if one["Effect"] != "Deny")


def failed_records_expire(stack):
    rules = stack.properties(BUCKET).get("LifecycleConfiguration", {}).get("Rules", [])
    ends = {
        rule["Prefix"]: (rule.get("ExpirationInDays"), rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"))
        for rule in rules
        if rule["Status"] == "Enabled" and "Prefix" in rule
    }
    # The inspection state does not expire; its older versions expire after one day.
    expected = {"quarantine/": (30, 30), "aws/lambda/": (30, 30), "inspection/": (None, 1), "config/": (None, 365)}
    days = int(stack.values["ArchiveDays"])
    expected |= {"archive/": (days, 1)} if days else {}
    if {prefix: (end and int(end), old) for prefix, (end, old) in ends.items()} != expected:
        yield f"objects expire after {ends}"


def every_partition_is_spelled_right(stack):
    partition, region, suffix = stack.place
    text = json.dumps([stack.resources, stack.outputs])
    for other in (f"arn:{one}:" for one, _, _ in PLACES):
        if other != f"arn:{partition}:" and other in text:
            yield f"{other} in {partition}"
    # These principals are the same in all partitions.
    rest = text
    for service in ("lambda", "scheduler", "cloudwatch"):
        rest = rest.replace(f"{service}.amazonaws.com", "")
    if suffix != "amazonaws.com" and "amazonaws.com" in rest.replace(suffix, ""):
        yield f"amazonaws.com in {partition}"
    host = stack.source["Mappings"]["Console"].get(partition, {}).get("Host")
    links = {"TableConsole", "LogConsole"} | ({"DashboardConsole"} if has_dashboard(stack) else set())
    if {name for name in stack.outputs if name.endswith("Console")} != (links if host else set()):
        yield f"the outputs are {set(stack.outputs)}"
    for name in links & set(stack.outputs):
        if not stack.outputs[name].startswith(f"https://{region}.{host}/") or f"region={region}" not in stack.outputs[name]:
            yield f"{name} leads to {stack.outputs[name]}"


def mappings_cover_every_partition(stack):
    # The transform resolves a lookup even if the condition is false, and fails if the key is missing:
    # https://github.com/aws-cloudformation/cfn-language-discussion/issues/113
    for of in map_lookups(stack.unrolled()):
        if of[1] == {"Ref": "AWS::Partition"} and (len(of) != 4 or "DefaultValue" not in of[3]):
            yield f"the lookup in {of[0]} has no default for other partitions"
        stack.function_result("Fn::FindInMap", of)


def map_lookups(value):
    """Returns the arguments of each Fn::FindInMap in a value."""
    if isinstance(value, list):
        return [one for part in value for one in map_lookups(part)]
    if not isinstance(value, dict):
        return []
    own = [value["Fn::FindInMap"]] if value.keys() == {"Fn::FindInMap"} else []
    return own + [one for part in value.values() for one in map_lookups(part)]


def parameters_are_described(stack):
    form = stack.source["Metadata"]["AWS::CloudFormation::Interface"]
    labels = form["ParameterLabels"]
    grouped = [name for group in form["ParameterGroups"] for name in group["Parameters"]]
    parameters = stack.source["Parameters"]
    if sorted(grouped) != sorted(parameters):
        yield "the parameter groups of the form do not match the parameters"
    for name, how in parameters.items():
        for key in ("Description", "ConstraintDescription", "Default"):
            if key not in how or (key != "Default" and not how[key].rstrip().endswith((".", "._-", "。"))):
                yield f"{name} has no {key}, or one without a period at the end"
        if not how.get("ConstraintDescription", "").startswith("must be"):
            yield f"the ConstraintDescription of {name} does not start with 'must be'"
        if not labels.get(name, {}).get("default"):
            yield f"{name} has no label"
        bounded = "AllowedPattern" in how or "AllowedValues" in how or {"MinValue", "MaxValue"} <= set(how)
        if not bounded:
            yield f"{name} accepts every value"


def outputs_are_complete(stack):
    if stack.outputs.get("TryClusters") != "cloudtrail-inspector clusters list --stack watch":
        yield "the output TryClusters is missing or wrong"
    for command in ("status", "drill"):
        if stack.outputs.get(f"Try{command.capitalize()}") != f"cloudtrail-inspector {command} --stack watch":
            yield f"the output Try{command.capitalize()} is missing or wrong"
    if stack.outputs.get("TryConfig") != "cloudtrail-inspector config set settings.toml --stack watch":
        yield "the output TryConfig is missing or wrong"
    if (stack.outputs.get("TableName"), stack.outputs.get("BucketName")) != ("<Table>", "<Bucket>"):
        yield "the output of the table or the bucket is wrong"
    if stack.outputs.get("TopicArn") != ("<AlertTopic>" if stack.values["Topic"] == "create" else None):
        yield "the output of the alert topic is wrong"
    if stack.outputs.get("AlarmTopicArn") != ("<TopicOfAlarms>" if stack.values["AlarmTopic"] == "create" else None):
        yield "the output of the alarm topic is wrong"
    dashboard = stack.outputs.get("DashboardConsole", "")
    has_link = has_dashboard(stack) and stack.place[0] in stack.source["Mappings"]["Console"]
    if dashboard.endswith("#dashboards/dashboard/<DashboardOfStack>") != has_link:
        yield "the output of the dashboard is wrong"


def alarms_are_as_expected(stack):
    found = {}
    for made in stack.of_type("AWS::CloudWatch::Alarm").values():
        properties = made["Properties"]
        sign = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}.get(properties["ComparisonOperator"], "?")
        found[properties["AlarmName"].removeprefix("watch-")] = (
            properties["MetricName"],
            f"{properties['Statistic']} {sign} {properties['Threshold']}",
            # 3 * 300: in each of three periods of 300 seconds.
            f"{properties['EvaluationPeriods']} * {properties['Period']}",
            properties.get("TreatMissingData"),
        )
    expected = expected_alarms(stack)
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            yield f"{name} watches {found.get(name)} instead of {expected.get(name)}"


def expected_alarms(stack):
    """Returns the expected alarms by name: metric, alarm condition, periods * seconds, and the treatment of missing data."""
    if stack.values["Alarms"] != "true":
        return {}
    hours = stack.values["InspectionAlarmHours"]
    expected = {
        "event-age": ("AsyncEventAge", "Maximum > 900000", "1 * 300", "notBreaching"),
        "events-dropped": ("AsyncEventsDropped", "Sum > 0", "1 * 300", "notBreaching"),
        "failures-not-kept": ("DestinationDeliveryFailures", "Sum > 0", "1 * 300", "notBreaching"),
        "errors-ingest": ("Errors", "Sum > 0", "2 * 300", "notBreaching"),
        "errors-inspect": ("Errors", "Sum > 0", "1 * 3600", "notBreaching"),
        "inspection-behind": ("InspectionBehindHours", "Maximum > 0", "2 * 3600", "ignore"),
        "redrive-left": ("RedriveLeft", "Maximum > 0", "2 * 3600", "ignore"),
        "backfill-left": ("BackfillLeft", "Maximum > 0", "2 * 3600", "ignore"),
        "payloads-quarantined": ("PayloadsQuarantined", "Sum > 0", "1 * 3600", "notBreaching"),
        "records-quarantined": ("RecordsQuarantined", "Sum > 10", "1 * 3600", "notBreaching"),
        "self-denied": ("SelfDenied", "Sum > 0", "1 * 3600", "notBreaching"),
        "violated": ("InvariantViolated", "Sum > 0", "1 * 3600", "notBreaching"),
    }
    if inspects(stack):
        expected["no-inspection"] = ("InspectionBehindHours", "SampleCount < 1", f"{hours} * 3600", "breaching")
    if stack.values["ErrorAlarmCount"] != "0":
        for name in CLASSES:
            more = f"Sum > {stack.values['ErrorAlarmCount']}"
            expected[f"many-errors-{name}"] = (f"Errors{name}", more, "1 * 3600", "notBreaching")
    if active_sinks(stack):
        expected["errors-deliver"] = ("Errors", "Sum > 0", "3 * 300", "notBreaching")
    for sink in active_sinks(stack):
        expected |= {
            f"oldest-alert-{sink}": ("OldestAlertSeconds", "Maximum > 900", "2 * 300", "breaching"),
            f"misconfigured-{sink}": ("SinkMisconfigured", "Maximum > 0", "1 * 300", "notBreaching"),
            f"alerts-dead-{sink}": ("AlertsDead", "Sum > 0", "1 * 3600", "notBreaching"),
        }
    if makes_drills(stack):
        expected["drill-failed"] = ("DrillFailed", "Maximum > 0", "1 * 3600", "ignore")
    for group in groups(stack):
        expected |= {
            f"delivery-errors-{group}": ("DeliveryErrors", "Sum > 0", "1 * 300", "notBreaching"),
            f"delivery-throttling-{group}": ("DeliveryThrottling", "Sum > 0", "3 * 300", "notBreaching"),
        }
    return expected


def alarms_trigger_as_expected(stack):
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        alarm = made["Properties"]["AlarmName"].removeprefix("watch-")
        yield from (f"{name}: {complaint}" for complaint in alarms.complaints(made["Properties"], alarm))


def alarms_notify_about_start_and_end(stack):
    setting = stack.values["AlarmTopic"]
    topic = [{"create": "<TopicOfAlarms>"}.get(setting, setting)] if setting else None
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        actions = [made["Properties"].get(key) for key in ("AlarmActions", "OKActions")]
        if actions != [topic] * 2:
            yield f"{name} has the actions {actions}"


def alarms_name_the_first_action(stack):
    headings = set(re.findall(r"(?m)^### (\S+)$", RUNBOOK))
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        text = made["Properties"].get("AlarmDescription", "")
        # Two parts, the problem and the first action, in English and in Chinese.
        if not re.fullmatch(r"[A-Z][^.;]{20,}; [^.;]{10,}\. / [^；。]{8,}；[^；。]{6,}。", text.replace("redrive --dry-run", "")):
            yield f"{name} has the description {text!r}"
        alarm = made["Properties"]["AlarmName"]
        if not any(re.fullmatch(rf"watch-{heading}(-.*)?", alarm) for heading in headings):
            yield f"{alarm} has no heading in docs/runbook.md"


def alarm_metrics_are_written(stack):
    for name, made in stack.of_type("AWS::CloudWatch::Alarm").items():
        properties = made["Properties"]
        dimensions = {one["Name"]: one["Value"] for one in properties["Dimensions"]}
        for complaint in metric_complaints(stack, properties["Namespace"], properties["MetricName"], dimensions):
            yield f"{name}: {complaint}"


def written_metrics_are_read(stack):
    read = {metric for namespace, metric in read_metrics(stack) if namespace == ours(stack)}
    writers = {"Ingest": FUNCTION, "Inspection": INSPECT} | ({"Sink": DELIVER} if active_sinks(stack) else {})
    for writer, function in writers.items():
        named = stack.properties(function)["Environment"]["Variables"]["METRICS"].split(",")
        written, wanted = {name for name in named if name}, read & WRITTEN[writer]
        if written - wanted:
            yield f"{function} writes {sorted(written - wanted)}, which no alarm or widget reads"
        if wanted - written:
            yield f"{function} does not write {sorted(wanted - written)}, which is read"
    unwritten = read - {name for writer in writers for name in WRITTEN[writer]} - (set() if active_sinks(stack) else WRITTEN["Sink"])
    if unwritten:
        yield f"nothing writes {sorted(unwritten)}"


def read_metrics(stack):
    """Yields namespace and name of each metric that alarms and widgets read."""
    for made in stack.of_type("AWS::CloudWatch::Alarm").values():
        yield made["Properties"]["Namespace"], made["Properties"]["MetricName"]
    for made in stack.of_type("AWS::CloudWatch::Dashboard").values():
        for widget in json.loads(made["Properties"]["DashboardBody"])["widgets"]:
            for metric in widget["properties"].get("metrics", []):
                if isinstance(metric[0], str):
                    yield metric[0], metric[1]
                elif metric[0]["expression"].startswith("SEARCH"):
                    yield re.search(r"""\{([\w/]+),[^}]*\} MetricName="(\w+)\"""", metric[0]["expression"]).groups()


def queries_read_the_log_groups(stack):
    found = stack.of_type("AWS::Logs::QueryDefinition")
    if set(found) != ({f"{name}Query" for name in QUERIES} if stack.values["Dashboard"] == "true" else set()):
        yield f"queries {set(found)}"
    for name, made in found.items():
        properties = made["Properties"]
        if properties["Name"] != f"watch/{QUERIES.get(name.removesuffix('Query'))}":
            yield f"{name} is called {properties['Name']}"
        if properties["LogGroupNames"] != stack.values["LogGroupNames"].split(","):
            yield f"{name} reads {properties['LogGroupNames']}"


def athena_reads_the_trail(stack):
    place, table = stack.values["AthenaTrailLocation"], "cloudtrail_watch"
    found = {name: made for name, made in stack.of_type("AWS::Athena::NamedQuery").items() if name not in ARCHIVE_QUERIES}
    titles = QUERIES | {"Table": "Table of the trail"}
    if set(found) != ({f"{name}InAthena" for name in titles} if place else set()):
        yield f"queries of Athena {set(found)}"
    for name, made in found.items():
        properties = made["Properties"]
        if properties["Name"] != f"watch/{titles.get(name.removesuffix('InAthena'))}":
            yield f"{name} is called {properties['Name']}"
        # The default database and the default workgroup, which every account has.
        if (properties["Database"], properties.get("WorkGroup")) != ("default", None):
            yield f"{name} is in {properties['Database']}"
        tables = re.findall(r"^(?:CREATE EXTERNAL TABLE|FROM) (\S+)", properties["QueryString"], re.MULTILINE)
        if tables != [table]:
            yield f"{name} reads {tables}"
        if name != "TableInAthena" and "\nWHERE day >= " not in properties["QueryString"]:
            yield f"{name} reads all days"
    yield from athena_table_complaints(stack, found["TableInAthena"]["Properties"]["QueryString"]) if place else ()


def athena_table_complaints(stack, definition):
    """Yields complaints about the location and the partition projection of the Athena table."""
    place = stack.values["AthenaTrailLocation"]
    (location,) = re.findall(r"\nLOCATION '(.*)'\n", definition)
    projection = dict(re.findall(r"'([\w.]+)' = '([^']*)'", definition))
    # The path of CloudTrail's files.
    expected = {
        "projection.enabled": "true",
        "projection.account.type": "enum",
        "projection.account.values": stack.values["AthenaAccounts"] or "111122223333",
        "projection.region.type": "enum",
        "projection.region.values": stack.source["Mappings"]["Regions"].get(stack.place[0], {"Names": stack.place[1]})["Names"],
        "projection.day.type": "date",
        "projection.day.format": "yyyy/MM/dd",
        # From the start of CloudTrail.
        "projection.day.range": "2013/11/01,NOW",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
        "storage.location.template": f"{place}${{account}}/CloudTrail/${{region}}/${{day}}/",
    }
    if (location, projection) != (place, expected):
        yield f"the table reads {location} by {projection}"
    if "\nPARTITIONED BY (account STRING, region STRING, day STRING)\n" not in definition:
        yield "the table has other partition columns"


ARCHIVE_QUERIES = {"TableOfArchiveInAthena": "Table of the archive", "ArchivedErrorsInAthena": "Archived errors"}


def athena_reads_the_archive(stack):
    found = {name: made for name, made in stack.of_type("AWS::Athena::NamedQuery").items() if name in ARCHIVE_QUERIES}
    if set(found) != (set(ARCHIVE_QUERIES) if stack.values["ArchiveDays"] != "0" else set()):
        yield f"queries of the archive {set(found)}"
    for name, made in found.items():
        properties, text = made["Properties"], made["Properties"]["QueryString"]
        if properties["Name"] != f"watch/{ARCHIVE_QUERIES[name]}" or properties["Database"] != "default":
            yield f"{name} is called {properties['Name']} in {properties['Database']}"
        if "archive_watch" not in text or name.startswith("Archived") and "\nWHERE day >= " not in text:
            yield f"{name} reads {text}"
    if found:
        text = found["TableOfArchiveInAthena"]["Properties"]["QueryString"]
        projection = dict(re.findall(r"'([\w.]+)' = '([^']*)'", text))
        if projection["storage.location.template"] != "s3://<Bucket>/archive/account=${account}/region=${region}/day=${day}/":
            yield f"the archive is read from {projection['storage.location.template']}"
        if projection["projection.account.values"] != (stack.values["AthenaAccounts"] or "111122223333"):
            yield f"the accounts are {projection['projection.account.values']}"
        regions = stack.source["Mappings"]["Regions"].get(stack.place[0], {"Names": stack.place[1]})["Names"]
        if projection["projection.region.values"] != f"{regions},unknown":
            yield "the archive has other regions"
        if projection["projection.day.format"] != "yyyy-MM-dd":
            yield "the days have another form"


QUERIES = {
    "FailedSignIns": "Failed sign-ins", "NewUsers": "New IAM users", "TopErrors": "Top ten errors", "Refusals": "Refusals by principal",
}


def the_dashboard_is_correct(stack):
    dashboards = list(stack.of_type("AWS::CloudWatch::Dashboard").values())
    if len(dashboards) != (stack.values["Dashboard"] == "true"):
        yield f"{len(dashboards)} dashboards"
    for made in dashboards:
        # Names of dashboards are unique in an account over all regions.
        if made["Properties"]["DashboardName"] != f"watch-{stack.place[1]}":
            yield f"the name of the dashboard is {made['Properties']['DashboardName']}"
        try:
            widgets = json.loads(made["Properties"]["DashboardBody"])["widgets"]
        except ValueError as error:
            yield f"the body of the dashboard is not JSON: {error}"
            return
        occupied = set()
        for widget in widgets:
            spots = {
                (column, row)
                for column in range(widget["x"], widget["x"] + widget["width"])
                for row in range(widget["y"], widget["y"] + widget["height"])
            }
            if occupied & spots or max(spots)[0] > 23:
                yield f"widgets overlap or are too wide at {min(spots)}"
            occupied |= spots
            yield from widget_complaints(stack, widget["type"], widget["properties"])
        # The first row is the health of the stack. The widget below shows both lists, in this order.
        titles = [widget["properties"]["title"] for widget in widgets if widget["type"] == "custom"]
        if widgets[0]["y"] != 0 or widgets[0]["properties"]["params"] != {"view": "status"}:
            yield f"the first row is {widgets[0]['properties']}"
        if titles != ["Status / 状态", "Sensitive calls and clusters / 敏感操作与聚类"]:
            yield f"the widgets with sensitive calls and clusters are {titles}"
        text = " ".join(widget["properties"]["markdown"] for widget in widgets if widget["type"] == "text")
        for title in QUERIES.values():
            if title not in text:
                yield f"no text widget names the query {title}"


def widget_complaints(stack, kind, properties):
    """Yields complaints about a widget of the dashboard that names missing things."""
    if kind == "log":
        yield "a log widget runs a query at each view, which is billed by the data read"
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
            yield from search_complaints(stack, *expression) if expression else metric_complaints(
                stack, named[0], named[1], dict(zip(named[2::2], named[3::2]))
            )
        ids = [one.get("id") for metric in properties["metrics"] for one in metric if isinstance(one, dict)]
        if len(costs) != ("units" in ids and stack.values["WriteUnitPrice"] != ""):
            yield f"{properties['title']} has {len(costs)} cost expressions"


def search_complaints(stack, expression):
    """Yields complaints about a search expression, which has to find the metrics of all sinks or all filters."""
    form = r"""SEARCH\('\{([\w/,]+)\} MetricName="(\w+)" (?:FilterName|Stack)="([\w-]+)"', '(?:Sum|Maximum)', \d+\)"""
    schema, metric, name = re.fullmatch(form, expression).groups()
    namespace, *dimensions = schema.split(",")
    if namespace == ours(stack):
        if (dimensions, name) != (["Sink", "Stack"], "watch") or metric not in WRITTEN["Sink"]:
            yield f"nothing writes {metric} of {dimensions} and {name}"
        return
    metrics, names = OF_AWS.get(namespace, ((), ()))
    if metric not in metrics or set(dimensions) != set(names) or name != "watch-ingest":
        yield f"there is no {metric} of {name} in {namespace}"


def metric_complaints(stack, namespace, metric, dimensions):
    """Yields complaints about a metric that nothing writes, or not with these dimensions."""
    if namespace == ours(stack):
        of_sinks = metric in WRITTEN["Sink"]
        there = [{"Stack": "watch", "Sink": sink} for sink in active_sinks(stack)] if of_sinks else [{"Stack": "watch"}]
        if dimensions not in there or not (of_sinks or metric in WRITTEN["Ingest"] | WRITTEN["Inspection"]):
            yield f"nothing writes {metric} of {dimensions}"
        return
    metrics, names = OF_AWS.get(namespace, ((), ()))
    if metric not in metrics or set(dimensions) != set(names):
        yield f"AWS has no {metric} of {sorted(dimensions)} in {namespace}"
    values = {
        "FunctionName": [f"<{name}>" for name in stack.of_type("AWS::Lambda::Function")],
        "LogGroupName": groups(stack),
        "FilterName": ["watch-ingest"],
        "DestinationType": ["Lambda"],
        "TableName": [f"<{TABLE}>"],
    }
    for name, value in dimensions.items():
        if value not in values.get(name, []):
            yield f"there is no {name} {value}"


# The metrics of AWS by namespace, with their dimensions.
OF_AWS = {
    "AWS/DynamoDB": (["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"], ["TableName"]),
    "AWS/Lambda": (["AsyncEventAge", "AsyncEventsDropped", "DestinationDeliveryFailures", "Errors"], ["FunctionName"]),
    "AWS/Logs": (["DeliveryErrors", "DeliveryThrottling"], ["LogGroupName", "DestinationType", "FilterName"]),
}


def ours(stack):
    """Returns the namespace of the metrics that the stack writes."""
    return stack.values["MetricNamespace"]


def _written():
    """Returns the metrics in the source by report: of ingest, of a sink, of an inspection; and the classes of errors."""
    source = (ROOT / "src" / "clusters" / "report.rs").read_text(encoding="utf-8")
    constants = dict(re.findall(r'const (\w+): &str = "(\w+)"', source))
    body = lambda of: re.findall(rf"(?ms)^{of} .*?{{$(.*?)^}}$", source)[0]
    written = {}
    for of in ("Ingest", "Sink", "Inspection"):
        named = re.findall(r'(?:count|gauge)\(\s*(?:"(\w+)"|([A-Z_]+))', body(f"impl {of}Report"))
        written[of] = {name or constants[constant] for name, constant in named}
    classes = re.findall(r'"Errors(\w+)"', body(r"fn errors_of\(class: Class\)"))
    written["Ingest"] |= {f"Errors{name}" for name in classes}
    return written, classes


WRITTEN, CLASSES = _written()
PARAMETERS = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def invalid_combinations_are_refused(stack):
    yield from stack.refusals()
    for parameters, message in REFUSED:
        refusals = type(stack)(stack.text, stack.place, **parameters).refusals()
        if not any(message in one for one in refusals):
            yield f"{parameters} is not refused"


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
    ({"InspectionSchedule": "off", "NightlyDrill": "true"}, "NightlyDrill needs inspections"),
]


# Helpers of the rules.
PARTS = (
    wanted_pattern, ours, inspects,
    active_sinks, scheduled_roles, has_dashboard, groups, makes_drills, group_arns, function_arns, every_log_group, dependencies, topic,
    role_statements, expected_permissions, archive_permissions, common_permissions, key_lookup_permissions, summaries, leading_keys, table,
    expected_alarms,
    read_metrics, metric_complaints, widget_complaints, search_complaints, athena_table_complaints, map_lookups,
)
RULES = [
    rule
    for name, rule in list(globals().items())
    if callable(rule) and getattr(rule, "__module__", "") == __name__ and not name.startswith("_") and rule not in PARTS
]
