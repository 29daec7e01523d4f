#!/usr/bin/env python3
"""What happens to a stack, from the build to its deletion, on the emulator, with the results checked from outside.

Usage: story.py SAM MINISTACK INSPECTOR    the three commands; run.py finds them
Exit codes: 0 all steps passed, 1 a step failed.
"""

import json
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import yaml
from botocore.exceptions import ClientError

import health
import records
import watched
import workspace
from emulator import REGION, running, without_aws
from onlooker import ALERT_SECONDS, Onlooker, named, run_steps
from stack import set_variables, settled
from widget import Dashboard

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STACK, FUNCTION, ROLE_POLICY = "watch", "watch-ingest", "ingest"
INSPECT, DELIVER, WIDGET = "watch-inspect", "watch-deliver", "watch-widget"
GROUPS = ["/org/cloudtrail/shop", "trail-of_payments"]
RULES_KEY, STATE_KEY, SETTINGS_KEY = "rules/rules.toml", "inspection/chronicle", "config/settings.toml"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]

# Another account, and the role in it that infra/member-role.yaml makes.
MEMBER, MEMBER_ROLE = "444455556666", "cloudtrail-inspector-keys"

BUILD_SECONDS, DEPLOY_SECONDS, CLUSTERS_SECONDS = 3000, 180, 60

# The emulator neither writes the log with the role nor uses the destination in S3, so removing these
# statements breaks nothing here. The template tests check them.
NOT_ENFORCED = {"Log", "FailedInvocations", "FailedInvocationsBucket"}

# Statements that a function uses only when it starts; the step about settings removes them.
ONLY_AT_START = {"Settings", "SettingsVersions"}

# Resource types that the emulator does not support; no other resource refers to them.
UNSUPPORTED = {"AWS::Logs::QueryDefinition"}

# Statements that allow a function to use the table itself, apart from its stream.
ON_TABLE = {"Messages", "SentMessages", "Clusters", "LateHours", "Decisions"}


