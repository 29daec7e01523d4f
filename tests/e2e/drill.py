#!/usr/bin/env python3
"""Drills a stack on the emulator: the drill passes, then each stage is broken by a real fault, and must be named.

Usage: drill.py MINISTACK INSPECTOR    the two commands; run.py finds them
Exit codes: 0 all steps passed, 1 a step failed.
"""

import contextlib
import io
import json
import pathlib
import platform
import sys
import time
import zipfile

import records
import workspace
from emulator import KINDS, REGION, Ministack, running
from older import ROOT
from onlooker import KIND, Onlooker, named, run_steps
from stack import deployable, set_variables, settled

STACK, GROUP, SECONDS = "drilled", "trail", 60
INGEST, INSPECT, DELIVER = (f"{STACK}-{name}" for name in ("ingest", "inspect", "deliver"))
DRILLS = f"/cloudtrail-inspector/{STACK}/drill"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
STAGES = ["log_group", "subscription", "ingest", "table"]
SINKS = ["guance", "sns", "eventbridge"]
# How long a broken drill waits: at the first try, and again on a slower machine.
TRIES = (1, 3, 12)


class Faulty(Ministack):
    """ministack with the faults of faulty.py."""

    def command_line(self, _):
        return [sys.executable, "-B", pathlib.Path(__file__).with_name("faulty.py")]


