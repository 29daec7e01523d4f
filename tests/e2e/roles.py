#!/usr/bin/env python3
"""Follows a few errors from the event of a subscription to a decision in the dashboard, on moto.

moto starts no functions, so this script starts the real program for each role. Permissions are not checked.

Usage: roles.py MOTO INSPECTOR    the two commands; run.py finds them
Exit codes: 0 all steps passed, 1 a step failed.
"""

import io
import json
import pathlib
import sys
import time
import zipfile

import functions
import records
import workspace
from emulator import REGION, running
from large import make_table
from onlooker import Onlooker, named, run_steps
from widget import Dashboard

STACK, GROUP, BUCKET, TABLE = "roles", "trail", "roles-bucket", "roles-table"
INGEST, DELIVER, INSPECT, WIDGET = (f"{STACK}-{role}" for role in ("ingest", "deliver", "inspect", "widget"))
NEW, QUIET, LOST = "StopInstances", "AllocateAddress", "RebootInstances"


class Roles(Onlooker):
    """The steps, in order. Each step is a method; a failed step raises an AssertionError that states the problem."""

    def __init__(self, emulator, inspector, guance, called):
        super().__init__(emulator, inspector, guance)
        self.functions, self.table, self.put = called, TABLE, []
        self.dashboard = Dashboard(called, STACK)

    def steps(self):
        return [
            self.prepare,
            self.process_events_of_a_subscription,
            self.send_the_alerts_of_the_stream,
            self.inspect_without_metrics,
            self.read_events_without_a_subscription,
            self.show_clusters_and_make_decisions,
            self.match_the_clusters_of_a_scan,
        ]

    def prepare(self):
        stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
        make_table(self.client, TABLE, StreamSpecification=stream)
        self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        topic = self.client("sns").create_topic(Name="alerts")["TopicArn"]
        self.listen(topic=topic)
        secret = self.client("secretsmanager").create_secret(Name="guance", SecretString=workspace.TOKEN)["ARN"]
        self.key = self.use_an_access_key()
        where = {"TABLE_NAME": TABLE, "BUCKET_NAME": BUCKET}
        common = where | {"LEARN_HOURS": "0", "RETENTION_DAYS": "8", "SINKS": "guance,sns,eventbridge"}
        account = {"OWN_ACCOUNT_ID": functions.ACCOUNT}
        groups = {"LOG_GROUP_NAMES": GROUP}
        of_guance = {
            "GUANCE_ROUTE": "dataway", "GUANCE_URL": self.guance.url, "GUANCE_SECRET_ARN": secret, "GUANCE_SAMPLE_LOGS": "true",
            "GUANCE_ALLOW_PRIVATE": "true", "GUANCE_CA_FILE": str(self.guance.ca_file),
        }
        self.functions.settings |= {
            INGEST: common,
            INSPECT: common | account | groups | {"INGEST_FUNCTION_NAME": INGEST},
            DELIVER: common | account | of_guance | {"TOPIC_ARN": topic, "EVENT_BUS_NAME": "default"},
            WIDGET: where | account | groups | {"DECISIONS": "true"},
        }

    def use_an_access_key(self):
        """Returns the id of an access key that was used once, so that moto knows the time of its last use."""
        self.client("iam").create_user(UserName="mia")
        key = self.client("iam").create_access_key(UserName="mia")["AccessKey"]
        self.emulator.client_of("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_caller_identity()
        return key["AccessKeyId"]

    def process_events_of_a_subscription(self):
        by_key = records.of_account(records.failure(NEW), functions.ACCOUNT, self.key)
        self.put = [by_key, by_key | {"eventID": records.new_id()}, records.throttled(QUIET, hours_ago=9), records.success("GetUser")]
        event = records.payload(self.put)
        # The same events again, as a stream brings them that a subscription in another account writes to.
        of_stream = {"Records": [{"eventSource": "aws:kinesis", "kinesis": event["awslogs"]}]}
        for event in (event, of_stream):
            self.invoke(INGEST, event)
            assert self.clusters() == {NEW: 2, QUIET: 1}, self.clusters()

    def send_the_alerts_of_the_stream(self):
        event = self.stream()
        sinks = sorted(one["dynamodb"]["Keys"]["pk"]["S"].split("#")[1] for one in event["Records"])
        assert sinks == sorted(2 * ["eventbridge", "guance", "sns"]), sinks
        self.invoke(DELIVER, event)
        mail = self.await_message("topic", NEW, "new")
        assert mail["Subject"].isascii() and len(mail["Subject"]) < 100, mail["Subject"]
        alert = self.await_message("bus", NEW, "new")
        assert alert["detail"]["cluster"]["count"] == 2, alert
        assert self.check_key(alert, self.key), "the alert does not contain when the access key was last used"
        (line,) = self.await_lines("/v1/write/keyevent", NEW)
        assert f'df_event_id=event-{alert["detail"]["alert_id"]}' in line, line

    def stream(self):
        """Returns the new outbox rows of the table's stream as the event that the deliver function receives."""
        streams = self.client("dynamodbstreams")
        arn = self.client("dynamodb").describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        begin = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        found = streams.get_records(ShardIterator=begin["ShardIterator"])["Records"]
        waiting = [one for one in found if one["eventName"] == "INSERT" and one["dynamodb"]["Keys"]["pk"]["S"].startswith("O#")]
        return {"Records": [one | {"eventSourceARN": arn} for one in waiting]}

    def deliver_by_schedule(self):
        self.invoke(DELIVER, {})

    def inspect_without_metrics(self):
        self.subscribe()
        for _ in range(2):
            self.invoke(INSPECT, {})
            self.invoke(DELIVER, {})
        self.check_one_recovery_alert(QUIET, lambda: self.invoke(DELIVER, {}))
        first, second = self.inspections()
        assert (first["settled"], second["settled"]) == (1, 0), (first, second)
        # moto does not support CBOR, so the delivery metrics cannot be read; the program only logs that.
        unknown = [line for line in self.functions.lines(INSPECT) if line["message"] == "cannot look for lost events"]
        assert len(unknown) == 2 and "the delivery metrics of CloudWatch cannot be read" in unknown[0]["detail"], unknown
        for line in (first, second):
            assert (line["failed"], line["damaged"], line["behind_hours"], line["backfill_left"]) == (0, 0, 0, 0), line

    def subscribe(self):
        """Creates the log group with a filter to the function. moto requires that the function exists, but never calls it."""
        role = self.client("iam").create_role(RoleName=INGEST, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = io.BytesIO()
        zipfile.ZipFile(code, "w").close()
        made = self.client("lambda").create_function(
            FunctionName=INGEST, Role=role, Runtime="provided.al2023", Handler="ingest", Code={"ZipFile": code.getvalue()}
        )
        logs = self.client("logs")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName="trail")
        logs.put_subscription_filter(logGroupName=GROUP, filterName=INGEST, filterPattern="", destinationArn=made["FunctionArn"])

    def read_events_without_a_subscription(self):
        lost = records.failure(LOST)
        logs = self.client("logs")
        logs.delete_subscription_filter(logGroupName=GROUP, filterName=INGEST)
        entry = {"timestamp": int(time.time() * 1000), "message": json.dumps(lost)}
        logs.put_log_events(logGroupName=GROUP, logStreamName="trail", logEvents=[entry])
        self.put.append(lost)
        # An event can be read from the next second on.
        time.sleep(1)
        for _ in range(2):
            self.invoke(INSPECT, {})
            assert self.clusters() == {NEW: 2, QUIET: 1, LOST: 1}, self.clusters()
        assert self.inspections()[-1]["backfilled_hours"] > 0, self.inspections()[-1]

    def show_clusters_and_make_decisions(self):
        opened = self.dashboard.page(self.dashboard.page({}).click(NEW))
        for shown in (self.key, "mia", "with sts in"):
            assert shown in opened.text, f"the page does not show {shown}: {opened.text}"
        self.mute(self.dashboard, opened)
        version = self.dashboard.page({"cluster": self.id(NEW)}).click("Resolve")
        done = self.dashboard.page(version, reason="repaired", who="ann")
        assert "Done: resolved" in done.text, done.text
        shown = json.loads(self.command("clusters", "show", self.id(NEW), "--table", TABLE, "--format", "json"))
        assert (shown["status"], shown["mark"]["decision"], shown["mark"]["reason"]) == ("recovered", "resolved", "repaired"), shown

    def id(self, about):
        (found,) = [one["cluster_id"] for one in self.listed() if one["event_name"] == about]
        return found

    def match_the_clusters_of_a_scan(self):
        file = self.emulator.folder / "same.jsonl"
        file.write_text("".join(f"{json.dumps(event)}\n" for event in self.put), encoding="utf-8")
        offline = json.loads(self.command("scan", "--format", "json", file))["clusters"]
        # Only the table has triage decisions and their times.
        same = ("cluster_id", "count", "first_seen", "last_seen", "facets", "severity")
        stored, scanned = ({tuple(json.dumps(one[part]) for part in same) for one in clusters} for clusters in (self.listed(), offline))
        assert stored == scanned, stored ^ scanned

    def inspections(self):
        return [line for line in self.functions.lines(INSPECT) if line["message"] == "inspected"]

    def invoke(self, name, event):
        failed = self.error_of(self.functions.invoke(FunctionName=name, Payload=json.dumps(event, default=str).encode()))
        assert not failed, f"{name} fails: {failed}"


def main(arguments):
    moto, inspector = arguments
    with running(moto) as emulator, workspace.serving(emulator.folder) as guance:
        with functions.serving(pathlib.Path(inspector).with_name("bootstrap"), emulator.url, emulator.folder) as called:
            return 0 if run_steps(named(Roles(emulator, inspector, guance, called).steps()), emulator) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
