"""Checks parameter values: valid values are accepted, invalid values are refused before any change."""

import re
import unittest

from stack import TEMPLATE, parsed

PARAMETERS = parsed(TEMPLATE)["Parameters"]

# For each parameter, values that are accepted and values that are refused.
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:"
TOPIC = "arn:aws:sns:eu-central-1:111122223333:"

VALUES = {
    "LogGroupNames": (
        ["aws-cloudtrail-logs-111122223333-1a2b3c4d", "/org/trail,CloudTrail/DefaultLogGroup", "a_b#c.d"],
        ["", "a,,b", "a,", "two words", "arn:aws:logs:eu-central-1:111122223333:log-group:a", "/aws/lambda/watch-ingest", "a,/aws/lambda/x", "x" * 513],
    ),
    "Coverage": (["errors", "watched", "changes", "all"], ["", "Watched", "everything"]),
    "FilterPattern": (["", '{ $.errorCode = "*" }', "AccessDenied", "?ERROR ?error"], ["{ $.errorCode", " ", "x" * 1025]),
    "Enabled": (["true", "false"], ["", "yes", "True"]),
    "Architecture": (["arm64", "x86_64"], ["", "aarch64", "amd64"]),
    "MemorySize": (["128", "10240"], ["", "127", "10241", "256 MB"]),
    "LogRetentionDays": (["1", "30", "731"], ["", "0", "31"]),
    "ReservedConcurrency": (["", "1", "9999"], ["0", "-1", "ten", "10000"]),
    "MaxWriteRequestUnits": (["10", "40000"], ["", "0", "9", "40001"]),
    "RetentionDays": (["8", "365"], ["", "7", "366"]),
    "LearnHours": (["0", "720"], ["", "-1", "721"]),
    "InspectionSchedule": (
        ["cron(0 * * * ? *)", "cron(20 6-22/2 ? * MON-FRI *)", "rate(1 hour)", "rate(30 minutes)", "off"],
        ["", "hourly", "Off", "rate(0 hours)", "rate(1 week)", "cron(0 * * * *)", "cron(0 * * * ? *) ", "at(2026-11-22T00:00:00)"],
    ),
    "InspectTimeout": (["60", "900"], ["", "59", "901"]),
    "MetricNamespace": (["CloudTrailInspector", "Security/CloudTrail"], ["", "AWS/Logs", "/a", "a/", "a b", "a-b", 'a"b', "x" * 57]),
    "AccessErrorMetric": (["true", "false"], ["", "yes"]),
    "NightlyDrill": (
        ["true", "false", "cron(30 2 * * ? *)", "rate(1 day)", "rate(12 hours)"],
        ["", "yes", "nightly", "rate(5 minutes)", "rate(0 days)", "cron(30 2 * * *)"],
    ),
    "Summaries": (["new", "always", "never"], ["", "true", "New"]),
    "RulesObject": (["", "rules/rules.toml", "r.toml"], ["/rules.toml", "rules/*", "quarantine/x", "aws/lambda/x", "a b", "${x}", "?"]),
    "AccountNames": (
        ["", "111122223333=shop", "111122223333=shop floor,444455556666=pay-ments"],
        ["shop", "1=shop", "111122223333", "111122223333=", "111122223333=shop,", "111122223333=a=b", ",".join(["111122223333=" + "n" * 64] * 6)],
    ),
    "TrailAccounts": (
        ["", "111122223333", "111122223333,444455556666"],
        ["shop", "111122223333,", "111122223333, 444455556666", "1111", "1111222233334", "111122223333=shop", "*", ",".join(["111122223333"] * 21)],
    ),
    "Notify": (["true", "false"], ["", "yes"]),
    "Topic": (
        ["", "create", "arn:aws:sns:eu-central-1:111122223333:alerts", "arn:aws-cn:sns:cn-north-1:111122223333:a.fifo"],
        ["alerts", "Create", "arn:aws:sqs:eu-central-1:111122223333:alerts", "arn:aws:sns:eu-central-1:111122223333:*"],
    ),
    "TopicArns": (
        ["", f"{TOPIC}shop", f"{TOPIC}shop,{TOPIC}pay.fifo"],
        ["create", "shop", f"{TOPIC}*", f"{TOPIC}shop, {TOPIC}pay", f"{TOPIC}shop,", ",".join(21 * [f"{TOPIC}s"])],
    ),
    "EventBusName": (["", "default", "security/alerts"], ["two words", "*", "arn:aws:events:eu-central-1:111122223333:event-bus/a"]),
    "Language": (["en", "zh"], ["", "fr"]),
    "GuanceRoute": (["none", "dataway", "datakit", "push_event", "custom_event"], ["", "openapi"]),
    "GuanceSite": (["", "cn1", "us1", "truewatch-us1"], ["us9", "US1"]),
    "GuanceUrl": (
        ["", "https://openway.guance.com", "https://df.example:8443", "http://10.1.2.3:9529"],
        ["openway.guance.com", "https://openway.guance.com/", "https://a@b.example", "https://openway.guance.com?token=x", "ftp://a.example"],
    ),
    "GuanceSecretArn": (
        ["", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:guance-AbCdEf"],
        ["tkn_0123456789abcdef0123456789abcdef", "guance", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:*"],
    ),
    "WorkspaceSecretArns": (
        ["", f"{SECRET}shop-AbCdEf", f"{SECRET}shop-AbCdEf,{SECRET}pay-AbCdEf"],
        ["tkn_0123456789abcdef0123456789abcdef", f"{SECRET}*", f"{SECRET}shop-AbCdEf, {SECRET}pay-AbCdEf", ",".join(21 * [f"{SECRET}s"])],
    ),
    "GuanceWorkspaceId": (["", "wksp_0a1b2c"], ["0a1b2c", "wksp_", "wksp_a&b"]),
    "GuanceConsoleUrl": (["", "https://console.guance.com"], ["http://console.guance.com", "https://console.guance.com/x"]),
    "GuanceSampleLogs": (["true", "false"], ["", "yes"]),
    "AllowCustomEndpoint": (["true", "false"], ["", "yes"]),
    "AllowPrivateEndpoint": (["true", "false"], ["", "yes"]),
    "VpcSubnetIds": (
        ["", "subnet-0a1b2c3d", "subnet-0123456789abcdef0,subnet-0a1b2c3d"],
        ["0a1b2c3d", "subnet-0a1b2c3d,", "subnet-0a1b2c3d, subnet-0a1b2c3d", "sg-0a1b2c3d", "vpc-0a1b2c3d"],
    ),
    "VpcSecurityGroupIds": (["", "sg-0a1b2c3d", "sg-0123456789abcdef0,sg-0a1b2c3d"], ["0a1b2c3d", "sg-0a1b2c3d,", "subnet-0a1b2c3d"]),
    "TimeZone": (["UTC", "+08:00", "-03:30", "+14:00"], ["", "utc", "8", "+8:00", "+08:60", "+15:00", "Asia/Shanghai"]),
    "ArchiveDays": (["0", "400", "3650"], ["", "-1", "3651"]),
    "ConfigReader": (
        ["", "arn:aws:iam::111122223333:role/operator", "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a1b"],
        ["operator", "arn:aws:iam::111122223333:role/*", "arn:aws:sts::111122223333:assumed-role/a/b", "*", "arn:aws:iam::111122223333:root"],
    ),
    "DeletionProtection": (["true", "false"], ["", "yes"]),
    "DormantDays": (["1", "90", "3650"], ["", "0", "3651"]),
    "AccountRoleName": (["", "key-reader"], ["a/b", "*", "arn:aws:iam::111122223333:role/a", "x" * 65]),
    "Dashboard": (["true", "false"], ["", "yes"]),
    "DashboardDecisions": (["true", "false"], ["", "yes"]),
    "Alarms": (["true", "false"], ["", "yes"]),
    "AlarmTopic": (
        ["", "create", "arn:aws:sns:eu-central-1:111122223333:alarms"],
        ["alarms", "Create", "arn:aws:sqs:eu-central-1:111122223333:alarms", "arn:aws:sns:eu-central-1:111122223333:alarms.fifo"],
    ),
    "WriteUnitPrice": (["", "1", "0.625"], ["-1", "0,5", "1.", "1e3"]),
    "ErrorAlarmCount": (["0", "100", "1000000"], ["", "-1", "1000001"]),
    "InspectionAlarmHours": (["2", "168"], ["", "1", "169"]),
    "AthenaTrailLocation": (
        ["", "s3://trail/AWSLogs/", "s3://a-bucket.of-ours/some/prefix/AWSLogs/o-exampleorgid/"],
        [
            "trail", "s3://trail/", "s3://trail/AWSLogs", "s3://trail/AWSLogs/111122223333/", "s3://trail/AWSLogs/111122223333/CloudTrail/",
            "s3://trail/it's/AWSLogs/", "s3://trail/${x}/AWSLogs/", "https://trail.s3.amazonaws.com/AWSLogs/",
        ],
    ),
    "AthenaAccounts": (["", "111122223333", "111122223333,444455556666"], ["1111", "111122223333,", "111122223333, 444455556666", "shop"]),
    "PermissionsBoundary": (
        ["", "arn:aws:iam::111122223333:policy/boundary", "arn:aws-us-gov:iam::aws:policy/PowerUserAccess"],
        ["boundary", "arn:aws:iam::111122223333:role/boundary", "arn:aws:iam::111122223333:policy/"],
    ),
}

# Refused values with a part of CloudFormation's message. REFUSED in rules.py has the invalid combinations.
MESSAGES = [
    ("LogGroupNames", "", "must be names of log groups"),
    ("LogGroupNames", "/aws/lambda/watch-ingest", "must not read its own log"),
    ("RetentionDays", "7", "must be a number of days from 8 to 365"),
    ("AccountNames", "shop", "must be empty or a list like 111122223333=shop"),
    ("TrailAccounts", "shop", "must be empty or a list like 111122223333,444455556666"),
    ("GuanceSecretArn", "tkn_0123456789abcdef0123456789abcdef", "must be empty or the ARN of a secret"),
    ("InspectionSchedule", "hourly", "must be a schedule like cron(0 * * * ? *)"),
]


def is_accepted(how, typed):
    """Returns whether CloudFormation accepts a value. The pattern must match the whole value, or each item of a list."""
    if how["Type"] == "CommaDelimitedList":
        return all(is_accepted(how | {"Type": "String"}, item.strip()) for item in typed.split(","))
    if how["Type"] == "Number":
        if not re.fullmatch(r"-?[0-9]+", typed):
            return False
        if not how.get("MinValue", int(typed)) <= int(typed) <= how.get("MaxValue", int(typed)):
            return False
    if "AllowedValues" in how and typed not in map(str, how["AllowedValues"]):
        return False
    if len(typed) > how.get("MaxLength", len(typed)):
        return False
    return re.fullmatch(how.get("AllowedPattern", ".*"), typed) is not None


class Parameters(unittest.TestCase):
    def test_valid_values_are_accepted_and_invalid_values_are_refused(self):
        self.assertEqual(set(VALUES), set(PARAMETERS))
        for name, (right, wrong) in VALUES.items():
            for typed in right:
                with self.subTest(name, right=typed):
                    self.assertTrue(is_accepted(PARAMETERS[name], typed))
            for typed in wrong:
                with self.subTest(name, wrong=typed):
                    self.assertFalse(is_accepted(PARAMETERS[name], typed))

    def test_refused_values_have_a_message(self):
        for name, typed, message in MESSAGES:
            with self.subTest(name, wrong=typed):
                self.assertFalse(is_accepted(PARAMETERS[name], typed))
                self.assertIn(message, PARAMETERS[name]["ConstraintDescription"])

    def test_every_default_is_accepted(self):
        for name, how in PARAMETERS.items():
            with self.subTest(name):
                self.assertTrue(is_accepted(how, str(how["Default"])))

    def test_only_optional_parameters_accept_an_empty_value(self):
        optional = {name for name, how in PARAMETERS.items() if is_accepted(how, "")}
        self.assertEqual(
            optional,
            {
                "ConfigReader", "FilterPattern", "ReservedConcurrency", "RulesObject", "AccountNames", "TrailAccounts",
                "PermissionsBoundary", "Topic", "TopicArns", "EventBusName", "GuanceSite", "GuanceUrl", "GuanceSecretArn", "WorkspaceSecretArns", "GuanceWorkspaceId", "GuanceConsoleUrl",
                "AccountRoleName", "AlarmTopic", "VpcSubnetIds", "VpcSecurityGroupIds", "WriteUnitPrice", "AthenaTrailLocation", "AthenaAccounts",
            },
        )


if __name__ == "__main__":
    unittest.main()
