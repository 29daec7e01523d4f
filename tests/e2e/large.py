#!/usr/bin/env python3
"""Processes batches that are too large for one item of the table, by each command and function, on independent emulators.

With EFFORT=whole each emulator gets each batch.

Usage: large.py EMULATOR… INSPECTOR    the commands; run.py finds them
Exit codes: 0 all steps passed, 1 a step failed.
"""

import collections
import functools
import json
import os
import pathlib
import random
import string
import sys
import tempfile
import time

import functions
import records
from counted import counting
from emulator import REGION, running
from onlooker import Onlooker, run_steps

ITEM_BYTES_MAX = 350 << 10
# The most calls for each started 350 KB of segments.
CALLS_MAX = 3
# The commands report the exact number of new events, so they read the four partitions of an hour.
# A scan lists all clusters at the end, and asks which alerts about incidents were decided.
READS = {"scan": {"Query": 6, "Scan": 1}, "ingest": {}, "redrive": {"Query": 4}, "backfill": {"Query": 4}}
# The calls of commands that read or change one cluster.
CALLS = {"history": {"BatchGetItem": 1, "Query": 1}, "mute": {"BatchGetItem": 2, "Query": 1, "TransactWriteItems": 1}}

BUCKET, HOUR = "large-bucket", 3600
# CloudWatch Logs accepts at most one megabyte in a call.
EVENTS_AT_ONCE = 1000
LETTERS = string.ascii_letters + string.digits + "-_"


def noise(dice, length, of=LETTERS):
    return "".join(dice.choices(of, k=length))


def failures(count):
    """Yields numbered events of one hour and one cluster."""
    began = int(time.time() // HOUR - 2) * HOUR
    failure = records.failure("GetObject", "s3")
    for number in range(count):
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + number % HOUR))
        yield number, failure | {"eventID": records.new_id(), "eventTime": moment}


def strangers(count):
    """Yields events that each have their own session, access key and address."""
    dice = random.Random(7)
    for number, failure in failures(count):
        yield failure | {
            "sourceIPAddress": f"198.{18 + number % 2}.{number // 256 % 256}.{number % 256}",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": f"arn:aws:sts::111122223333:assumed-role/deploy/{noise(dice, 32)}",
                "accountId": "111122223333",
                "accessKeyId": f"ASIA{noise(dice, 16, string.ascii_uppercase)}",
            },
        }


def incompressible(count):
    """Yields events whose texts are random and as long as the program stores them."""
    dice = random.Random(17)
    for _, failure in failures(count):
        texts = {"userAgent": noise(dice, 250), "requestParameters": {"bucketName": noise(dice, 200)}}
        # The message of S3. A longer message would name the resource itself.
        yield failure | texts | {"errorMessage": "Access Denied"}


INPUTS = {"strangers": lambda: strangers(7_000), "incompressible": lambda: incompressible(1_200)}

# tests/it/dynamodb.rs commits both batches in ministack, so the smaller batch is enough there.
SHORT = {"ministack": ["incompressible"]}


def bytes_of(item):
    """Returns the size of an item in bytes, as DynamoDB counts it."""
    return sum(len(name.encode()) + bytes_in(*value.popitem()) for name, value in item.items())