class Story(Onlooker):
    """The steps, in order. Each step is a method; a failed step raises an AssertionError that states the problem."""

    def __init__(self, sam, inspector, emulator, guance):
        super().__init__(emulator, inspector, guance)
        self.sam, self.starts, self.secret, self.key = sam, 0, "", ""
        self.stack, self.groups, self.secret_text = STACK, GROUPS, workspace.TOKEN
        self.template = emulator.folder / "build" / "template.yaml"
        self.packaged = emulator.folder / "packaged.yaml"

    def steps(self):
        return [
            self.build_the_function,
            self.refuse_a_wrong_parameter_before_any_change,
            self.remove_all_after_a_failed_first_deployment,
            self.deploy,
            self.trigger_each_alarm_once,
            self.refuse_unencrypted_requests_to_the_bucket,
            self.find_the_clusters_of_both_log_groups,
            self.count_a_repeated_event_once,
            self.alert_all_sinks_about_a_new_cluster_within_seconds,
            self.alert_all_sinks_about_a_sensitive_call_that_succeeded,
            self.send_an_alert_again_after_a_failure,
            self.show_what_iam_knows_about_an_access_key,
            self.recover_a_quiet_cluster_once,
            self.show_clusters_in_the_dashboard,
            self.find_each_broken_link,
            self.say_how_healthy_the_stack_is,
            self.ask_iam_in_another_account,
            self.show_no_secret_in_any_log,
            self.watch_only_existing_metrics,
            self.hold_alerts_while_the_secret_is_missing,
            self.store_unreadable_payloads,
            self.redrive_failed_events,
            self.read_events_without_a_subscription,
            self.read_lost_events_again,
            self.use_the_settings_of_a_thousand_accounts,
            self.use_the_last_valid_settings,
            self.need_each_permission,
            self.need_each_permission_on_the_table_to_deliver,
            self.need_each_permission_on_the_table_to_inspect,
            self.need_each_permission_on_the_table_to_show,
            self.delete_the_filter_of_a_removed_log_group,
            self.need_the_permission_to_read_rules,
            self.read_nothing_while_disabled,
            self.keep_the_table_of_a_deleted_stack,
        ]

    def build_the_function(self):
        self.run_sam(
            "build", "--template", ROOT / "template.yaml", "--build-dir", self.template.parent,
            "--parameter-overrides", f"Architecture={ARCHITECTURE}", seconds=BUILD_SECONDS,
        )
        for function in ("IngestFunction", "InspectFunction", "DeliverFunction", "WidgetFunction"):
            binary = self.template.parent / function / "bootstrap"
            assert binary.stat().st_mode & 0o111, "the binary cannot be run"
            # A test build is mostly debug information, and each deployment would pack it four times.
            if shutil.which("strip"):
                subprocess.run(["strip", binary], timeout=60, check=True)
        built = yaml.safe_load(self.template.read_text(encoding="utf-8"))
        # A loop is a list; its last element contains the resources.
        kinds = lambda made: {one["Type"] for one in (made[2].values() if isinstance(made, list) else [made])}
        unknown = [name for name, made in built["Resources"].items() if kinds(made) & UNSUPPORTED]
        for name in unknown:
            del built["Resources"][name]
        self.template.write_text(yaml.safe_dump(built, sort_keys=False), encoding="utf-8")

    def refuse_a_wrong_parameter_before_any_change(self):
        """Checks that a deployment can be refused, with two examples; tests/stack covers all refusals and their messages."""
        created = self.client("secretsmanager").create_secret(Name="guance", SecretString=workspace.TOKEN)
        self.secret = created["ARN"]
        # Packaged once for all deployments, except for the one that runs all SAM commands, as users do.
        self.run_sam(
            "package", "--template", self.template, "--resolve-s3", "--output-template-file", self.packaged, seconds=DEPLOY_SECONDS
        )
        output = self.deploy_with({"LogGroupNames": f"/aws/lambda/{FUNCTION}"}, refused=True)
        assert "must not read its own log" in output, f"it is not refused with a message:\n{output}"
        # Refused by a rule, also if the user accepts the default of each question.
        output = self.deploy_with({"LogGroupNames": "name-them-here"}, refused=True)
        assert "aws cloudtrail describe-trails" in output, f"the default is not refused with a message:\n{output}"
        stacks = [one["StackStatus"] for one in self.client("cloudformation").describe_stacks()["Stacks"]]
        stacks = [status for status in stacks if status != "REVIEW_IN_PROGRESS"]
        names = self.client("dynamodb").list_tables()["TableNames"]
        assert not names, f"a refused deployment created {names}"
        assert len(stacks) <= 1, f"a refused deployment left {stacks}"  # the only stack is the one of SAM's own bucket

    def remove_all_after_a_failed_first_deployment(self):
        broken = yaml.safe_load(self.packaged.read_text(encoding="utf-8"))
        retained = [name for name, made in broken["Resources"].items() if isinstance(made, dict) and "Retain" in made.get("DeletionPolicy", "")]
        missing = {"TemplateURL": f"{self.emulator.url}/nowhere/template.yaml"}
        broken["Resources"]["Broken"] = {"Type": "AWS::CloudFormation::Stack", "DependsOn": retained, "Properties": missing}
        self.make_log_groups()
        status, events = self.create_without_sam(broken)
        assert status == "ROLLBACK_COMPLETE", status
        made = {one["LogicalResourceId"] for one in events if one["ResourceStatus"] == "CREATE_COMPLETE"}
        assert set(retained) <= made, f"of {retained} only {made} were created"
        names = self.client("dynamodb").list_tables()["TableNames"]
        assert not names, f"a first deployment that failed leaves {names}"
        buckets = [one["Name"] for one in self.client("s3").list_buckets()["Buckets"] if STACK in one["Name"]]
        assert not buckets, f"a first deployment that failed leaves {buckets}"
        # CloudFormation requires this before the next stack can have the same name.
        self.client("cloudformation").delete_stack(StackName=STACK)

    def create_without_sam(self, template):
        """Creates a stack from a template that the SAM CLI would not accept; returns the stack's last status and all its events."""
        stacks, bucket = self.client("cloudformation"), "broken"
        self.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client("s3").put_object(Bucket=bucket, Key="template.yaml", Body=yaml.safe_dump(template, sort_keys=False).encode())
        stacks.create_stack(
            StackName=STACK, TemplateURL=f"{self.emulator.url}/{bucket}/template.yaml", Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters().items()],
        )
        status = settled(stacks, STACK, DEPLOY_SECONDS)["StackStatus"]
        pages = stacks.get_paginator("describe_stack_events").paginate(StackName=STACK)
        return status, [one for page in pages for one in page["StackEvents"]]

    def make_log_groups(self):
        for group in GROUPS:
            self.client("logs").create_log_group(logGroupName=group)
            self.client("logs").create_log_stream(logGroupName=group, logStreamName="trail")

    def deploy(self):
        self.deploy_with({}, template=self.template)
        outputs = self.outputs()
        self.table, self.bucket = outputs["TableName"], outputs["BucketName"]
        self.trust_the_workspace()
        self.relax_policies(outputs["TopicArn"])
        self.listen(topic=outputs["TopicArn"], alarms=outputs["AlarmTopicArn"])
        for group in GROUPS:
            assert self.filters(group) == [FUNCTION], f"{group} has the filters {self.filters(group)}"

    def trigger_each_alarm_once(self):
        alarms = watched.alarms(self.client, STACK)
        states = lambda: {name for name, one in watched.alarms(self.client, STACK).items() if one["StateValue"] == "ALARM"}
        assert not states(), f"alarms are on before anything happened: {states()}"
        for alarm in alarms.values():
            watched.put(self.client, alarm, is_beyond=False)
        assert not states(), f"alarms go into ALARM at their thresholds: {states()}"
        on, left = set(), {name for name, alarm in alarms.items() if not watched.is_for_missing_data(alarm)}
        while left:
            metric = alarms[min(left)]["MetricName"]
            # The emulator ignores dimensions: all alarms of one metric go into ALARM together.
            same = {name for name in left if alarms[name]["MetricName"] == metric}
            for name in sorted(same):
                watched.put(self.client, alarms[name], is_beyond=True)
            on, left = on | same, left - same
            assert states() == on, f"{metric} triggers the wrong alarms; difference: {states() ^ on}"
        print(f"    {len(on)} alarms of {len(alarms)} went into ALARM")
        while self.receive("alarms"):
            pass
        received = watched.alarms_in(self.received["alarms"], "ALARM")
        assert received == sorted(on), received

    def find_the_clusters_of_both_log_groups(self):
        started = time.monotonic()
        self.put(GROUPS[0], [records.failure("ListUsers", source="iam"), records.success("GetUser")])
        self.put(GROUPS[1], [records.failure("PutObject", source="s3"), records.failure("PutObject", source="s3")])
        found = self.await_clusters({"ListUsers": 1, "PutObject": 2})
        print(f"    both clusters exist after {time.monotonic() - started:.1f} s")
        assert "GetUser" not in found, "a successful call is a cluster"
        assert self.clusters("--stack", STACK) == self.clusters(), "the table is not found by the name of the stack"

    def count_a_repeated_event_once(self):
        twice = records.failure("GetSecretValue", source="secretsmanager")
        for group in GROUPS:
            self.put(group, [twice])
        self.put(GROUPS[0], [records.failure("AfterTheTwo")])
        counts = self.await_clusters({"GetSecretValue": 1, "AfterTheTwo": 1})
        assert counts["GetSecretValue"] == 1, counts

    def alert_all_sinks_about_a_new_cluster_within_seconds(self):
        started = time.monotonic()
        self.put(GROUPS[0], [records.failure("StopInstances")])
        mail = self.await_message("topic", "StopInstances")
        assert mail["Subject"].isascii() and len(mail["Subject"]) < 100, mail["Subject"]
        assert mail["MessageAttributes"]["kind"]["Value"] == "new", mail["MessageAttributes"]
        event = self.await_message("bus", "StopInstances")
        assert (event["source"], event["detail-type"]) == ("cloudtrail-inspector", "Cluster New"), event
        assert event["detail"]["kind"] == "new" and event["detail"]["cluster"]["count"] == 1, event["detail"]
        (line,) = self.await_lines("/v1/write/keyevent", "StopInstances")
        assert line.startswith("monitor,") and f'df_event_id=event-{event["detail"]["alert_id"]}' in line, line
        assert self.await_lines("/v1/write/logging", "StopInstances"), "no sample is sent"
        print(f"    all three sinks received the alert after {time.monotonic() - started:.1f} s")

    def find_each_broken_link(self):
        health.check_the_links(self)

    def say_how_healthy_the_stack_is(self):
        health.check_the_status(self)

    def alert_all_sinks_about_a_sensitive_call_that_succeeded(self):
        started = time.monotonic()
        # By a user of its own: an incident of this user must not absorb the alerts of the next steps.
        call = records.of_user(records.success("AttachUserPolicy", source="iam"), "ops", "AKIAIOSFODNN7EXAMPL2")
        call["requestParameters"] = {"userName": "eve", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
        self.put(GROUPS[0], [records.success("GetUserPolicy", source="iam"), call])
        mail = self.await_message("topic", "AttachUserPolicy", "sensitive_call")
        assert mail["MessageAttributes"]["strength"]["Value"] == "strong", mail["MessageAttributes"]
        event = self.await_message("bus", "AttachUserPolicy", "sensitive_call")
        assert event["detail-type"] == "Sensitive Call", event
        detail = event["detail"]["untrusted_detail"]
        assert (detail["target"], detail["calls"]) == ("eve", 1), detail
        assert "AdministratorAccess" in json.dumps(detail["parameters"]), detail
        (line,) = self.await_lines("/v1/write/keyevent", "AttachUserPolicy", "ct_state=sensitive_call")
        assert f'df_event_id=event-{event["detail"]["alert_id"]}' in line, line
        assert "AttachUserPolicy" not in self.clusters(), "a call that succeeded is a cluster of errors"
        print(f"    all three sinks received the alert after {time.monotonic() - started:.1f} s")

    def deliver_by_schedule(self):
        self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}")

    def send_an_alert_again_after_a_failure(self):
        self.guance.failing = 1
        self.put(GROUPS[0], [records.failure("RebootInstances")])
        self.await_message("topic", "RebootInstances")
        alert = self.await_message("bus", "RebootInstances")["detail"]["alert_id"]
        end = time.monotonic() + ALERT_SECONDS
        while self.guance.failing:
            assert time.monotonic() < end, "nothing was sent to the workspace while it was down"
            time.sleep(0.1)
        while not any("RebootInstances" in line for line in self.guance.lines("/v1/write/keyevent")):
            assert time.monotonic() < end, "an alert that the workspace refused is not sent again"
            # The schedule does this once a minute.
            self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}")
            time.sleep(0.5)
        (line,) = [line for line in self.guance.lines("/v1/write/keyevent") if "RebootInstances" in line]
        assert f"df_event_id=event-{alert}" in line, line

    def show_what_iam_knows_about_an_access_key(self):
        account = self.client("sts").get_caller_identity()["Account"]
        key = self.make_access_key()
        failure = records.failure("TerminateInstances")
        failure["userIdentity"] |= {"accessKeyId": key, "accountId": account}
        self.put(GROUPS[0], [failure])
        self.check_key(self.await_message("bus", "TerminateInstances"), key)
        self.key = key

    def ask_iam_in_another_account(self):
        """Asks with the role of infra/member-role.yaml: first it is missing, then it trusts another role, then it works."""
        self.use_the_member_role()
        for trusted, is_answered in ((None, False), ("arn:aws:iam::111122223333:role/other", False), (self.role_arn(INSPECT), True)):
            if trusted:
                self.make_member_role(trusted)
            key, about = self.make_access_key(self.member), records.new_name()
            self.put(GROUPS[0], [records.of_account(records.failure(about), MEMBER, key)])
            self.await_clusters({about: 1})
            before = len(self.unanswered())
            failed = self.inspection_error()
            assert not failed, f"the inspection fails: {failed}"
            new = self.unanswered()[before:]
            usage = self.client("dynamodb").get_item(TableName=self.table, Key={"pk": {"S": f"K#{key}"}, "sk": {"S": "L"}}).get("Item", {})
            assert ("mia" in json.dumps(usage)) == is_answered == (not new), (trusted, new, usage)
            for line in new:
                named = f"with the role arn:aws:iam::{MEMBER}:role/{MEMBER_ROLE}: "
                assert named in line and ("AccessDenied" in line or "NoSuchEntity" in line), line

    def unanswered(self):
        return [line for line in self.lines(INSPECT) if "IAM gave no answer" in line]

    def member(self, service):
        """Returns a client of a service with the rights of the owner of another account."""
        return self.emulator.client_of(service, MEMBER, "test")

    def use_the_member_role(self):
        """Gives the inspection what AccountNames and AccountRoleName give it, without the condition that both accounts are in one
        organization: the emulator has none."""
        self.set_variables({"ACCOUNT_NAMES": f"{MEMBER}=shop", "ACCOUNT_ROLE_NAME": MEMBER_ROLE}, INSPECT)
        role = self.role(INSPECT)
        policy = self.policy(role, "inspect")
        policy["Statement"].append({"Sid": "Members", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{MEMBER_ROLE}"})
        self.set_policy(policy, role, "inspect")

    def make_member_role(self, trusted):
        stacks, name = self.member("cloudformation"), "keys"
        change = stacks.update_stack if any(one["StackName"] == name for one in stacks.describe_stacks()["Stacks"]) else stacks.create_stack
        change(
            StackName=name, TemplateBody=(ROOT / "infra" / "member-role.yaml").read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": "TrustedRoleArns", "ParameterValue": trusted}], Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        end = time.monotonic() + DEPLOY_SECONDS
        while not stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"].endswith("_COMPLETE"):
            assert time.monotonic() < end, "the role is not there"
            time.sleep(0.1)
        # The emulator knows the account that is trusted, but not the key of this condition.
        trust = self.member("iam").get_role(RoleName=MEMBER_ROLE)["Role"]["AssumeRolePolicyDocument"]
        trust = json.loads(trust) if isinstance(trust, str) else trust
        (statement,) = trust["Statement"]
        assert statement.pop("Condition") == {"ArnEquals": {"aws:PrincipalArn": [trusted]}}, trust
        self.member("iam").update_assume_role_policy(RoleName=MEMBER_ROLE, PolicyDocument=json.dumps(trust))
        # Nor does it know that a key belongs to its user.
        name = "ask-about-access-keys"
        policy = self.member("iam").get_role_policy(RoleName=MEMBER_ROLE, PolicyName=name)["PolicyDocument"]
        policy = json.loads(policy) if isinstance(policy, str) else policy
        assert policy["Statement"][0]["Resource"] == f"arn:aws:iam::{MEMBER}:user/*", policy
        policy["Statement"][0]["Resource"] = "*"
        self.member("iam").put_role_policy(RoleName=MEMBER_ROLE, PolicyName=name, PolicyDocument=json.dumps(policy))

    def recover_a_quiet_cluster_once(self):
        about = "AllocateAddress"
        self.put(GROUPS[0], [records.throttled(about, hours_ago=9)])
        self.await_clusters({about: 1})
        # The schedule does this once an hour, and sometimes twice.
        for _ in range(2):
            failed = self.inspection_error()
            assert not failed, f"the inspection fails: {failed}\n{self.emulator.log()}"
        (item,) = self.cluster_items(about)
        assert item["st"]["S"] == "recovered", item
        state = self.client("s3").head_object(Bucket=self.bucket, Key=STATE_KEY)
        assert state["ContentLength"] > 0, "the inspection state is not saved"
        self.check_one_recovery_alert(about, lambda: self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}"))
        first, second = self.inspections()
        for line in (first, second):
            assert (line["failed"], line["damaged"], line["behind_hours"]) == (0, 0, 0), line
        assert first["hours"] >= 8 and first["settled"] >= 1, first
        assert second["hours"] <= 1, second
        for line in self.metrics(INSPECT):
            assert (line["Stack"], line["InspectionBehindHours"]) == (STACK, 0), line

    def show_clusters_in_the_dashboard(self):
        dashboard, about = Dashboard(self.client("lambda"), STACK), "TerminateInstances"
        assert "markdown" in dashboard.ask({"describe": True}), "the widget does not describe itself"
        # The newest cluster with an access key: one click finds it, one opens it, and the page shows the key.
        found = dashboard.page(dashboard.page({}).click("Search"), search=about)
        opened = dashboard.page(found.click(about))
        for shown in (self.key, "mia", "never with success"):
            assert shown in opened.text, f"the page does not show {shown}: {opened.text}"
        recovered = dashboard.page({}, status="recovered")
        assert "AllocateAddress" in recovered.text and about not in recovered.text, recovered.text
        fresh = records.new_name()
        self.put(GROUPS[0], [records.throttled(fresh)])
        self.await_clusters({fresh: 1})
        assert fresh in dashboard.page({"sort": "began"}).text, "a cluster that is not inspected yet is missing"
        done = self.mute(dashboard, opened)
        assert "muted" in dashboard.page({}, search=about).text, "the list does not show the triage decision"
        undone = dashboard.page(done.click("Take back"), reason="a mistake").text
        assert "Done: unmarked" in undone, undone

    def show_no_secret_in_any_log(self):
        for function, message in ((FUNCTION, ""), (INSPECT, '"inspected"'), (DELIVER, '"delivered"'), (WIDGET, '"answered"')):
            text = "\n".join(self.lines(function))
            assert message in text, f"{function} has not logged its result:\n{text}"
            for hidden in (workspace.TOKEN, self.key, "AKIAIOSFODNN7EXAMPLE"):
                assert hidden not in text, f"{hidden} is in the log of {function}"
        left = self.client("dynamodb").get_item(TableName=self.table, Key={"pk": {"S": "STACK"}, "sk": {"S": "SETUP"}})
        assert json.loads(left["Item"]["se"]["S"])["LOG_GROUP_NAMES"] == ",".join(GROUPS), left
        for sent in [*self.received["topic"], *self.received["bus"], *self.guance.written, left["Item"]["se"]["S"]]:
            for hidden in (workspace.TOKEN, self.key, "AKIAIOSFODNN7EXAMPLE"):
                assert hidden not in json.dumps(sent), f"{hidden} is in an alert or in the table"

    def watch_only_existing_metrics(self):
        lines = [line for function in (FUNCTION, INSPECT, DELIVER) for line in self.metrics(function)]
        body = self.client("cloudwatch").get_dashboard(DashboardName=f"{STACK}-{REGION}")["DashboardBody"]
        widgets = json.loads(body)["widgets"]
        shown = list(watched.metrics(widgets))
        alarms = watched.alarms(self.client, STACK).values()
        named = [(one["Namespace"], one["MetricName"], {it["Name"]: it["Value"] for it in one["Dimensions"]}) for one in alarms]
        missing = list(watched.missing(self.client, shown + named, lines))
        assert not missing, f"the dashboard or an alarm names metrics that nothing writes: {missing}"
        assert {line["Stack"] for line in lines} == {STACK}, "a metric belongs to no stack, or to another stack"
        unread = {metric for _, metric, _ in watched.written(lines)} - {metric for _, metric, _ in shown + named}
        assert not unread, f"no alarm and no widget reads {unread}"
        called = {widget["properties"]["endpoint"] for widget in widgets if widget["type"] == "custom"}
        there = {one["FunctionArn"] for one in self.client("lambda").list_functions()["Functions"]}
        assert called and called <= there, f"the dashboard calls {called}"
        print(f"    {len(shown)} metrics on the dashboard and {len(named)} of alarms are there")

    def hold_alerts_while_the_secret_is_missing(self):
        self.client("secretsmanager").delete_secret(SecretId=self.secret, ForceDeleteWithoutRecovery=True)
        # A changed variable restarts the function, so the secret is not cached any more.
        self.set_variables({"LOG_LEVEL": "debug"})
        written = len(self.guance.written)
        self.put(GROUPS[0], [records.failure("ModifyVpcAttribute")])
        self.await_message("topic", "ModifyVpcAttribute")
        self.await_message("bus", "ModifyVpcAttribute")
        end = time.monotonic() + ALERT_SECONDS
        while not any(line.get("Sink") == "guance" and line.get("SinkMisconfigured") for line in self.metrics(DELIVER)):
            assert time.monotonic() < end, "no metric reports the missing secret"
            time.sleep(0.5)
        assert len(self.guance.written) == written, "something was sent without a secret"

    def lines(self, function):
        """Returns the log lines of a function."""
        logs = self.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]

    def metrics(self, function):
        """Returns the metric lines (embedded metric format) in the log of a function."""
        return [json.loads(line) for line in self.lines(function) if line.startswith("{") and '"_aws":' in line]

    def inspections(self):
        """Returns the log line of each inspection, oldest first."""
        return [json.loads(line) for line in self.lines(INSPECT) if '"inspected"' in line]

    def refuse_unencrypted_requests_to_the_bucket(self):
        failed = self.error_of(self.call(["no record at all"]))
        assert failed, "the bucket accepts an unencrypted request"
        # The emulator speaks plain HTTP, so from here on this statement would refuse every request.
        policy = json.loads(self.client("s3").get_bucket_policy(Bucket=self.bucket)["Policy"])
        statements = [one for one in policy["Statement"] if one["Sid"] != "EncryptedOnTheWay"]
        assert len(statements) == 1 < len(policy["Statement"]), policy
        # In the emulator, aws:PrincipalArn is the ARN of a role's session; in AWS it is the ARN of the role.
        (settings,) = statements
        roles = settings["Condition"].pop("ArnNotEquals")["aws:PrincipalArn"]
        assert sorted(roles) == sorted(self.role_arn(one) for one in (FUNCTION, INSPECT, DELIVER, WIDGET)), roles
        sessions = [f'{arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")}/*' for arn in roles]
        settings["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": sessions}}
        self.client("s3").put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy | {"Statement": statements}))

    def store_unreadable_payloads(self):
        self.invoke(["no record at all"])
        stored = self.client("s3").list_objects_v2(Bucket=self.bucket, Prefix="quarantine/").get("Contents", [])
        assert stored, "an unreadable payload is not stored"

    def redrive_failed_events(self):
        missed = records.failure("DeleteMountTarget", source="elasticfilesystem")
        whole = self.policy()
        rest = [one for one in whole["Statement"] if one["Sid"] != "Clusters"]
        self.set_policy({**whole, "Statement": rest})
        failed = self.error_of(self.call([missed]))
        self.set_policy(whole)
        assert failed and "StoreUnavailable" in failed, f"the function succeeds without its table: {failed}"
        # The emulator does not write failed invocations to S3, so the test writes one.
        arn = self.client("lambda").get_function_configuration(FunctionName=FUNCTION)["FunctionArn"]
        key, stored = records.failed_invocation(arn, records.payload([missed]))
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=json.dumps(stored).encode())
        before = self.clusters()
        assert "DeleteMountTarget" not in before, before
        for processed, clustered in [("1 event processed", "1 clustered"), ("0 events processed", "")]:
            printed = self.command("redrive", "--stack", STACK)
            assert processed in printed and clustered in printed, printed
            assert self.clusters() == before | {"DeleteMountTarget": 1}, self.clusters()
        self.await_message("topic", "DeleteMountTarget")
        # The stack reads both log groups, and all their events were processed already.
        printed = self.command("backfill", "--stack", STACK, *self.around_now())
        assert printed.count(" 0 clustered, ") == len(GROUPS) and "selected: 0 clustered, 0 dup" not in printed, printed
        assert self.clusters() == before | {"DeleteMountTarget": 1}, self.clusters()

    def read_events_without_a_subscription(self):
        about, group, logs = "DeleteFileSystem", GROUPS[1], self.client("logs")
        assert not self.inspection_error(), "the inspection fails"
        (was,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
        logs.delete_subscription_filter(logGroupName=group, filterName=FUNCTION)
        self.put(group, [records.failure(about, source="elasticfilesystem")])
        # An event can be read from the next second on.
        time.sleep(1)
        assert about not in self.clusters(), "the event arrived although no filter was subscribed"
        for _ in range(2):
            assert not self.inspection_error(), "the inspection fails"
            assert self.clusters()[about] == 1, self.clusters()
        logs.put_subscription_filter(
            logGroupName=group, filterName=FUNCTION, filterPattern=was["filterPattern"], destinationArn=was["destinationArn"]
        )
        for hours in (True, False):
            assert not self.inspection_error(), "the inspection fails"
            line = self.inspections()[-1]
            assert (line["backfilled_hours"] > 0, line["backfill_left"]) == (hours, 0), line
            assert self.clusters()[about] == 1, self.clusters()

    def read_lost_events_again(self):
        before = self.clusters()
        # Dropped events are in the bucket. Events that could not be written there are read again from each log group,
        # once, with the six hours before them.
        for metric, hours in (
            ("AsyncEventsDropped", 0),
            ("DestinationDeliveryFailures", 7 * len(GROUPS)),
            (None, 0),
        ):
            if metric:
                failed = {
                    "MetricName": metric, "Value": 1, "Timestamp": time.time() - 3600,
                    "Dimensions": [{"Name": "FunctionName", "Value": FUNCTION}],
                }
                self.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=[failed])
            assert not self.inspection_error(), "the inspection fails"
            line = self.inspections()[-1]
            assert (line["backfilled_hours"], line["backfill_left"]) == (hours, 0), line
        assert self.clusters() == before, "events that were read again are counted twice"

    def use_the_settings_of_a_thousand_accounts(self):
        ids = [f"{number:012}" for number in range(100_001, 101_001)]
        names = "".join(f'{one} = "account {one}"\n' for one in ids)
        file = self.emulator.folder / "settings.toml"
        file.write_text(
            f'trail_accounts = {json.dumps(ids)}\ncanary_keys = ["AKIAEXAMPLECANARY001"]\n'
            f'self_principals = ["arn:aws:iam::{ids[0]}:role/scanner"]\n[account_names]\n{names}',
            encoding="utf-8",
        )
        self.settings = file
        printed = self.command("config", "set", "--stack", STACK, file)
        for part in ("1000 account names", "1000 trail accounts", "1 canary key", "1 self principal"):
            assert part in printed, printed
        assert "CANARY" not in printed, printed
        self.refuse_the_settings_to_other_users()
        self.restart_functions()
        about, account = records.new_name(), ids[776]
        once = records.of_account(records.throttled(about), account)
        self.put(GROUPS[0], [once, records.copy_of_call(once, ids[42])])
        assert self.await_clusters({about: 1})[about] == 1, "a call that two accounts log is counted twice"
        assert f"account {account}" in json.dumps(self.await_message("topic", about)), "the account has no name"
        own = records.by_role(records.throttled(records.new_name()), ids[0], "scanner")
        self.invoke([own, records.of_account(records.throttled(records.new_name()), account, key="AKIAEXAMPLECANARY001")])
        assert own["eventName"] not in self.clusters(), "an ignored event is counted"
        self.await_message("bus", "Access Key Alert")
        assert not self.inspection_error(), "the inspection fails"
        # A redrive from the command line knows the trail accounts, and needs the file for the other settings.
        done = self.run_command("redrive", "--stack", STACK)
        assert done.returncode == 1 and "use --settings with the" in done.stderr, done.stderr
        self.command("redrive", "--stack", STACK, "--settings", file)
        page = Dashboard(self.client("lambda"), STACK).page({}, status="all", search=about).text
        assert f"account {account}" in page, page

    def refuse_the_settings_to_other_users(self):
        iam = self.client("iam")
        iam.create_user(UserName="auditor")
        allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_user_policy(UserName="auditor", PolicyName="everything", PolicyDocument=document)
        key = iam.create_access_key(UserName="auditor")["AccessKey"]
        auditor = self.emulator.client_of("s3", key["AccessKeyId"], key["SecretAccessKey"])
        for read in (auditor.get_object, auditor.head_object):
            try:
                read(Bucket=self.bucket, Key=SETTINGS_KEY)
                raise AssertionError("a user with s3:* on all resources reads the settings")
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        auditor.list_objects_v2(Bucket=self.bucket)

    def use_the_last_valid_settings(self):
        self.client("s3").put_object(Bucket=self.bucket, Key=SETTINGS_KEY, Body=b"trail_accounts = 7")
        whole, account = self.policy(), f"{100_777:012}"
        for sid, action in [("Settings", "s3:GetObject"), ("Settings", "s3:GetObjectVersion"), ("SettingsVersions", "s3:ListBucketVersions")]:
            without = [
                one | {"Action": [other for other in actions(one) if other != action]} if one["Sid"] == sid else one
                for one in whole["Statement"]
            ]
            self.set_policy({**whole, "Statement": [one for one in without if one["Action"]]})
            self.restart_functions()
            broken = self.error_of(self.call([records.throttled(records.new_name())]))
            assert broken and "SettingsUnavailable" in broken, f"nothing needs {action}: {broken}"
            print(f"    without {action}: {broken}")
        self.set_policy(whole)
        self.restart_functions()
        once = records.of_account(records.throttled(records.new_name()), account)
        self.invoke([once, records.copy_of_call(once, f"{100_042:012}")])
        assert self.clusters()[once["eventName"]] == 1, "an invalid settings object took effect"
        assert any("SettingsWrong" in line for line in self.lines(FUNCTION)), "the log does not name the problem"
        failed = self.inspection_error()
        assert failed and "SettingsWrong" in failed and "1:18" in failed, failed
        self.command("config", "set", "--stack", STACK, self.settings)
        self.restart_functions()
        assert not self.inspection_error(), "the inspection fails although the settings are valid again"

    def restart_functions(self):
        """Restarts each function with its next invocation, by changing a variable."""
        self.starts += 1
        for function in (FUNCTION, INSPECT, DELIVER, WIDGET):
            self.set_variables({"STARTS": str(self.starts)}, function)

    def around_now(self):
        """Returns the arguments for the range from three hours ago to one hour ahead."""
        moment = lambda hours: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600 * hours))
        return ["--from", moment(-3), "--to", moment(1)]

    def need_each_permission(self):
        """Removes each action of the role's policy once: something must fail without it, and nothing once it is back."""
        whole = self.policy()
        for place, statement in enumerate(whole["Statement"]):
            if statement["Sid"] in NOT_ENFORCED | ONLY_AT_START:
                continue
            for action in actions(statement):
                rest = [one for one in actions(statement) if one != action]
                statements = list(whole["Statement"])
                statements[place : place + 1] = [statement | {"Action": rest}] if rest else []
                self.set_policy({**whole, "Statement": statements})
                broken = self.ingest_error()
                self.set_policy(whole)
                assert broken, f"nothing needs {action}; remove it from the template"
                assert not self.ingest_error(), f"still broken after {action} was allowed again"
                print(f"    without {action}: {broken}")

    def need_each_permission_on_the_table_to_deliver(self):
        """Does the same for the function that sends alerts; until the end only this test calls it."""
        role, functions = self.role(DELIVER), self.client("lambda")
        (mapping,) = functions.list_event_source_mappings(FunctionName=DELIVER)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        self.need_each_action_on_the_table(role, "deliver", self.delivery_error)
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def need_each_permission_on_the_table_to_inspect(self):
        # A failure needs an inspection of all hours, which takes seconds; success is checked with one hour.
        state = self.client("s3").get_object(Bucket=self.bucket, Key=STATE_KEY)["Body"].read()

        def shorter_inspection_error():
            self.client("s3").put_object(Bucket=self.bucket, Key=STATE_KEY, Body=state)
            return self.inspection_error()

        self.need_each_action_on_the_table(self.role(INSPECT), "inspect", self.full_inspection_error, shorter_inspection_error)
        broken = self.full_inspection_error()
        assert not broken, f"still broken after all was allowed again: {broken}"

    def need_each_permission_on_the_table_to_show(self):
        dashboard = Dashboard(self.client("lambda"), STACK)
        cluster = dashboard.page({}, status="all", search="TerminateInstances").click("TerminateInstances")["cluster"]
        self.need_each_action_on_the_table(self.role(WIDGET), "widget", lambda: dashboard.error(cluster))

    def need_each_action_on_the_table(self, role, name, error, error_after=None):
        """Removes each action on the table from a role's policy, one after the other, and allows it again."""
        whole = self.policy(role, name)
        on_table = [one for one in whole["Statement"] if one["Sid"] in ON_TABLE]
        for action in sorted({action for one in on_table for action in actions(one)}):
            rest = [
                one | {"Action": [other for other in actions(one) if other != action]} if one in on_table else one
                for one in whole["Statement"]
            ]
            self.set_policy({**whole, "Statement": [one for one in rest if one["Action"]]}, role, name)
            # The schedule or the stream may call the function first and use up the event of this attempt.
            broken = next(filter(None, (error() for _ in range(5))), None)
            self.set_policy(whole, role, name)
            assert broken, f"nothing needs {action} in {name}; remove it from the template"
            still = (error_after or error)()
            assert not still, f"still broken after {action} was allowed again: {still}"
            print(f"    without {action}: {broken}")

    def delivery_error(self):
        """Creates a new cluster, has its alert sent, and returns the error, if any."""
        # By another caller: the many denials of the usual one are an incident by now, which absorbs alerts about that caller.
        event = records.throttled(records.new_name())
        self.invoke([records.by_role(event, event["recipientAccountId"], "nightly")])
        return self.error_of(self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}"))

    def full_inspection_error(self):
        """Inspects all hours with one more event, then late events again; returns the first error, if any."""
        self.invoke([records.throttled(records.new_name(), hours_ago=9)])
        # Without the inspection state all hours are inspected again.
        self.client("s3").delete_object(Bucket=self.bucket, Key=STATE_KEY)
        return self.inspection_error() or self.inspection_error()

    def inspection_error(self):
        """Invokes the inspect function as its schedule does, and returns the error, if any."""
        return self.error_of(self.client("lambda").invoke(FunctionName=INSPECT, Payload=b"{}"))

    def delete_the_filter_of_a_removed_log_group(self):
        self.client("s3").put_object(Bucket=self.bucket, Key=RULES_KEY, Body=records.RULES.encode())
        self.deploy_with({"LogGroupNames": GROUPS[0], "RulesObject": RULES_KEY})
        assert self.filters(GROUPS[0]) == [FUNCTION], "the filter of a log group that is still named is gone"
        assert self.filters(GROUPS[1]) == [], "the filter of a log group that is not named any more still exists"
        assert self.outputs()["TableName"] == self.table, "another table"

    def need_the_permission_to_read_rules(self):
        whole = self.policy()
        rest = [one for one in whole["Statement"] if one["Sid"] != "Rules"]
        assert len(rest) < len(whole["Statement"]), "the role may not read the rules"
        self.set_policy({**whole, "Statement": rest})
        broken = self.error_of(self.call([records.failure("BeforeTheRules")]))
        self.set_policy(whole)
        assert broken, "the rules are read without permission"
        self.invoke([records.failure("IgnoredByRule"), records.failure("AfterTheRules")])
        counts = self.await_clusters({"AfterTheRules": 1})
        assert "IgnoredByRule" not in counts, "the rules are not applied"

    def read_nothing_while_disabled(self):
        # The emulator does not see a changed condition as a change of the stack, so another parameter changes with it.
        # It would not change the condition back either.
        self.deploy_with({"Enabled": "false", "LogRetentionDays": "14", "DeletionProtection": "true"})
        assert self.filters(GROUPS[0]) == [], "the log group is still read"
        assert self.outputs()["TableName"] == self.table, "another table"
        self.put(GROUPS[0], [records.failure("WhileNothingWasRead")])
        before = self.clusters()
        assert "WhileNothingWasRead" not in before, before
        for _ in range(2):
            where = ["--stack", STACK, "--settings", self.settings, "--group", GROUPS[0]]
            self.command("backfill", *where, "--pattern", "", *self.around_now())
            assert self.clusters() == before | {"WhileNothingWasRead": 1}, self.clusters()

    def keep_the_table_of_a_deleted_stack(self):
        done = subprocess.run(
            [sys.executable, ROOT / "infra" / "delete.py", self.sam, STACK, "--no-prompts"], cwd=ROOT, env=self.emulator.environment,
            timeout=DEPLOY_SECONDS, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f"the stack is not deleted:\n{done.stdout}"
        for option in (f"--table-name {self.table}", f"--bucket {self.bucket}"):
            assert option in done.stdout, f"it does not print how to remove the table and the bucket:\n{done.stdout}"
        described = self.client("dynamodb").describe_table(TableName=self.table)["Table"]
        assert described.get("DeletionProtectionEnabled"), "the table is not protected any more"
        assert self.clusters()["ListUsers"] == 1, "the clusters are gone"
        self.client("s3").head_bucket(Bucket=self.bucket)
        try:
            self.client("lambda").get_function(FunctionName=FUNCTION)
            raise AssertionError("the function is left")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException", error

    # Helpers of the steps.

    def run_sam(self, verb, *arguments, seconds, refused=False):
        config = ["--config-file", ROOT / "samconfig.toml"]
        command = [str(one) for one in (self.sam, verb, *arguments, *config)]
        # A build may have to download packages; all other commands must not reach beyond this machine.
        environment = without_aws() if verb == "build" else self.emulator.environment
        environment = environment | {"SAM_CLI_POLL_DELAY": "1", "ARCHITECTURE": ARCHITECTURE}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, timeout=seconds, check=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        expected = "fail" if refused else "succeed"
        assert (done.returncode != 0) == refused, f"sam {verb} does not {expected}:\n{done.stdout}"
        return done.stdout

    def parameters(self):
        """Returns the parameters that all deployments have."""
        # The emulator treats a filter pattern as words that must all occur, so all records are read. tests/stack checks
        # the patterns.
        return {
            "LogGroupNames": ",".join(GROUPS), "Coverage": "all", "Architecture": ARCHITECTURE, "LearnHours": "0",
            # The first inspection covers the whole retention time. Only this test starts inspections, never the schedule.
            "RetentionDays": "8", "InspectionSchedule": "cron(0 0 1 1 ? *)",
            "AlarmTopic": "create", "Topic": "create", "EventBusName": "default", "GuanceRoute": "dataway", "GuanceUrl": self.guance.url,
            "GuanceSecretArn": self.secret, "GuanceSampleLogs": "true", "AllowPrivateEndpoint": "true",
            # The emulator ignores the VPC: the function still reaches the workspace of the test.
            "VpcSubnetIds": "subnet-0123456789abcdef0", "VpcSecurityGroupIds": "sg-0123456789abcdef0",
        }

    def deploy_with(self, parameters, refused=False, template=None):
        parameters = self.parameters() | parameters
        overrides = [f'{name}="{value}"' for name, value in parameters.items()]
        return self.run_sam(
            "deploy", "--template", template or self.packaged, "--stack-name", STACK, "--no-confirm-changeset",
            "--parameter-overrides", *overrides, seconds=DEPLOY_SECONDS, refused=refused,
        )

    def trust_the_workspace(self):
        """Makes the function trust the certificate of the test workspace; the stack has no parameter for this."""
        self.set_variables({"GUANCE_CA_FILE": str(self.guance.ca_file)})

    def set_variables(self, variables, function=DELIVER):
        """Adds variables to the environment of a function."""
        set_variables(self.client("lambda"), function, variables)

    def relax_policies(self, topic):
        """Checks the conditions that the emulator cannot satisfy, and removes them."""
        # The emulator speaks plain HTTP, which the topic refuses.
        policy = json.loads(self.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
        assert [one["Effect"] for one in policy["Statement"]] == ["Deny"], policy
        policy["Statement"][0] |= {"Effect": "Allow", "Action": "sns:Publish", "Condition": {}}
        self.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
        # The emulator does not pass events:source to the policy.
        role = self.role(DELIVER)
        whole = self.policy(role, "deliver")
        (bus,) = [one for one in whole["Statement"] if one["Sid"] == "Bus"]
        assert bus.pop("Condition") == {"StringEquals": {"events:source": "cloudtrail-inspector"}}, bus
        # In AWS the resource of an access key lookup is the key's user; in the emulator it is not.
        (keys,) = [one for one in whole["Statement"] if one["Sid"] == "AccessKeys"]
        assert keys["Resource"].endswith(":user/*"), keys
        keys["Resource"] = "*"
        self.set_policy(whole, role, "deliver")

    def make_access_key(self, client=None):
        """Returns the id of an access key that does not encode its account, so that the account of the event is used."""
        iam = (client or self.client)("iam")
        if not any(one["UserName"] == "mia" for one in iam.list_users()["Users"]):
            iam.create_user(UserName="mia")
        while True:
            key = iam.create_access_key(UserName="mia")["AccessKey"]["AccessKeyId"]
            if key[4] < "Q":
                return key
            iam.delete_access_key(UserName="mia", AccessKeyId=key)

    def outputs(self):
        (stack,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def filters(self, group):
        found = self.client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
        return [one["filterName"] for one in found]

    def put(self, group, events):
        now = int(time.time() * 1000)
        entries = [{"timestamp": now, "message": json.dumps(event)} for event in events]
        self.client("logs").put_log_events(logGroupName=group, logStreamName="trail", logEvents=entries)

    def call(self, messages):
        payload = json.dumps(records.payload(messages)).encode()
        return self.client("lambda").invoke(FunctionName=FUNCTION, Payload=payload)

    def invoke(self, messages):
        failed = self.error_of(self.call(messages))
        assert not failed, f"the function fails: {failed}\n{self.emulator.log()}"

    def ingest_error(self):
        """Invokes the function so that it uses each of its permissions; returns the first error, if any."""
        new = records.failure(records.new_name())
        # An earlier event of a known cluster updates its item; a new cluster adds an item.
        earlier = records.failure(new["eventName"], hours_ago=1)
        for messages in ([new], [new, earlier], ["no record at all, as it cannot be read"]):
            failed = self.error_of(self.call(messages))
            if failed:
                return failed
        return None

    def policy(self, role=None, name=ROLE_POLICY):
        found = self.client("iam").get_role_policy(RoleName=role or self.role(), PolicyName=name)["PolicyDocument"]
        return json.loads(found) if isinstance(found, str) else found

    def set_policy(self, document, role=None, name=ROLE_POLICY):
        self.client("iam").put_role_policy(
            RoleName=role or self.role(), PolicyName=name, PolicyDocument=json.dumps(document)
        )

    def role_arn(self, function):
        return self.client("lambda").get_function_configuration(FunctionName=function)["Role"]

    def role(self, function=FUNCTION):
        return self.role_arn(function).rsplit("/", 1)[-1]

    def cluster_items(self, action):
        """Returns the cluster items with this event name."""
        found = self.client("dynamodb").scan(
            TableName=self.table, ConsistentRead=True, FilterExpression="sk = :head AND an = :action",
            ExpressionAttributeValues={":head": {"S": "HEAD"}, ":action": {"S": action}},
        )
        return found["Items"]

    def await_clusters(self, expected):
        """Waits until the clusters have the expected numbers of events, and returns all; fails after CLUSTERS_SECONDS."""
        end = time.monotonic() + CLUSTERS_SECONDS
        while True:
            found = self.clusters()
            if all(found.get(name) == count for name, count in expected.items()):
                return found
            assert time.monotonic() < end, f"expected {expected}, found {found}\n{self.emulator.log()}"
            time.sleep(0.1)


def actions(statement):
    """Returns the actions of a statement as a list."""
    allowed = statement["Action"]
    return allowed if isinstance(allowed, list) else [allowed]


def main(arguments):
    sam, ministack, inspector = arguments
    with running(ministack) as emulator, workspace.serving(emulator.folder) as guance:
        return 0 if run_steps(named(Story(sam, inspector, emulator, guance).steps()), emulator) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("story.py: stopped")
