#!/usr/bin/env python3
"""Batches that no single item of the table can hold, taken in in each way that there is, beside independent emulators.

With EFFORT=whole each of them gets each batch.

Usage: large.py EMULATOR… INSPECTOR    the commands; run.py knows where they are
Exit codes: 0 all as it should be, 1 not.
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
# Of manifests, three calls for each started 350 KB.
CALLS_MAX = 3
# The commands say exactly how much is new, so they read the four partitions of an hour; a scan tells of all clusters in the end.
READS = {"scan": {"Query": 5, "Scan": 1}, "ingest": {}, "redrive": {"Query": 4}, "backfill": {"Query": 4}}
# What is read of one cluster and written about it.
ASKED = {"history": {"BatchGetItem": 1, "Query": 1}, "mute": {"BatchGetItem": 2, "Query": 1, "TransactWriteItems": 1}}

BUCKET, HOUR = "large-bucket", 3600
# CloudWatch Logs takes a megabyte at once.
EVENTS_AT_ONCE = 1000
LETTERS = string.ascii_letters + string.digits + "-_"


def noise(dice, letters, of=LETTERS):
    return "".join(dice.choices(of, k=letters))


def failures(count):
    """Yields failures of one hour and one cluster."""
    began = int(time.time() // HOUR - 2) * HOUR
    failure = records.failure("GetObject", "s3")
    for number in range(count):
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + number % HOUR))
        yield number, failure | {"eventID": records.new_id(), "eventTime": moment}


def strangers(count):
    """Yields failures, each with a session, an access key and an address of its own."""
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
    """Yields failures with as long texts as are kept, each of random letters."""
    dice = random.Random(17)
    for _, failure in failures(count):
        said = {"userAgent": noise(dice, 250), "requestParameters": {"bucketName": noise(dice, 200)}}
        # As S3 puts it; a sentence would say itself what the resource is.
        yield failure | said | {"errorMessage": "Access Denied"}


INPUTS = {"strangers": lambda: strangers(7_000), "incompressible": lambda: incompressible(1_200)}

# tests/it/dynamodb.rs commits both in ministack, so there the smaller one will do for the other ways.
SHORT = {"ministack": ["incompressible"]}


def bytes_of(item):
    """Returns how long an item is, as DynamoDB counts."""
    return sum(len(name.encode()) + bytes_in(*value.popitem()) for name, value in item.items())


def bytes_in(kind, value):
    # Of a number, each two digits are a byte, and there is one more.
    sizes = {"S": lambda: len(value.encode()), "B": lambda: len(value), "N": lambda: len(value) // 2 + 2}
    return (sizes | {"SS": lambda: sum(len(one.encode()) for one in value)})[kind]()


class Large(Onlooker):
    """One emulator and what it is asked to take in, with what is asked of it counted on the way there."""

    def __init__(self, emulator, inspector, called, way):
        super().__init__(emulator, inspector)
        self.functions, (url, self.calls) = called, way
        self.environment = emulator.environment | {"AWS_ENDPOINT_URL": url}
        # It has a table and no more.
        self.ways = [self.scan] if emulator.name == "dynalite" else [self.scan, self.ingest, self.redrive, self.backfill]

    def steps(self, files):
        """Yields the steps, each with its name."""
        if len(self.ways) > 1:
            self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for name, file in files.items():
            offline = json.loads(self.command("scan", "--format", "json", file))["clusters"]
            for way in self.ways:
                yield f"{name} by {way.__name__}", functools.partial(self.takes, way, name, file, offline)
        yield "an event that brings a cluster back", self.comes_back
        yield "what is asked for one cluster", self.asks_for_one

    def takes(self, way, name, file, offline):
        self.table = f"{name}-{way.__name__}"
        make_table(self.client, self.table)
        self.calls.clear()
        way(file)
        items = self.items()
        self.holds(offline, items)
        self.count(way.__name__, items)
        way(file)
        assert self.items().keys() == items.keys(), "again, it makes other items"
        self.holds(offline, items)

    def comes_back(self):
        """Sees that what takes a transaction happens whole, or not, and that no event is lost where there are none."""
        self.table = "comes-back"
        make_table(self.client, self.table)
        name = records.new_name()
        file = self.emulator.folder / "one.jsonl"
        file.write_text(json.dumps(records.failure(name, hours_ago=9)), encoding="utf-8")
        self.scan(file)
        # As an inspection does; it would take a transaction.
        self.client("dynamodb").put_item(TableName=self.table, Item=self.head() | {"st": {"S": "recovered"}})
        file.write_text(json.dumps(records.failure(name, hours_ago=1)), encoding="utf-8")
        can = self.emulator.name != "dynalite"
        for _ in range(2):
            done = self.run_command("scan", "--table", self.table, file)
            assert (done.returncode == 0) == can, done
            if not can:
                assert "DynamoDB rejected the request" in done.stderr and "UnknownOperationException" in done.stderr, done.stderr
            assert self.clusters() == {name: 2}, self.clusters()
            assert self.head()["st"]["S"] == ("regressed" if can else "recovered"), self.head()
            assert any(sk.startswith("J#") for _, sk in self.items()) == can, self.items()

    def asks_for_one(self):
        """Sees that who gives a whole id has no other cluster read, and who gives a part of one has the whole table read once."""
        (cluster,) = self.listed()
        decide = ("--reason", "migration", "--actor", "ann", "--for", "1h")
        for command, more in ("history", ()), ("mute", decide):
            for given, scans in (cluster["cluster_id"], {}), (cluster["cluster_id"][:8], {"Scan": 1}):
                self.calls.clear()
                done = self.run_command("clusters", command, given, "--table", self.table, *more, environment=self.environment)
                # Where there are no transactions, nobody can decide.
                assert (done.returncode == 0) == (command == "history" or self.emulator.name != "dynalite"), done
                called = collections.Counter(self.calls)
                assert called == ASKED[command] | scans, (command, given, called)

    def head(self):
        (head,) = [one for one in self.all() if one["sk"]["S"] == "HEAD"]
        return head

    def holds(self, offline, items):
        """Sees that the table has what the file says, in items that are not too long."""
        listed = self.listed()
        # The table keeps one example of the first batch, other stores the same three whatever comes first. A table is of the
        # present and a file of the past, so that they may stand otherwise.
        left_out = {"samples": None, "status": None}
        assert [one | left_out for one in listed] == [one | left_out for one in offline], listed
        too_long = {key: size for key, size in items.items() if size > ITEM_BYTES_MAX}
        assert not too_long, too_long
        assert sum(items.values()) > ITEM_BYTES_MAX, f"all fits into one item: {items}"

    def all(self):
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [one for page in pages for one in page["Items"]]

    def items(self):
        """Returns how long each item is, by its key."""
        return {(one["pk"]["S"], one["sk"]["S"]): bytes_of(one) for one in self.all()}

    def count(self, way, items):
        """Sees that a commit took not too many calls for so many bytes of manifests."""
        called = collections.Counter(self.calls)
        reads = {name: called.pop(name) for name in ("Query", "Scan") if name in called}
        assert reads == READS[way], reads
        size = sum(size for (pk, _), size in items.items() if pk.startswith("M#"))
        calls = sum(called.values())
        assert calls <= CALLS_MAX * -(-size // ITEM_BYTES_MAX), (called, size)
        print(f"    {calls} calls for {size} bytes of manifests")

    # Each way takes all of a file in, whether or not it has before.

    def scan(self, file):
        self.command("scan", "--table", self.table, "--format", "json", file)

    def ingest(self, file):
        name = f"{self.table}-ingest"
        self.functions.settings[name] = {"TABLE_NAME": self.table, "BUCKET_NAME": BUCKET}
        failed = self.error_of(self.functions.invoke(FunctionName=name, Payload=event_of(file)))
        assert not failed, failed

    def redrive(self, file):
        name = f"{self.table}-ingest"
        key, kept = records.failed_invocation(f"arn:aws:lambda:{REGION}:{functions.ACCOUNT}:function:{name}", json.loads(event_of(file)))
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(kept).encode())
        before = self.items()
        told = self.command("redrive", *self.where(), "--dry-run")
        assert "1 event would be processed" in told and ", 0 left, 0 failed" in told, told
        assert self.items() == before, "a look at what there is changes the table"
        self.calls.clear()
        done = self.command("redrive", *self.where())
        promised, kept = (text.replace("would be processed", "processed").splitlines()[:3] for text in (told, done))
        # What it takes for new, the table may have: it was not asked.
        assert kept == promised if not before else kept[:2] == promised[:2], (told, done)

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
        # What only looks is not counted.
        counted = None if arguments[0] == "clusters" else self.environment
        return super().run_command(*arguments, environment=environment or counted)


@functools.cache
def event_of(file):
    """Returns the event of a subscription with all that is in a file."""
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
            with running(command) as emulator, counting(emulator.url) as way:
                names = INPUTS if os.environ.get("EFFORT") == "whole" else SHORT.get(emulator.name, INPUTS)
                with functions.serving(bootstrap, way[0], emulator.folder) as called:
                    print(f"{emulator.name}:")
                    steps = Large(emulator, inspector, called, way).steps({name: files[name] for name in names})
                    if not run_steps(steps, emulator):
                        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