def bytes_in(kind, value):
    # A number has one byte for two digits, and one more.
    sizes = {"S": lambda: len(value.encode()), "B": lambda: len(value), "N": lambda: len(value) // 2 + 2}
    return (sizes | {"SS": lambda: sum(len(one.encode()) for one in value)})[kind]()


class Large(Onlooker):
    """Sends the batches to one emulator through a counting proxy."""

    def __init__(self, emulator, inspector, called, proxy):
        super().__init__(emulator, inspector)
        self.functions, (url, self.calls) = called, proxy
        self.environment = emulator.environment | {"AWS_ENDPOINT_URL": url}
        # dynalite has DynamoDB alone.
        self.inputs = [self.scan] if emulator.name == "dynalite" else [self.scan, self.ingest, self.redrive, self.backfill]

    def steps(self, files):
        """Yields the steps, each with its name."""
        if len(self.inputs) > 1:
            self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for name, file in files.items():
            offline = json.loads(self.command("scan", "--format", "json", file))["clusters"]
            for process in self.inputs:
                yield f"{name} by {process.__name__}", functools.partial(self.check_input, process, name, file, offline)
        yield "an event that reopens a cluster", self.check_regression
        yield "the calls for one cluster", self.check_calls_for_one_cluster

    def check_input(self, process, name, file, offline):
        self.table = f"{name}-{process.__name__}"
        make_table(self.client, self.table)
        self.calls.clear()
        process(file)
        items = self.items()
        self.check_table(offline, items)
        self.check_calls(process.__name__, items)
        process(file)
        assert self.items().keys() == items.keys(), "a second run creates other items"
        self.check_table(offline, items)

    def check_regression(self):
        """Checks that a transaction is applied as a whole or not at all, and that no event is lost without transactions."""
        self.table = "comes-back"
        make_table(self.client, self.table)
        name = records.new_name()
        file = self.emulator.folder / "one.jsonl"
        file.write_text(json.dumps(records.failure(name, hours_ago=9)), encoding="utf-8")
        self.scan(file)
        # An inspection would set this status, but in a transaction.
        self.client("dynamodb").put_item(TableName=self.table, Item=self.cluster_item() | {"st": {"S": "recovered"}})
        file.write_text(json.dumps(records.failure(name, hours_ago=1)), encoding="utf-8")
        has_transactions = self.emulator.name != "dynalite"
        for _ in range(2):
            done = self.run_command("scan", "--table", self.table, file)
            assert (done.returncode == 0) == has_transactions, done
            if not has_transactions:
                assert "DynamoDB rejected the request" in done.stderr and "UnknownOperationException" in done.stderr, done.stderr
            assert self.clusters() == {name: 2}, self.clusters()
            assert self.cluster_item()["st"]["S"] == ("regressed" if has_transactions else "recovered"), self.cluster_item()
            assert any(sk.startswith("J#") for _, sk in self.items()) == has_transactions, self.items()

    def check_calls_for_one_cluster(self):
        """Checks that a full cluster id reads no other cluster, and that a part of an id scans the table once."""
        (cluster,) = self.listed()
        decide = ("--reason", "migration", "--actor", "ann", "--for", "1h")
        for command, more in ("history", ()), ("mute", decide):
            for given, scans in (cluster["cluster_id"], {}), (cluster["cluster_id"][:8], {"Scan": 1}):
                self.calls.clear()
                done = self.run_command("clusters", command, given, "--table", self.table, *more, environment=self.environment)
                # A triage decision needs transactions.
                assert (done.returncode == 0) == (command == "history" or self.emulator.name != "dynalite"), done
                called = collections.Counter(self.calls)
                assert called == CALLS[command] | scans, (command, given, called)

    def cluster_item(self):
        (item,) = [one for one in self.all() if one["sk"]["S"] == "HEAD"]
        return item

    def check_table(self, offline, items):
        """Checks that the table has the clusters of the file, and that no item is too large."""
        listed = self.listed()
        # The table stores one sample of the first batch; other stores have the same three samples in any order of batches.
        # The status may differ: the table's is of now, that of a scan is of the time of its last event.
        left_out = {"samples": None, "status": None}
        assert [one | left_out for one in listed] == [one | left_out for one in offline], listed
        too_long = {key: size for key, size in items.items() if size > ITEM_BYTES_MAX}
        assert not too_long, too_long
        assert sum(items.values()) > ITEM_BYTES_MAX, f"all events fit into one item: {items}"

    def all(self):
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [one for page in pages for one in page["Items"]]

    def items(self):
        """Returns the size of each item in bytes, by its key."""
        return {(one["pk"]["S"], one["sk"]["S"]): bytes_of(one) for one in self.all()}

    def check_calls(self, name, items):
        """Checks that a commit needs few enough calls for the size of its segments."""
        called = collections.Counter(self.calls)
        reads = {name: called.pop(name) for name in ("Query", "Scan") if name in called}
        assert reads == READS[name], reads
        size = sum(size for (pk, _), size in items.items() if pk.startswith("M#"))
        calls = sum(called.values())
        assert calls <= CALLS_MAX * -(-size // ITEM_BYTES_MAX), (called, size)
        print(f"    {calls} calls for {size} bytes of segments")

    # Each of the next four methods processes all events of a file, even if it has processed them before.

    def scan(self, file):
        self.command("scan", "--table", self.table, "--format", "json", file)

    def ingest(self, file):
        name = f"{self.table}-ingest"
        self.functions.settings[name] = {"TABLE_NAME": self.table, "BUCKET_NAME": BUCKET}
        failed = self.error_of(self.functions.invoke(FunctionName=name, Payload=event_of(file)))
        assert not failed, failed

    def redrive(self, file):
        name = f"{self.table}-ingest"
        key, stored = records.failed_invocation(f"arn:aws:lambda:{REGION}:{functions.ACCOUNT}:function:{name}", json.loads(event_of(file)))
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(stored).encode())
        before = self.items()
        dry_run = self.command("redrive", *self.where(), "--dry-run")
        assert "1 event would be processed" in dry_run and ", 0 left, 0 failed" in dry_run, dry_run
        assert self.items() == before, "a dry run changes the table"
        self.calls.clear()
        done = self.command("redrive", *self.where())
        promised, real = (text.replace("would be processed", "processed").splitlines()[:3] for text in (dry_run, done))
        # A dry run does not read the table, so it may count stored events as new.
        assert real == promised if not before else real[:2] == promised[:2], (dry_run, done)

    def backfill(self, file):
        logs, group = self.client("logs"), self.table
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="trail")
            lines = file.read_text(encoding="utf-8").splitlines()
            for first in range(0, len(lines), EVENTS_AT_ONCE):
                events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines[first : first + EVENTS_AT_ONCE]]
                logs.put_log_events(logGroupName=group, logStreamName="trail", logEvents=events)
        hour = lambda later: time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(time.time() + later * HOUR))
        self.command("backfill", *self.where(), "--group", group, "--pattern", "", "--from", hour(-1), "--to", hour(1))

    def where(self):
        return ["--table", self.table, "--bucket", BUCKET, "--function", f"{self.table}-ingest"]

    def run_command(self, *arguments, environment=None):
        # Commands that only read clusters are not counted.
        counted = None if arguments[0] == "clusters" else self.environment
        return super().run_command(*arguments, environment=environment or counted)


@functools.cache
def event_of(file):
    """Returns the event of a subscription with all records of a file."""
    return json.dumps(records.payload(file.read_text(encoding="utf-8").splitlines())).encode()


def make_table(client, name, **more):
    keys = {"pk": "HASH", "sk": "RANGE"}
    client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys], **more,
    )


def main(arguments):
    *commands, inspector = arguments
    bootstrap = pathlib.Path(inspector).with_name("bootstrap")
    with tempfile.TemporaryDirectory(prefix="inspector-large-") as folder:
        files = {name: pathlib.Path(folder) / f"{name}.jsonl" for name in INPUTS}
        for name, events in INPUTS.items():
            files[name].write_text("".join(f"{json.dumps(event)}\n" for event in events()), encoding="utf-8")
        for command in commands:
            with running(command) as emulator, counting(emulator.url) as proxy:
                names = INPUTS if os.environ.get("EFFORT") == "whole" else SHORT.get(emulator.name, INPUTS)
                with functions.serving(bootstrap, proxy[0], emulator.folder) as called:
                    print(f"{emulator.name}:")
                    steps = Large(emulator, inspector, called, proxy).steps({name: files[name] for name in names})
                    if not run_steps(steps, emulator):
                        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
