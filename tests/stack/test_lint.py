"""Checks that the linters of templates and policies report exactly the findings in accepted_findings.json."""

import json
import os
import pathlib
import re
import subprocess
import unittest

import policies
from stack import ROOT, TEMPLATE, Stack, parsed
from test_template import PARAMETER_SETS

ACCEPTED = json.loads((pathlib.Path(__file__).parent / "accepted_findings.json").read_text(encoding="utf-8"))
MEMBER = (ROOT / "infra" / "member-role.yaml").read_text(encoding="utf-8")
DESTINATION = (ROOT / "infra" / "subscription-destination.yaml").read_text(encoding="utf-8")
TEMPLATES = ["template.yaml", "infra/member-role.yaml", "infra/subscription-destination.yaml"]
# One region of each partition that cfn-lint knows: it reports resource types that a region does not have.
REGIONS = ["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1"]
SECONDS = 240

TRUSTED = "arn:aws:iam::111122223333:role/watch-InspectRole-1A2B,arn:aws:iam::111122223333:role/watch-DeliverRole-3C4D"
SENDERS = {
    "OrganizationId": "o-exampleorgid", "SenderAccounts": "111122223333,444455556666", "MainStackName": "watch", "IngestRoleName": "watch-IngestRole-1A2B",
}
# Parameter sets that together create every policy statement.
WHOLE = [
    parameters | {"PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary"}
    for parameters in (PARAMETER_SETS[1], PARAMETER_SETS[2], PARAMETER_SETS[2] | {"VpcSubnetIds": "subnet-0a1b2c3d", "VpcSecurityGroupIds": "sg-0a1b2c3d"})
]


# The commands of the linters; they run in parallel.
LINTERS = {
    "cfn-lint": ["cfn-lint", "--format", "json", "--regions", *REGIONS, "--template", *TEMPLATES],
    "validate": ["sam", "validate"],
    "lint": ["sam", "validate", "--lint"],
}


class Lint(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tools = pathlib.Path(os.environ["SAM_TOOLS"])
        environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
        start = lambda command: subprocess.Popen(
            [tools / command[0], *command[1:]], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running = {name: start(command) for name, command in LINTERS.items()}
        cls.outputs = {name: (one.communicate(timeout=SECONDS)[0], one.returncode) for name, one in running.items()}

    def accepted(self, linter):
        return {(one["rule"], one["resource"]) for one in ACCEPTED if one["linter"] == linter}

    def test_cfn_lint_reports_exactly_the_accepted_findings(self):
        found = json.loads(self.outputs["cfn-lint"][0])
        texts = [f"{one['Filename']}: {one['Rule']['Id']} {one['Message']} at {one['Location']['Path']}" for one in found]
        named = {(one["Rule"]["Id"], one["Location"]["Path"][1]) for one in found}
        self.assertEqual(named, self.accepted("cfn-lint"), "\n".join(texts))

    def test_sam_validates_the_template(self):
        output, code = self.outputs["validate"]
        self.assertEqual(code, 0, output)

    def test_sam_reports_exactly_the_accepted_findings(self):
        output, code = self.outputs["lint"]
        found = re.findall(r"\[([A-Z][0-9]{4}): .*?\) matched ([0-9]+)", output)
        self.assertEqual(len(found), output.count(") matched "), output)
        self.assertEqual(code != 0, bool(found), output)
        self.assertEqual({(rule, owner(int(line))) for rule, line in found}, self.accepted("cfn-lint"), output)

    def test_the_policy_linter_reports_exactly_the_accepted_findings(self):
        found, checked = {}, set()
        stacks = [Stack(**parameters) for parameters in WHOLE] + [Stack(MEMBER, TrustedRoleArns=TRUSTED), Stack(DESTINATION, **SENDERS)]
        for stack in stacks:
            for name, document in policies.documents(stack):
                checked.add(name)
                found |= {(rule, name): text for rule, text in policies.findings(document)}
        self.assertEqual(set(found), self.accepted("parliament"), found)
        roles = {"IngestRole", "InspectRole", "InspectScheduleRole", "DeliverRole", "ScheduleRole", "WidgetRole", "Role", "DestinationRole"}
        self.assertTrue(roles | {"BucketPolicy", "AlertTopicPolicy", "ScheduleQueuePolicy"} <= checked, checked)

    def test_the_policy_linter_reports_bad_policies(self):
        for wrong, rule in [
            ({"Action": "s3:PutObjects", "Resource": "*"}, "UNKNOWN_ACTION"),
            ({"Action": "dynamodb:ListStreams", "Resource": "arn:aws:dynamodb:eu-central-1:111122223333:table/t/stream/*"}, "RESOURCE_MISMATCH"),
            ({"Action": "s3:GetObject", "Resource": "*"}, "RESOURCE_STAR"),
        ]:
            document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | wrong]}
            with self.subTest(rule):
                self.assertIn(rule, [one for one, _ in policies.findings(document)])

    def test_no_lint_is_disabled_elsewhere(self):
        for name in [*TEMPLATES, "samconfig.toml"]:
            text = (ROOT / name).read_text(encoding="utf-8")
            self.assertNotRegex(text, r"cfn-lint|ignore_checks|checkov:skip", name)
        for name in (".cfnlintrc", ".cfnlintrc.yaml", ".cfnlintrc.yml"):
            self.assertFalse((ROOT / name).exists(), name)

    def test_each_accepted_finding_has_a_reason_and_a_source(self):
        for one in ACCEPTED:
            with self.subTest(one):
                self.assertEqual(set(one), {"linter", "rule", "resource", "why", "source"})
                self.assertRegex(one["source"], r"^https://\S+$")
                self.assertGreater(len(one["why"]), 40)


