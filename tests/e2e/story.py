#!/usr/bin/env python3
"""What happens to a stack, from the build to its deletion, told against the emulator and looked at outside.

Usage: story.py SAM MINISTACK INSPECTOR    the three commands; run.py knows where they are
Exit codes: 0 all as it should be, 1 not.
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

import records
import watched
import workspace
from emulator import REGION, running, without_aws
from onlooker import TOLD_SECONDS, Onlooker, named, told_step_by_step
from widget import Dashboard

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STACK, FUNCTION, ROLE_POLICY = "watch", "watch-ingest", "ingest"
INSPECT, DELIVER, WIDGET = "watch-inspect", "watch-deliver", "watch-widget"
GROUPS = ["/org/cloudtrail/shop", "trail-of_payments"]
RULES_KEY, CHRONICLE_KEY, SETTINGS_KEY = "rules/rules.toml", "inspection/chronicle", "config/settings.toml"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]

BUILD_SECONDS, DEPLOY_SECONDS, CLUSTERS_SECONDS = 3000, 180, 60

# The emulator neither writes the log with the role nor uses the destination in S3, so nothing can break
# here; the tests of the template look at these.
NOT_ENFORCED = {"Log", "FailedInvocations", "FailedInvocationsBucket"}

# What a function asks for when it starts; the step about settings takes it away.
AT_THE_START = {"Settings", "SettingsVersions"}

# What the emulator makes no such resource of; nothing refers to them.
UNKNOWN = {"AWS::Logs::QueryDefinition"}

# What lets a function use the table itself, beside its stream.
ON_TABLE = {"Messages", "SentMessages", "Clusters", "LateHours", "Decisions"}


class Story(Onlooker):
    """The steps, in their order; each is a method and tells by an AssertionError what is not as it should be."""

    def __init__(self, sam, inspector, emulator, guance):
        super().__init__(emulator, inspector, guance)
        self.sam, self.starts, self.secret, self.key = sam, 0, "", ""
        self.template = emulator.folder / "build" / "template.yaml"
        self.packaged = emulator.folder / "packaged.yaml"

    def steps(self):
        return [
            self.build_the_function,
            self.refuse_a_wrong_parameter_before_any_change,
            self.take_back_what_a_failed_first_deployment_made,
            self.deploy,
            self.set_off_each_alarm_once,
            self.refuse_what_comes_to_the_bucket_unencrypted,
            self.find_the_clusters_of_both_log_groups,
            self.count_what_comes_twice_once,
            self.tell_all_of_a_new_cluster_within_seconds,
            self.tell_later_whom_nothing_reached,
            self.say_of_an_access_key_what_iam_says,
            self.recover_once_what_was_quiet_for_its_time,
            self.show_clusters_in_the_dashboard,
            self.show_no_secret_in_any_log,
            self.watch_what_is_there,
            self.hold_what_no_secret_is_there_for,
            self.keep_what_cannot_be_read,
            self.take_in_what_failed,
            self.read_what_nobody_was_subscribed_to,
            self.read_again_what_was_lost,
            self.go_by_the_settings_of_a_thousand_accounts,
            self.go_by_the_last_good_settings,
            self.need_each_permission,
            self.need_each_permission_on_the_table_to_tell,
            self.need_each_permission_on_the_table_to_take_stock,
            self.need_each_permission_on_the_table_to_show,
            self.drop_the_filter_of_a_log_group_that_is_named_no_more,
            self.need_the_permission_to_read_rules,
            self.read_nothing_while_it_is_not_enabled,
            self.keep_the_table_when_the_stack_goes,
        ]

    def build_the_function(self):
        self.run_sam(
            "build", "--template", ROOT / "template.yaml", "--build-dir", self.template.parent,
            "--parameter-overrides", f"Architecture={ARCHITECTURE}", seconds=BUILD_SECONDS,
        )
        for function in ("IngestFunction", "InspectFunction", "DeliverFunction", "WidgetFunction"):
            binary = self.template.parent / function / "bootstrap"
            assert binary.stat().st_mode & 0o111, "the binary cannot be run"
            # Most of what tests are built as is for a debugger, and each deployment would pack it four times.
            if shutil.which("strip"):
                subprocess.run(["strip", binary], timeout=60, check=True)
        built = yaml.safe_load(self.template.read_text(encoding="utf-8"))
        # A loop is a list, whose last part is what it makes.
        kinds = lambda made: {one["Type"] for one in (made[2].values() if isinstance(made, list) else [made])}
        unknown = [name for name, made in built["Resources"].items() if kinds(made) & UNKNOWN]
        for name in unknown:
            del built["Resources"][name]
        self.template.write_text(yaml.safe_dump(built, sort_keys=False), encoding="utf-8")

    def refuse_a_wrong_parameter_before_any_change(self):
        """Shows the way of a refusal, with one; tests/stack has what is refused, and the sentences."""
        created = self.client("secretsmanager").create_secret(Name="guance", SecretString=workspace.TOKEN)
        self.secret = created["ARN"]
        # What is packed and sent once is there for each deployment but the one that does it all, as people do.
        self.run_sam(
            "package", "--template", self.template, "--resolve-s3", "--output-template-file", self.packaged, seconds=DEPLOY_SECONDS
        )
        told = self.deploy_with({"LogGroupNames": f"/aws/lambda/{FUNCTION}"}, refused=True)
        assert "must not read its own log" in told, f"it is not refused with a sentence:\n{told}"
        # By a rule; so is whoever presses Return at each question.
        told = self.deploy_with({"LogGroupNames": "name-them-here"}, refused=True)
        assert "aws cloudtrail describe-trails" in told, f"the default is not refused with a sentence:\n{told}"
        stacks = [one["StackStatus"] for one in self.client("cloudformation").describe_stacks()["Stacks"]]
        stacks = [status for status in stacks if status != "REVIEW_IN_PROGRESS"]
        names = self.client("dynamodb").list_tables()["TableNames"]
        assert not names, f"what is refused made {names}"
        assert len(stacks) <= 1, f"what is refused left {stacks}"  # that of SAM's own bucket

    def take_back_what_a_failed_first_deployment_made(self):
        broken = yaml.safe_load(self.packaged.read_text(encoding="utf-8"))
        kept = [name for name, made in broken["Resources"].items() if isinstance(made, dict) and "Retain" in made.get("DeletionPolicy", "")]
        missing = {"TemplateURL": f"{self.emulator.url}/nowhere/template.yaml"}
        broken["Resources"]["Broken"] = {"Type": "AWS::CloudFormation::Stack", "DependsOn": kept, "Properties": missing}
        self.make_log_groups()
        status, events = self.create_without_sam(broken)
        assert status == "ROLLBACK_COMPLETE", status
        made = {one["LogicalResourceId"] for one in events if one["ResourceStatus"] == "CREATE_COMPLETE"}
        assert set(kept) <= made, f"of {kept} only {made} were made"
        names = self.client("dynamodb").list_tables()["TableNames"]
        assert not names, f"a first deployment that failed leaves {names}"
        buckets = [one["Name"] for one in self.client("s3").list_buckets()["Buckets"] if STACK in one["Name"]]
        assert not buckets, f"a first deployment that failed leaves {buckets}"
        # As CloudFormation asks for; the next one has the name again.
        self.client("cloudformation").delete_stack(StackName=STACK)

    def create_without_sam(self, template):
        """Creates the stack of a template that the SAM CLI would not take, and returns how that ended, and all that happened."""
        stacks, bucket = self.client("cloudformation"), "broken"
        self.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client("s3").put_object(Bucket=bucket, Key="template.yaml", Body=yaml.safe_dump(template, sort_keys=False).encode())
        stacks.create_stack(
            StackName=STACK, TemplateURL=f"{self.emulator.url}/{bucket}/template.yaml", Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in self.asked().items()],
        )
        end = time.monotonic() + DEPLOY_SECONDS
        while True:
            (stack,) = stacks.describe_stacks(StackName=STACK)["Stacks"]
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                pages = stacks.get_paginator("describe_stack_events").paginate(StackName=STACK)
                return stack["StackStatus"], [one for page in pages for one in page["StackEvents"]]
            assert time.monotonic() < end, f"the stack stays {stack['StackStatus']}"
            time.sleep(0.2)

    def make_log_groups(self):
        for group in GROUPS:
            self.client("logs").create_log_group(logGroupName=group)
            self.client("logs").create_log_stream(logGroupName=group, logStreamName="trail")

    def deploy(self):
        self.deploy_with({}, template=self.template)
        outputs = self.outputs()
        self.table, self.bucket = outputs["TableName"], outputs["BucketName"]
        self.trust_the_workspace()
        self.be_lenient(outputs["TopicArn"])
        self.listen(topic=outputs["TopicArn"], alarms=outputs["AlarmTopicArn"])
        for group in GROUPS:
            assert self.filters(group) == [FUNCTION], f"{group} has the filters {self.filters(group)}"

    def set_off_each_alarm_once(self):
        alarms = watched.alarms(self.client, STACK)
        states = lambda: {name for name, one in watched.alarms(self.client, STACK).items() if one["StateValue"] == "ALARM"}
        assert not states(), f"alarms are on before anything happened: {states()}"
        for alarm in alarms.values():
            watched.put(self.client, alarm, is_beyond=False)
        assert not states(), f"alarms go off at their thresholds: {states()}"
        on, left = set(), {name for name, alarm in alarms.items() if not watched.silent(alarm)}
        while left:
            metric = alarms[min(left)]["MetricName"]
            # Those of one metric go off together, whichever dimensions they have.
            same = {name for name in left if alarms[name]["MetricName"] == metric}
            for name in sorted(same):
                watched.put(self.client, alarms[name], is_beyond=True)
            on, left = on | same, left - same
            assert states() == on, f"{metric} sets off {states() ^ on}, or not"
        print(f"    {len(on)} alarms of {len(alarms)} went off")
        while self.hear("alarms"):
            pass
        heard = watched.told(self.told["alarms"], "ALARM")
        assert heard == sorted(on), heard

    def find_the_clusters_of_both_log_groups(self):
        started = time.monotonic()
        self.put(GROUPS[0], [records.failure("ListUsers", source="iam"), records.success("GetUser")])
        self.put(GROUPS[1], [records.failure("PutObject", source="s3"), records.failure("PutObject", source="s3")])
        found = self.await_clusters({"ListUsers": 1, "PutObject": 2})
        print(f"    both clusters there after {time.monotonic() - started:.1f} s")
        assert "GetUser" not in found, "a call that succeeded is a cluster"
        assert self.clusters("--stack", STACK) == self.clusters(), "the table is not found by the stack's name"

    def count_what_comes_twice_once(self):
        twice = records.failure("GetSecretValue", source="secretsmanager")
        for group in GROUPS:
            self.put(group, [twice])
        self.put(GROUPS[0], [records.failure("AfterTheTwo")])
        counts = self.await_clusters({"GetSecretValue": 1, "AfterTheTwo": 1})
        assert counts["GetSecretValue"] == 1, counts

    def tell_all_of_a_new_cluster_within_seconds(self):
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
        print(f"    all three told after {time.monotonic() - started:.1f} s")

    def tell_later_whom_nothing_reached(self):
        self.guance.failing = 1
        self.put(GROUPS[0], [records.failure("RebootInstances")])
        self.await_message("topic", "RebootInstances")
        alert = self.await_message("bus", "RebootInstances")["detail"]["alert_id"]
        end = time.monotonic() + TOLD_SECONDS
        while self.guance.failing:
            assert time.monotonic() < end, "nothing was sent to the workspace while it was down"
            time.sleep(0.1)
        while not any("RebootInstances" in line for line in self.guance.lines("/v1/write/keyevent")):
            assert time.monotonic() < end, "what the workspace did not take is not sent again"
            # As the schedule does once a minute.
            self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}")
            time.sleep(0.5)
        (line,) = [line for line in self.guance.lines("/v1/write/keyevent") if "RebootInstances" in line]
        assert f"df_event_id=event-{alert}" in line, line

    def say_of_an_access_key_what_iam_says(self):
        account = self.client("sts").get_caller_identity()["Account"]
        key = self.make_access_key()
        failure = records.failure("TerminateInstances")
        failure["userIdentity"] |= {"accessKeyId": key, "accountId": account}
        self.put(GROUPS[0], [failure])
        self.says_of_key(self.await_message("bus", "TerminateInstances"), key)
        self.key = key

    def recover_once_what_was_quiet_for_its_time(self):
        about = "AllocateAddress"
        self.put(GROUPS[0], [records.throttled(about, hours_ago=9)])
        self.await_clusters({about: 1})
        # As the schedule does once an hour, and sometimes twice.
        for _ in range(2):
            failed = self.take_stock()
            assert not failed, f"no stock is taken: {failed}\n{self.emulator.log()}"
        (head,) = self.heads(about)
        assert head["st"]["S"] == "recovered", head
        kept = self.client("s3").head_object(Bucket=self.bucket, Key=CHRONICLE_KEY)
        assert kept["ContentLength"] > 0, "nothing is kept of what was found out"
        self.hears_once_that_it_recovered(about, lambda: self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}"))
        first, second = self.inspections()
        for line in (first, second):
            assert (line["failed"], line["damaged"], line["behind_hours"]) == (0, 0, 0), line
        assert first["hours"] >= 8 and first["settled"] >= 1, first
        assert second["hours"] <= 1, second
        for line in self.metrics(INSPECT):
            assert (line["Stack"], line["InspectionBehindHours"]) == (STACK, 0), line

    def show_clusters_in_the_dashboard(self):
        dashboard, about = Dashboard(self.client("lambda"), STACK), "TerminateInstances"
        assert "markdown" in dashboard.ask({"describe": True}), "the widget does not say what it is"
        # The newest cluster with a key: one click to find it, one to open it, and there its key is.
        found = dashboard.page(dashboard.page({}).click("Search"), search=about)
        opened = dashboard.page(found.click(about))
        for told in (self.key, "mia", "never with success"):
            assert told in opened.text, f"{told} is not told: {opened.text}"
        recovered = dashboard.page({}, status="recovered")
        assert "AllocateAddress" in recovered.text and about not in recovered.text, recovered.text
        fresh = records.new_name()
        self.put(GROUPS[0], [records.throttled(fresh)])
        self.await_clusters({fresh: 1})
        assert fresh in dashboard.page({"sort": "began"}).text, "what the inspection has not seen yet is not there"
        done = self.mutes(dashboard, opened)
        assert "muted" in dashboard.page({}, search=about).text, "the list does not say what was decided"
        assert "Done: unmarked" in dashboard.page(done.click("Take back")).text

    def show_no_secret_in_any_log(self):
        for function, says in ((FUNCTION, ""), (INSPECT, '"inspected"'), (DELIVER, '"delivered"'), (WIDGET, '"answered"')):
            text = "\n".join(self.lines(function))
            assert says in text, f"{function} has not logged what it did:\n{text}"
            for hidden in (workspace.TOKEN, self.key, "AKIAIOSFODNN7EXAMPLE"):
                assert hidden not in text, f"{hidden} is in the log of {function}"
        left = self.client("dynamodb").get_item(TableName=self.table, Key={"pk": {"S": "STACK"}, "sk": {"S": "SETUP"}})
        assert json.loads(left["Item"]["se"]["S"])["LOG_GROUP_NAMES"] == ",".join(GROUPS), left
        for told in [*self.told["topic"], *self.told["bus"], *self.guance.written, left["Item"]["se"]["S"]]:
            for hidden in (workspace.TOKEN, self.key, "AKIAIOSFODNN7EXAMPLE"):
                assert hidden not in json.dumps(told), f"{hidden} is told"

    def watch_what_is_there(self):
        lines = [line for function in (FUNCTION, INSPECT, DELIVER) for line in self.metrics(function)]
        body = self.client("cloudwatch").get_dashboard(DashboardName=f"{STACK}-{REGION}")["DashboardBody"]
        widgets = json.loads(body)["widgets"]
        shown = list(watched.metrics(widgets))
        alarms = watched.alarms(self.client, STACK).values()
        named = [(one["Namespace"], one["MetricName"], {it["Name"]: it["Value"] for it in one["Dimensions"]}) for one in alarms]
        missing = list(watched.missing(self.client, shown + named, lines))
        assert not missing, f"the dashboard or an alarm names what is not there: {missing}"
        assert {line["Stack"] for line in lines} == {STACK}, "a metric is of no stack, or of another one"
        unread = {metric for _, metric, _ in watched.written(lines)} - {metric for _, metric, _ in shown + named}
        assert not unread, f"nobody reads {unread}"
        called = {widget["properties"]["endpoint"] for widget in widgets if widget["type"] == "custom"}
        there = {one["FunctionArn"] for one in self.client("lambda").list_functions()["Functions"]}
        assert called and called <= there, f"the dashboard calls {called}"
        print(f"    {len(shown)} metrics on the dashboard and {len(named)} of alarms are there")

    def hold_what_no_secret_is_there_for(self):
        self.client("secretsmanager").delete_secret(SecretId=self.secret, ForceDeleteWithoutRecovery=True)
        # Another setting makes the function anew, which has not fetched the secret yet.
        self.set_variables({"LOG_LEVEL": "debug"})
        written = len(self.guance.written)
        self.put(GROUPS[0], [records.failure("ModifyVpcAttribute")])
        self.await_message("topic", "ModifyVpcAttribute")
        self.await_message("bus", "ModifyVpcAttribute")
        end = time.monotonic() + TOLD_SECONDS
        while not any(line.get("Sink") == "guance" and line.get("SinkMisconfigured") for line in self.metrics(DELIVER)):
            assert time.monotonic() < end, "no metric says that the secret is missing"
            time.sleep(0.5)
        assert len(self.guance.written) == written, "something was sent without a secret"

    def lines(self, function):
        """Returns what a function has logged."""
        logs = self.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]

    def metrics(self, function):
        """Returns the lines of metrics of a function, as they were written."""
        return [json.loads(line) for line in self.lines(function) if line.startswith("{") and '"_aws":' in line]

    def inspections(self):
        """Returns what the inspections said of themselves in the log."""
        return [json.loads(line) for line in self.lines(INSPECT) if '"inspected"' in line]

    def refuse_what_comes_to_the_bucket_unencrypted(self):
        failed = self.error_of(self.call(["no record at all"]))
        assert failed, "the bucket takes what was not encrypted on its way"
        # The emulator speaks plain HTTP, so this refusal would be all that there is to see from here on.
        policy = json.loads(self.client("s3").get_bucket_policy(Bucket=self.bucket)["Policy"])
        kept = [one for one in policy["Statement"] if one["Sid"] != "EncryptedOnTheWay"]
        assert len(kept) == 1 < len(policy["Statement"]), policy
        # It takes the ARN of a role's session for aws:PrincipalArn, where AWS takes that of the role.
        (settings,) = kept
        roles = settings["Condition"].pop("ArnNotEquals")["aws:PrincipalArn"]
        assert sorted(roles) == sorted(self.role_arn(one) for one in (FUNCTION, INSPECT, DELIVER, WIDGET)), roles
        sessions = [f'{arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")}/*' for arn in roles]
        settings["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": sessions}}
        self.client("s3").put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy | {"Statement": kept}))

    def keep_what_cannot_be_read(self):
        self.invoke(["no record at all"])
        kept = self.client("s3").list_objects_v2(Bucket=self.bucket, Prefix="quarantine/").get("Contents", [])
        assert kept, "what cannot be read is not kept"

    def take_in_what_failed(self):
        missed = records.failure("DeleteMountTarget", source="elasticfilesystem")
        whole = self.policy()
        rest = [one for one in whole["Statement"] if one["Sid"] != "Clusters"]
        self.set_policy({**whole, "Statement": rest})
        failed = self.error_of(self.call([missed]))
        self.set_policy(whole)
        assert failed and "StoreUnavailable" in failed, f"the function goes on without its table: {failed}"
        # The emulator does not keep it in S3, so this does.
        arn = self.client("lambda").get_function_configuration(FunctionName=FUNCTION)["FunctionArn"]
        key, kept = records.failed_invocation(arn, records.payload([missed]))
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=json.dumps(kept).encode())
        before = self.clusters()
        assert "DeleteMountTarget" not in before, before
        for taken, clustered in [("1 event processed", "1 clustered"), ("0 events processed", "")]:
            told = self.command("redrive", "--stack", STACK)
            assert taken in told and clustered in told, told
            assert self.clusters() == before | {"DeleteMountTarget": 1}, self.clusters()
        self.await_message("topic", "DeleteMountTarget")
        # Both log groups, as the stack reads both; all that is in them has come.
        told = self.command("backfill", "--stack", STACK, *self.around_now())
        assert told.count(" 0 clustered, ") == len(GROUPS) and "selected: 0 clustered, 0 dup" not in told, told
        assert self.clusters() == before | {"DeleteMountTarget": 1}, self.clusters()

    def read_what_nobody_was_subscribed_to(self):
        about, group, logs = "DeleteFileSystem", GROUPS[1], self.client("logs")
        assert not self.take_stock(), "no stock is taken"
        (was,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
        logs.delete_subscription_filter(logGroupName=group, filterName=FUNCTION)
        self.put(group, [records.failure(about, source="elasticfilesystem")])
        # It is there for the next second on.
        time.sleep(1)
        assert about not in self.clusters(), "it came though nobody was subscribed"
        for _ in range(2):
            assert not self.take_stock(), "no stock is taken"
            assert self.clusters()[about] == 1, self.clusters()
        logs.put_subscription_filter(
            logGroupName=group, filterName=FUNCTION, filterPattern=was["filterPattern"], destinationArn=was["destinationArn"]
        )
        for hours in (True, False):
            assert not self.take_stock(), "no stock is taken"
            line = self.inspections()[-1]
            assert (line["backfilled_hours"] > 0, line["backfill_left"]) == (hours, 0), line
            assert self.clusters()[about] == 1, self.clusters()

    def read_again_what_was_lost(self):
        before = self.clusters()
        # What was dropped lies in the bucket. What could not be put there is read again, with the six hours before
        # it, of each log group; and once.
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
            assert not self.take_stock(), "no stock is taken"
            line = self.inspections()[-1]
            assert (line["backfilled_hours"], line["backfill_left"]) == (hours, 0), line
        assert self.clusters() == before, "what was read again counts twice"

    def go_by_the_settings_of_a_thousand_accounts(self):
        ids = [f"{number:012}" for number in range(100_001, 101_001)]
        names = "".join(f'{one} = "account {one}"\n' for one in ids)
        file = self.emulator.folder / "settings.toml"
        file.write_text(
            f'trail_accounts = {json.dumps(ids)}\ncanary_keys = ["AKIAEXAMPLECANARY001"]\n'
            f'self_principals = ["arn:aws:iam::{ids[0]}:role/scanner"]\n[account_names]\n{names}',
            encoding="utf-8",
        )
        self.settings = file
        told = self.command("config", "set", "--stack", STACK, file)
        assert "1000 account names, 1000 trail accounts, 1 canary key, 1 self principal" in told, told
        assert "CANARY" not in told, told
        self.refuse_the_settings_to_who_may_read_everything()
        self.start_anew()
        about, account = records.new_name(), ids[776]
        once = records.of_account(records.throttled(about), account)
        self.put(GROUPS[0], [once, records.twin(once, ids[42])])
        assert self.await_clusters({about: 1})[about] == 1, "what is logged twice counts twice"
        assert f"account {account}" in json.dumps(self.await_message("topic", about)), "the account has no name"
        own = records.by_role(records.throttled(records.new_name()), ids[0], "scanner")
        self.invoke([own, records.of_account(records.throttled(records.new_name()), account, key="AKIAEXAMPLECANARY001")])
        assert own["eventName"] not in self.clusters(), "what is ignored counts"
        self.await_message("bus", "Access Key Alert")
        assert not self.take_stock(), "no stock is taken"
        # Whoever acts in the functions' place knows whose trails are read, and has to bring the rest.
        done = self.run_command("redrive", "--stack", STACK)
        assert done.returncode == 1 and "use --settings with the" in done.stderr, done.stderr
        self.command("redrive", "--stack", STACK, "--settings", file)
        page = Dashboard(self.client("lambda"), STACK).page({}, status="all", search=about).text
        assert f"account {account}" in page, page

    def refuse_the_settings_to_who_may_read_everything(self):
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
                raise AssertionError("who may read everything reads the settings")
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        auditor.list_objects_v2(Bucket=self.bucket)

    def go_by_the_last_good_settings(self):
        self.client("s3").put_object(Bucket=self.bucket, Key=SETTINGS_KEY, Body=b"trail_accounts = 7")
        whole, account = self.policy(), f"{100_777:012}"
        for sid, action in [("Settings", "s3:GetObject"), ("Settings", "s3:GetObjectVersion"), ("SettingsVersions", "s3:ListBucketVersions")]:
            without = [
                one | {"Action": [kept for kept in actions(one) if kept != action]} if one["Sid"] == sid else one
                for one in whole["Statement"]
            ]
            self.set_policy({**whole, "Statement": [one for one in without if one["Action"]]})
            self.start_anew()
            broken = self.error_of(self.call([records.throttled(records.new_name())]))
            assert broken and "SettingsUnavailable" in broken, f"nothing needs {action}: {broken}"
            print(f"    without {action}: {broken}")
        self.set_policy(whole)
        self.start_anew()
        once = records.of_account(records.throttled(records.new_name()), account)
        self.invoke([once, records.twin(once, f"{100_042:012}")])
        assert self.clusters()[once["eventName"]] == 1, "a bad object took effect"
        assert any("SettingsWrong" in line for line in self.lines(FUNCTION)), "the log does not say what is wrong"
        failed = self.take_stock()
        assert failed and "SettingsWrong" in failed and "1:18" in failed, failed
        self.command("config", "set", "--stack", STACK, self.settings)
        self.start_anew()
        assert not self.take_stock(), "the settings are good again"

    def start_anew(self):
        """Has each function start again with its next invocation, as another setting does."""
        self.starts += 1
        for function in (FUNCTION, INSPECT, DELIVER, WIDGET):
            self.set_variables({"STARTS": str(self.starts)}, function)

    def around_now(self):
        """Returns the arguments for the last hours up to the next."""
        moment = lambda hours: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600 * hours))
        return ["--from", moment(-3), "--to", moment(1)]

    def need_each_permission(self):
        """Takes away each action of the role's policy once: something has to break, and only meanwhile."""
        whole = self.policy()
        for place, statement in enumerate(whole["Statement"]):
            if statement["Sid"] in NOT_ENFORCED | AT_THE_START:
                continue
            for action in actions(statement):
                rest = [one for one in actions(statement) if one != action]
                statements = list(whole["Statement"])
                statements[place : place + 1] = [statement | {"Action": rest}] if rest else []
                self.set_policy({**whole, "Statement": statements})
                broken = self.breaks()
                self.set_policy(whole)
                assert broken, f"nothing needs {action}; take it out of the template"
                assert not self.breaks(), f"still broken after {action} was given back"
                print(f"    without {action}: {broken}")

    def need_each_permission_on_the_table_to_tell(self):
        """The same for the function that tells, called by nobody but this test meanwhile."""
        role, functions = self.role(DELIVER), self.client("lambda")
        (mapping,) = functions.list_event_source_mappings(FunctionName=DELIVER)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        self.need_each_action_on_the_table(role, "deliver", self.telling_breaks)
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def need_each_permission_on_the_table_to_take_stock(self):
        # Something breaks where all hours are taken again, which takes seconds; that it works is seen in one.
        kept = self.client("s3").get_object(Bucket=self.bucket, Key=CHRONICLE_KEY)["Body"].read()

        def still_breaks():
            self.client("s3").put_object(Bucket=self.bucket, Key=CHRONICLE_KEY, Body=kept)
            return self.take_stock()

        self.need_each_action_on_the_table(self.role(INSPECT), "inspect", self.taking_stock_breaks, still_breaks)
        broken = self.taking_stock_breaks()
        assert not broken, f"still broken after all was given back: {broken}"

    def need_each_permission_on_the_table_to_show(self):
        dashboard = Dashboard(self.client("lambda"), STACK)
        cluster = dashboard.page({}, status="all").click("TerminateInstances")["cluster"]
        self.need_each_action_on_the_table(self.role(WIDGET), "widget", lambda: dashboard.breaks(cluster))

    def need_each_action_on_the_table(self, role, name, breaks, still_breaks=None):
        """Takes away each action on the table that a role's policy allows, and gives it back."""
        whole = self.policy(role, name)
        on_table = [one for one in whole["Statement"] if one["Sid"] in ON_TABLE]
        for action in sorted({action for one in on_table for action in actions(one)}):
            rest = [
                one | {"Action": [kept for kept in actions(one) if kept != action]} if one in on_table else one
                for one in whole["Statement"]
            ]
            self.set_policy({**whole, "Statement": [one for one in rest if one["Action"]]}, role, name)
            # The schedule or the stream may call first, and find what was made for this one.
            broken = next(filter(None, (breaks() for _ in range(5))), None)
            self.set_policy(whole, role, name)
            assert broken, f"nothing needs {action} in {name}; take it out of the template"
            still = (still_breaks or breaks)()
            assert not still, f"still broken after {action} was given back: {still}"
            print(f"    without {action}: {broken}")

    def telling_breaks(self):
        """Makes something to tell and has it told, and returns the error, if any."""
        # No refusal: so many of one caller are a campaign by now, which is told in their place.
        self.invoke([records.throttled(records.new_name())])
        return self.error_of(self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}"))

    def taking_stock_breaks(self):
        """Takes stock of all there is and of one thing more, and again of what came late; returns the first error."""
        self.invoke([records.throttled(records.new_name(), hours_ago=9)])
        # Without it, hours that were taken are taken again.
        self.client("s3").delete_object(Bucket=self.bucket, Key=CHRONICLE_KEY)
        return self.take_stock() or self.take_stock()

    def take_stock(self):
        """Calls the function that takes stock, as its schedule does, and returns the error, if any."""
        return self.error_of(self.client("lambda").invoke(FunctionName=INSPECT, Payload=b"{}"))

    def drop_the_filter_of_a_log_group_that_is_named_no_more(self):
        self.client("s3").put_object(Bucket=self.bucket, Key=RULES_KEY, Body=records.RULES.encode())
        self.deploy_with({"LogGroupNames": GROUPS[0], "RulesObject": RULES_KEY})
        assert self.filters(GROUPS[0]) == [FUNCTION], "the filter that is still asked for is gone"
        assert self.filters(GROUPS[1]) == [], "the filter of the log group that is not named any more is there"
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

    def read_nothing_while_it_is_not_enabled(self):
        # The emulator does not take a condition that turns for a change, so there is another one with it;
        # nor would it turn back.
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

    def keep_the_table_when_the_stack_goes(self):
        done = subprocess.run(
            [sys.executable, ROOT / "infra" / "delete.py", self.sam, STACK, "--no-prompts"], cwd=ROOT, env=self.emulator.environment,
            timeout=DEPLOY_SECONDS, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f"the stack is not deleted:\n{done.stdout}"
        for says in (f"--table-name {self.table}", f"--bucket {self.bucket}"):
            assert says in done.stdout, f"it does not say how to remove what stays:\n{done.stdout}"
        described = self.client("dynamodb").describe_table(TableName=self.table)["Table"]
        assert described.get("DeletionProtectionEnabled"), "the table is not protected any more"
        assert self.clusters()["ListUsers"] == 1, "the clusters are gone"
        self.client("s3").head_bucket(Bucket=self.bucket)
        try:
            self.client("lambda").get_function(FunctionName=FUNCTION)
            raise AssertionError("the function is left")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException", error

    # What the steps are made of.

    def run_sam(self, verb, *arguments, seconds, refused=False):
        config = ["--config-file", ROOT / "samconfig.toml"]
        command = [str(one) for one in (self.sam, verb, *arguments, *config)]
        # A build may have to fetch something; nothing else may reach further than this machine.
        environment = without_aws() if verb == "build" else self.emulator.environment
        environment = environment | {"SAM_CLI_POLL_DELAY": "1", "ARCHITECTURE": ARCHITECTURE}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, timeout=seconds, check=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        went = "is refused" if refused else "succeeds"
        assert (done.returncode != 0) == refused, f"sam {verb} {went} not:\n{done.stdout}"
        return done.stdout

    def asked(self):
        """Returns the parameters of each deployment."""
        # The emulator reads a pattern as words that all must occur, so it gets none; tests/stack looks at
        # the default.
        return {
            "LogGroupNames": ",".join(GROUPS), "FilterPattern": "", "Architecture": ARCHITECTURE, "LearnHours": "0",
            # Whoever takes stock first goes back as far as events are kept; and nobody does but this test.
            "RetentionDays": "8", "InspectionSchedule": "cron(0 0 1 1 ? *)",
            "AlarmTopic": "create", "Topic": "create", "EventBusName": "default", "GuanceRoute": "dataway", "GuanceUrl": self.guance.url,
            "GuanceSecretArn": self.secret, "GuanceSampleLogs": "true", "AllowPrivateEndpoint": "true",
            # The emulator knows no VPC: the function stays where the workspace of the test is.
            "VpcSubnetIds": "subnet-0123456789abcdef0", "VpcSecurityGroupIds": "sg-0123456789abcdef0",
        }

    def deploy_with(self, asked, refused=False, template=None):
        asked = self.asked() | asked
        overrides = [f'{name}="{value}"' for name, value in asked.items()]
        return self.run_sam(
            "deploy", "--template", template or self.packaged, "--stack-name", STACK, "--no-confirm-changeset",
            "--parameter-overrides", *overrides, seconds=DEPLOY_SECONDS, refused=refused,
        )

    def trust_the_workspace(self):
        """Has the function trust the certificate of the workspace, which no parameter of the stack does."""
        self.set_variables({"GUANCE_CA_FILE": str(self.guance.ca_file)})

    def set_variables(self, variables, function=DELIVER):
        """Sets variables of a function, beside those that it has."""
        functions = self.client("lambda")
        found = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": found | variables})

    def be_lenient(self, topic):
        """Takes away what the emulator cannot satisfy, having seen that it is there."""
        # It speaks plain HTTP, which the topic refuses.
        policy = json.loads(self.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
        assert [one["Effect"] for one in policy["Statement"]] == ["Deny"], policy
        policy["Statement"][0] |= {"Effect": "Allow", "Action": "sns:Publish", "Condition": {}}
        self.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
        # It does not tell a policy whose events are put.
        role = self.role(DELIVER)
        whole = self.policy(role, "deliver")
        (bus,) = [one for one in whole["Statement"] if one["Sid"] == "Bus"]
        assert bus.pop("Condition") == {"StringEquals": {"events:source": "cloudtrail-inspector"}}, bus
        # It takes an access key for no resource of its user, as which the role may ask about it.
        (keys,) = [one for one in whole["Statement"] if one["Sid"] == "AccessKeys"]
        assert keys["Resource"].endswith(":user/*"), keys
        keys["Resource"] = "*"
        self.set_policy(whole, role, "deliver")

    def make_access_key(self):
        """Returns the id of a key that does not tell its account, so that the caller's is believed."""
        iam = self.client("iam")
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

    def breaks(self):
        """Sends what makes the function use all that it may, and returns the first error, if any."""
        new = records.failure(records.new_name())
        # What turns out to have begun earlier changes what is there; what is new is put.
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

    def heads(self, action):
        """Returns what the table has of the clusters of a call."""
        found = self.client("dynamodb").scan(
            TableName=self.table, ConsistentRead=True, FilterExpression="sk = :head AND an = :action",
            ExpressionAttributeValues={":head": {"S": "HEAD"}, ":action": {"S": action}},
        )
        return found["Items"]

    def await_clusters(self, expected):
        """Returns the clusters as soon as these have so many events, and fails when that takes too long."""
        end = time.monotonic() + CLUSTERS_SECONDS
        while True:
            found = self.clusters()
            if all(found.get(name) == count for name, count in expected.items()):
                return found
            assert time.monotonic() < end, f"{expected} is not there, but {found}\n{self.emulator.log()}"
            time.sleep(0.1)


def actions(statement):
    """Returns what a statement allows, as a list."""
    allowed = statement["Action"]
    return allowed if isinstance(allowed, list) else [allowed]


def main(arguments):
    sam, ministack, inspector = arguments
    with running(ministack) as emulator, workspace.serving(emulator.folder) as guance:
        return 0 if told_step_by_step(named(Story(sam, inspector, emulator, guance).steps()), emulator) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("story.py: stopped")