class Drill(Onlooker):
    """The steps, in order. Each step is a method; a failed step raises an AssertionError that states the problem."""

    def __init__(self, emulator, inspector, guance):
        super().__init__(emulator, inspector, guance)
        self.throttled = emulator.folder / "throttled"

    def steps(self):
        return [
            self.deploy,
            self.pass_all_stages_in_the_learning_period,
            self.count_the_same_record_once,
            self.accept_only_drills_in_their_log_group,
            self.take_the_record_of_a_drill_in_a_trail_for_an_event,
            self.name_a_missing_filter,
            self.name_a_missing_permission,
            self.name_a_function_that_fails,
            self.name_a_throttled_table,
            self.pass_again,
            self.drill_every_night,
            self.report_a_night_without_a_passed_drill,
            self.name_a_removed_topic,
            self.name_a_workspace_that_refuses,
        ]

    def deploy(self):
        secret = self.client("secretsmanager").create_secret(Name="guance", SecretString=workspace.TOKEN)["ARN"]
        self.client("s3").create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client("s3").put_object(Bucket="code", Key="code.zip", Body=packed(self.inspector))
        self.client("logs").create_log_group(logGroupName=GROUP)
        self.client("logs").create_log_stream(logGroupName=GROUP, logStreamName="trail")
        parameters = {
            # The emulator treats a filter pattern as words.
            "LogGroupNames": GROUP, "Coverage": "all", "Architecture": ARCHITECTURE, "Dashboard": "false", "RetentionDays": "8",
            # Only the test starts inspections and drills.
            "InspectionSchedule": "cron(0 0 1 1 ? *)", "NightlyDrill": "cron(0 0 1 1 ? *)",
            "Topic": "create", "EventBusName": "default", "GuanceRoute": "dataway", "GuanceUrl": self.guance.url, "GuanceSecretArn": secret,
            "AllowPrivateEndpoint": "true", "VpcSubnetIds": "subnet-0123456789abcdef0", "VpcSecurityGroupIds": "sg-0123456789abcdef0",
        }
        self.client("s3").put_object(
            Bucket="code", Key="template.yaml", Body=deployable((ROOT / "template.yaml").read_text(encoding="utf-8")).encode()
        )
        stacks = self.client("cloudformation")
        stacks.create_stack(
            StackName=STACK, TemplateURL=f"{self.emulator.url}/code/template.yaml", Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        stack = settled(stacks, STACK, SECONDS)
        assert stack["StackStatus"] == "CREATE_COMPLETE", f"{stack['StackStatus']}: {stack.get('StackStatusReason')}"
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.table, self.topic = outputs["TableName"], outputs["TopicArn"]
        self.relax_policies(outputs["BucketName"])
        self.listen(topic=self.topic)
        self.set_variables({"GUANCE_CA_FILE": str(self.guance.ca_file)}, DELIVER)
        # With its usual retries it would try a throttled write for up to 15 seconds.
        self.set_variables({"AWS_MAX_ATTEMPTS": "2"}, INGEST)
        # It leaves the names of the stack in its table.
        self.inspect()

    def relax_policies(self, bucket):
        """Removes what the emulator cannot satisfy: it speaks HTTP, and does not pass the source of an event; story.py checks these."""
        self.client("s3").delete_bucket_policy(Bucket=bucket)
        self.client("sns").set_topic_attributes(TopicArn=self.topic, AttributeName="Policy", AttributeValue=allowing(self.topic))
        self.change_statement(DELIVER, "Bus", lambda statement: statement.pop("Condition"))
        # The emulator compares the creation of a log stream with the ARN of the log group without the last part.
        self.change_statement(INSPECT, "Drills", lambda one: one.update(Resource=[one["Resource"], one["Resource"].removesuffix(":*")]))

    def change_statement(self, function, sid, change):
        """Changes a statement in the policy of a function's role."""
        iam, name = self.client("iam"), function.removeprefix(f"{STACK}-")
        role = self.client("lambda").get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[-1]
        found = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        whole = json.loads(found) if isinstance(found, str) else found
        (statement,) = [one for one in whole["Statement"] if one["Sid"] == sid]
        change(statement)
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(whole))

    def set_variables(self, variables, function):
        return set_variables(self.client("lambda"), function, variables)

    def inspect(self, event=b"{}"):
        failed = self.error_of(self.client("lambda").invoke(FunctionName=INSPECT, Payload=event))
        assert not failed, f"{failed}\n{self.emulator.log()}"

    def deliver_by_schedule(self):
        self.client("lambda").invoke(FunctionName=DELIVER, Payload=b"{}")

    def drill(self, seconds):
        """Runs the command; returns its exit code and its answer."""
        done = self.run_command("drill", "--stack", STACK, "--timeout", str(seconds), "--format", "json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout) | {"complaints": done.stderr}

    def check_failure(self, stage, *words, sink=None):
        """Runs the command, and checks the stage that it names, and the words of its reasons and commands. With too little time it names
        the stage at which the drill is, so it gets more."""
        for seconds in TRIES:
            code, found = self.drill(seconds)
            failed = found["failed"] or {}
            missing = [word for word in words if word not in json.dumps(failed)]
            if (code, failed.get("stage"), failed.get("sink"), missing) == (1, stage, sink, []):
                break
        else:
            raise AssertionError(f"not {stage} of {sink} with {words}: {json.dumps(found, indent=1)}")
        assert failed["commands"][-1] == f"cloudtrail-inspector doctor --stack {STACK}", failed
        print(f"    {stage}{' of ' + sink if sink else ''}: {failed['reasons'][0]}")
        return found

    def pass_all_stages_in_the_learning_period(self):
        printed = self.command("drill", "--stack", STACK, "--timeout", "30")
        print("    " + printed.strip().replace("\n", "\n    "))
        names = ["log group", "subscription", "ingest", "table"] + [f"{word} {sink}" for sink in SINKS for word in ("queue of", "sent to")]
        lines = printed.splitlines()
        assert sorted(line[:24].strip() for line in lines[1:-1]) == sorted(names), printed
        assert lines[-1] == "passed", printed
        self.last = lines[0].split()[1]
        mail = self.await_message("topic", self.last)
        assert mail["Subject"].startswith("Drill: ") and KIND["topic"](mail) == "drill", mail
        event = self.await_message("bus", self.last)
        assert (event["detail-type"], event["detail"]["severity"], event["detail"]["fault_status"]) == ("Drill", "info", "none"), event
        (line,) = self.await_lines("/v1/write/keyevent", self.last)
        assert "ct_kind=drill" in line and "[Drill]" in line and "df_fault_id" not in line, line
        assert self.clusters() == {}, "a drill is a cluster"

    def records(self, group):
        return [one["message"] for one in self.client("logs").filter_log_events(logGroupName=group)["events"]]

    def put(self, group, stream, message):
        entry = {"timestamp": int(time.time() * 1000), "message": message}
        self.client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=[entry])

    def committed(self):
        """Returns the result lines of the ingest function."""
        lines = [line for text in self.records(f"/aws/lambda/{INGEST}") for line in text.splitlines()]
        return [json.loads(line) for line in lines if '"committed"' in line]

    def await_commit(self, before):
        end = time.monotonic() + SECONDS
        while len(self.committed()) <= before:
            assert time.monotonic() < end, "the function was not called"
            time.sleep(0.1)
        return self.committed()[-1]

    def count_the_same_record_once(self):
        (record,) = self.records(DRILLS)
        before = len(self.committed())
        self.put(DRILLS, "drill", record)
        line = self.await_commit(before)
        assert line["drills"] == self.last, line
        self.deliver_by_schedule()
        for name in KIND:
            while self.receive(name):
                pass
            found = [one for one in self.received[name] if self.last in json.dumps(one)]
            assert len(found) == 1, f"the {name} has the drill {len(found)} times"

    def accept_only_drills_in_their_log_group(self):
        (record,) = {*self.records(DRILLS)}
        before = len(self.committed())
        other = json.dumps(records.failure("StopInstances"))
        for number, message in enumerate((other, record.replace("GetCallerIdentity", "DeleteTrail"), "no record")):
            self.put(DRILLS, "drill", message)
            line = self.await_commit(before + number)
            assert (line["no_drills"], line.get("drills"), line["read"], line["quarantined"]) == (1, None, 0, 0), line
        assert self.clusters() == {}, self.clusters()

    def take_the_record_of_a_drill_in_a_trail_for_an_event(self):
        record = next(one for one in self.records(DRILLS) if self.last in one)
        self.put(GROUP, "trail", record)
        end = time.monotonic() + SECONDS
        while self.clusters() != {"GetCallerIdentity": 1}:
            assert time.monotonic() < end, self.clusters()
            time.sleep(0.1)

    def name_a_missing_filter(self):
        with self.without_filter():
            self.check_failure("subscription", "has no subscription filter", f"--log-group-name {DRILLS}")

    @contextlib.contextmanager
    def without_filter(self):
        logs = self.client("logs")
        (was,) = logs.describe_subscription_filters(logGroupName=DRILLS)["subscriptionFilters"]
        logs.delete_subscription_filter(logGroupName=DRILLS, filterName=was["filterName"])
        yield
        logs.put_subscription_filter(
            logGroupName=DRILLS, filterName=was["filterName"], filterPattern=was["filterPattern"], destinationArn=was["destinationArn"]
        )

    def name_a_missing_permission(self):
        functions = self.client("lambda")
        (was,) = json.loads(functions.get_policy(FunctionName=INGEST)["Policy"])["Statement"]
        functions.remove_permission(FunctionName=INGEST, StatementId=was["Sid"])
        self.check_failure("subscription", "cannot call the ingest function", "aws lambda get-policy")
        functions.add_permission(
            FunctionName=INGEST, StatementId=was["Sid"], Action="lambda:InvokeFunction", Principal=was["Principal"]["Service"]
        )

    def name_a_function_that_fails(self):
        # The emulator keeps no log of a function that does not start, so it starts and fails.
        was = self.set_variables({"RULES_OBJECT": "rules/none.toml"}, INGEST)
        self.check_failure("ingest", "RulesUnavailable", f"/aws/lambda/{INGEST}")
        self.client("lambda").update_function_configuration(FunctionName=INGEST, Environment={"Variables": was})

    def name_a_throttled_table(self):
        self.throttled.touch()
        try:
            self.check_failure("table", "StoreUnavailable", "cannot store the drill", f"/aws/lambda/{INGEST}")
        finally:
            self.throttled.unlink()

    def pass_again(self):
        code, found = self.drill(30)
        assert (code, found["failed"]) == (0, None), json.dumps(found, indent=1)
        reached = [(one["stage"], one["sink"]) for one in found["stages"] if one["reached"]]
        assert reached == [(stage, None) for stage in STAGES] + [(stage, sink) for sink in SINKS for stage in ("queue", "sent")], reached

    def begin_a_nightly_drill(self):
        """Has the stack begin a drill, as its schedule does; returns its id."""
        self.inspect(b'{"drill": true}')
        return self.notes()[-1].split("#")[0]

    def notes(self):
        """Returns the sort keys of the items of the drills that the stack made."""
        found = self.client("dynamodb").query(
            TableName=self.table, KeyConditionExpression="pk = :drill", ExpressionAttributeValues={":drill": {"S": "DRILL"}}, ConsistentRead=True
        )["Items"]
        return [one["sk"]["S"] for one in found if one["sk"]["S"].endswith("#began")]

    def two_hours_later(self, drill):
        """Makes a drill two hours old."""
        key = {"pk": {"S": "DRILL"}, "sk": {"S": f"{drill}#began"}}
        self.client("dynamodb").update_item(
            TableName=self.table, Key=key, UpdateExpression="SET #at = #at - :two", ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues={":two": {"N": "7200"}},
        )

    def last_metric(self):
        lines = [line for text in self.records(f"/aws/lambda/{INSPECT}") for line in text.splitlines()]
        found = [json.loads(line) for line in lines if '"_aws":' in line]
        return [line.get("DrillFailed") for line in found][-1]

    def drill_every_night(self):
        drill = self.begin_a_nightly_drill()
        for name in KIND:
            self.await_message(name, drill, "drill")
        self.await_lines("/v1/write/keyevent", drill)
        self.inspect()
        assert self.last_metric() is None, "a drill of the last hour is judged"
        self.two_hours_later(drill)
        self.inspect()
        assert self.last_metric() == 0, self.last_metric()

    def report_a_night_without_a_passed_drill(self):
        with self.without_filter():
            drill = self.begin_a_nightly_drill()
        self.two_hours_later(drill)
        for _ in range(2):
            self.inspect()
            assert self.last_metric() == 1, self.last_metric()
        mail = self.await_message("topic", drill, "drill_failed")
        assert "subscription" in mail["Message"] and mail["MessageAttributes"]["severity"]["Value"] == "error", mail
        event = self.await_message("bus", drill, "drill_failed")
        assert event["detail"]["untrusted_detail"]["stage"] == "subscription", event
        (line,) = self.await_lines("/v1/write/keyevent", drill, "ct_kind=drill_failed")
        assert 'ct_drill_stage="subscription"' in line, line

    def name_a_removed_topic(self):
        self.client("sns").delete_topic(TopicArn=self.topic)
        self.check_failure("sent", "NotFound", f"/aws/lambda/{DELIVER}", sink="sns")

    def name_a_workspace_that_refuses(self):
        self.guance.refusing = 403
        found = self.check_failure("sent", "403", f"/aws/lambda/{DELIVER}", sink="guance")
        sent = [one["sink"] for one in found["stages"] if one["stage"] == "sent" and one["reached"]]
        assert sent == ["eventbridge"], found


def allowing(topic):
    """Returns a policy that lets all publish to a topic."""
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def packed(inspector):
    """Returns an archive with a program that runs that of the functions; the emulator packs and unpacks it many times."""
    archive, binary = io.BytesIO(), pathlib.Path(inspector).resolve().with_name("bootstrap")
    assert binary.exists(), f"{binary} is missing"
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        file.writestr(entry, f'#!/bin/sh\nexec "{binary}" "$@"\n')
    return archive.getvalue()


def main(arguments):
    ministack, inspector = arguments
    KINDS["ministack"] = Faulty
    with running(ministack) as emulator, workspace.serving(emulator.folder) as guance:
        return 0 if run_steps(named(Drill(emulator, inspector, guance).steps()), emulator) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
