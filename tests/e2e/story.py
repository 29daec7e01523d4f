#!/usr/bin/env python3
"""What happens to a stack, from the build to its deletion, told against the emulator and looked at outside.

Usage: story.py SAM MINISTACK INSPECTOR    the three commands; run.py knows where they are
Exit codes: 0 all as it should be, 1 not.
"""

import json
import pathlib
import platform
import signal
import subprocess
import sys
import time

from botocore.exceptions import ClientError

import records
from emulator import running, without_aws

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STACK, FUNCTION, ROLE_POLICY = "watch", "watch-ingest", "ingest"
GROUPS = ["/org/cloudtrail/shop", "trail-of_payments"]
RULES_KEY = "rules/rules.toml"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]

BUILD_SECONDS, DEPLOY_SECONDS, CLUSTERS_SECONDS = 3000, 180, 60

# The emulator neither writes the log with the role nor uses the destination in S3, so nothing can break
# here; the tests of the template look at these.
NOT_ENFORCED = {"Log", "FailedInvocations", "FailedInvocationsBucket"}


class Story:
    """The steps, in their order; each is a method and tells by an AssertionError what is not as it should be."""

    def __init__(self, sam, inspector, emulator):
        self.sam, self.inspector, self.emulator = sam, inspector, emulator
        self.template = emulator.folder / "build" / "template.yaml"
        self.client = emulator.client

    def steps(self):
        return [
            self.build_the_function,
            self.refuse_wrong_parameters_before_any_change,
            self.deploy,
            self.find_the_clusters_of_both_log_groups,
            self.count_what_comes_twice_once,
            self.refuse_what_comes_to_the_bucket_unencrypted,
            self.keep_what_cannot_be_read,
            self.need_each_permission,
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
        binary = self.template.parent / "IngestFunction" / "bootstrap"
        assert binary.stat().st_mode & 0o111, "the binary cannot be run"

    def refuse_wrong_parameters_before_any_change(self):
        for wrong, says in [
            ({"LogGroupNames": ""}, "must be names of log groups"),
            ({"LogGroupNames": f"/aws/lambda/{FUNCTION}"}, "must not read its own log"),
            ({"RetentionDays": "7"}, "must be a number of days from 8 to 365"),
            ({"AccountNames": "shop"}, "must be empty or a list like"),
        ]:
            told = self.deploy_with(wrong, refused=True)
            assert says in told, f"{wrong} is not refused with a sentence:\n{told}"
            stacks = [one["StackStatus"] for one in self.client("cloudformation").describe_stacks()["Stacks"]]
            stacks = [status for status in stacks if status != "REVIEW_IN_PROGRESS"]
            names = self.client("dynamodb").list_tables()["TableNames"]
            assert not names, f"{wrong} made {names}"
            assert len(stacks) <= 1, f"{wrong} left {stacks}"  # that of SAM's own bucket

    def deploy(self):
        for group in GROUPS:
            self.client("logs").create_log_group(logGroupName=group)
            self.client("logs").create_log_stream(logGroupName=group, logStreamName="trail")
        self.deploy_with({})
        outputs = self.outputs()
        self.table, self.bucket = outputs["TableName"], outputs["BucketName"]
        for group in GROUPS:
            assert self.filters(group) == [FUNCTION], f"{group} has the filters {self.filters(group)}"

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

    def refuse_what_comes_to_the_bucket_unencrypted(self):
        failed = self.error_of(self.call(["no record at all"]))
        assert failed, "the bucket takes what was not encrypted on its way"
        # The emulator speaks plain HTTP, so this refusal would be all that there is to see from here on.
        self.client("s3").delete_bucket_policy(Bucket=self.bucket)

    def keep_what_cannot_be_read(self):
        self.invoke(["no record at all"])
        kept = self.client("s3").list_objects_v2(Bucket=self.bucket, Prefix="quarantine/").get("Contents", [])
        assert kept, "what cannot be read is not kept"

    def need_each_permission(self):
        """Takes away each action of the role's policy once: something has to break, and only meanwhile."""
        whole = self.policy()
        for place, statement in enumerate(whole["Statement"]):
            if statement["Sid"] in NOT_ENFORCED:
                continue
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            for action in actions:
                rest = [one for one in actions if one != action]
                statements = list(whole["Statement"])
                statements[place : place + 1] = [statement | {"Action": rest}] if rest else []
                self.set_policy({**whole, "Statement": statements})
                broken = self.breaks()
                self.set_policy(whole)
                assert broken, f"nothing needs {action}; take it out of the template"
                assert not self.breaks(), f"still broken after {action} was given back"
                print(f"    without {action}: {broken}")

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
        self.deploy_with({"Enabled": "false", "LogRetentionDays": "14"})
        assert self.filters(GROUPS[0]) == [], "the log group is still read"
        assert self.outputs()["TableName"] == self.table, "another table"

    def keep_the_table_when_the_stack_goes(self):
        self.run_sam("delete", "--stack-name", STACK, "--no-prompts", seconds=DEPLOY_SECONDS)
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

    def deploy_with(self, asked, refused=False):
        # The emulator reads a pattern as words that all must occur, so it gets none; tests/stack looks at
        # the default.
        asked = {
            "LogGroupNames": ",".join(GROUPS), "FilterPattern": "", "Architecture": ARCHITECTURE, "LearnHours": "0"
        } | asked
        overrides = [f'{name}="{value}"' for name, value in asked.items()]
        return self.run_sam(
            "deploy", "--template", self.template, "--stack-name", STACK, "--no-confirm-changeset",
            "--parameter-overrides", *overrides, seconds=DEPLOY_SECONDS, refused=refused,
        )

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

    def error_of(self, answer):
        """Returns what a failed invocation says, nothing for one that went well."""
        told = answer["Payload"].read()
        if not answer.get("FunctionError"):
            return None
        said = json.loads(told)
        return f'{said.get("errorType")}: {said.get("errorMessage")}'

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

    def policy(self):
        document = self.client("iam").get_role_policy(RoleName=self.role(), PolicyName=ROLE_POLICY)["PolicyDocument"]
        return json.loads(document) if isinstance(document, str) else document

    def set_policy(self, document):
        self.client("iam").put_role_policy(
            RoleName=self.role(), PolicyName=ROLE_POLICY, PolicyDocument=json.dumps(document)
        )

    def role(self):
        arn = self.client("lambda").get_function_configuration(FunctionName=FUNCTION)["Role"]
        return arn.rsplit("/", 1)[-1]

    def clusters(self, *where):
        """Returns how many events each cluster has, by the name of the call, as the command line tells it."""
        done = subprocess.run(
            [self.inspector, "clusters", "list", *(where or ("--table", self.table)), "--format", "json"],
            env=self.emulator.environment, capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0, f"clusters list fails:\n{done.stderr}"
        told = json.loads(done.stdout)
        listed = told["clusters"] if isinstance(told, dict) else told
        return {one["event_name"]: one["count"] for one in listed}

    def await_clusters(self, expected):
        """Returns the clusters as soon as these have so many events, and fails when that takes too long."""
        end = time.monotonic() + CLUSTERS_SECONDS
        while True:
            found = self.clusters()
            if all(found.get(name) == count for name, count in expected.items()):
                return found
            assert time.monotonic() < end, f"{expected} is not there, but {found}\n{self.emulator.log()}"
            time.sleep(0.1)


def main(arguments):
    # What stops the story stops the emulator: an exception goes through all that is to be closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    sam, ministack, inspector = arguments
    with running(ministack) as emulator:
        for step in Story(sam, inspector, emulator).steps():
            name = step.__name__.replace("_", " ")
            started = time.monotonic()
            try:
                step()
            except Exception as wrong:
                print(f"{name}: FAILED\n{wrong or repr(wrong)}\n--- the emulator's log\n{emulator.log()}")
                return 1
            print(f"{name}: ok, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("story.py: stopped")