def owner(line):
    """Returns the name of the parameter or resource that contains a line of the template."""
    lines = TEMPLATE.splitlines()[:line]
    return next(found.group(1) for found in map(re.compile(r"  (\w+):").match, reversed(lines)) if found)


class Member(unittest.TestCase):
    """The role for other accounts."""

    def setUp(self):
        self.stack = Stack(MEMBER, TrustedRoleArns=TRUSTED)
        self.role = self.stack.properties("Role")

    def test_the_role_may_only_look_up_access_keys(self):
        (policy,) = self.role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        self.assertEqual(statement["Action"], ["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys"])
        self.assertEqual(statement["Resource"], "arn:aws:iam::111122223333:user/*")
        self.assertNotIn("ManagedPolicyArns", self.role)

    def test_only_the_trusted_roles_may_assume_it(self):
        (statement,) = self.role["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(statement["Principal"], {"AWS": "arn:aws:iam::111122223333:root"})
        self.assertEqual(statement["Condition"], {"ArnEquals": {"aws:PrincipalArn": TRUSTED.split(",")}})
        self.assertEqual(statement["Action"], "sts:AssumeRole")

    def test_its_name_is_the_one_that_the_stack_assumes(self):
        name = parsed(MEMBER)["Parameters"]["RoleName"]["Default"]
        resource = Stack(AccountRoleName=name, AccountNames="444455556666=shop").resources["InspectRole"]
        self.assertIn(f"arn:aws:iam::*:role/{name}", json.dumps(resource))
        self.assertEqual(self.role["RoleName"], name)


class Destination(unittest.TestCase):
    """The destination for log groups of other accounts."""

    def setUp(self):
        self.stack = Stack(DESTINATION, **SENDERS)

    def test_only_the_named_accounts_of_the_organization_may_send(self):
        policy = json.loads(self.stack.properties("Destination")["DestinationPolicy"])
        (statement,) = policy["Statement"]
        self.assertEqual(statement["Principal"], {"AWS": ["111122223333", "444455556666"]})
        self.assertEqual(statement["Condition"], {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}})
        self.assertEqual(statement["Action"], "logs:PutSubscriptionFilter")
        self.assertTrue(statement["Resource"].endswith(":destination:watch-trails"), statement)

    def test_cloudwatch_logs_may_write_to_the_stream_for_them_alone(self):
        role = self.stack.properties("DestinationRole")
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        accounts = ["111122223333", "444455556666", "111122223333"]
        self.assertEqual(trust["Condition"], {"StringEquals": {"aws:SourceAccount": accounts}})
        (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
        self.assertEqual((statement["Action"], statement["Resource"]), ("kinesis:PutRecord", "<Stream.Arn>"))

    def test_each_call_of_the_function_has_one_payload(self):
        mapping = self.stack.properties("Mapping")
        self.assertEqual((mapping["FunctionName"], mapping["BatchSize"]), ("watch-ingest", 1))


if __name__ == "__main__":
    unittest.main()
