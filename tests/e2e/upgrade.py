#!/usr/bin/env python3
"""An older stack with data in its table becomes the present one: table, bucket, filters and data stay.

The functions need no code for this; the test is of what the template makes of resources that are there.

Usage: upgrade.py MINISTACK [COMMIT]    the command of the emulator, and whose template is deployed first
Exit codes: 0 all stays, or skipped with the reason; 1 something does not.
"""

import io
import pathlib
import subprocess
import sys
import time
import zipfile

import yaml

from emulator import running

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The last one whose filters each depend on a permission of their own, which AWS refuses and the emulator does not.
OLDER = "0dd6816"
STACK, GROUPS, SECONDS = "older", ["/org/trail-1", "trail_of.payments"], 60
UNSUPPORTED = {"AWS::CloudWatch::CompositeAlarm", "AWS::Logs::QueryDefinition"}


class Reader(yaml.SafeLoader):
    """Reads the short forms of functions as the long ones."""


def long_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        of = loader.construct_scalar(node)
        of = of.split(".", 1) if suffix == "GetAtt" else of
    elif isinstance(node, yaml.SequenceNode):
        of = loader.construct_sequence(node, deep=True)
    else:
        of = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": of}


Reader.add_multi_constructor("!", long_form)


def deployable(text):
    """Returns a template with code for its functions, without what the emulator does not know."""
    template = yaml.load(text, Reader)
    for name, made in list(template["Resources"].items()):
        # A loop is a list, whose last part is what it makes.
        kinds = {one["Type"] for one in (made[2].values() if isinstance(made, list) else [made])}
        if kinds & UNSUPPORTED:
            template["Resources"].pop(name)
        if kinds == {"AWS::Serverless::Function"}:
            made["Properties"]["CodeUri"] = "s3://code/code.zip"
    return yaml.safe_dump(template, sort_keys=False)


class Upgrade:
    def __init__(self, emulator):
        self.client, self.url = emulator.client, emulator.url

    def prepare(self):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("bootstrap", "#!/bin/sh\n")
        self.client("s3").create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.client("s3").put_object(Bucket="code", Key="code.zip", Body=packed.getvalue())
        for group in GROUPS:
            self.client("logs").create_log_group(logGroupName=group)

    def change(self, template, **parameters):
        """Creates or updates the stack by a change set, and waits for it."""
        stacks = self.client("cloudformation")
        is_there = any(one["StackName"] == STACK for one in stacks.describe_stacks()["Stacks"])
        change = "update" if is_there else "create"
        asked = {"LogGroupNames": ",".join(GROUPS), "Topic": "create", "AlarmTopic": "create"} | parameters
        self.client("s3").put_object(Bucket="code", Key="template.yaml", Body=template.encode())
        stacks.create_change_set(
            StackName=STACK, ChangeSetName=change, ChangeSetType=change.upper(),
            TemplateURL=f"{self.url}/code/template.yaml",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in asked.items()],
        )
        stacks.execute_change_set(StackName=STACK, ChangeSetName=change)
        end = time.monotonic() + SECONDS
        while True:
            (stack,) = stacks.describe_stacks(StackName=STACK)["Stacks"]
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                break
            assert time.monotonic() < end, f"the stack stays {stack['StackStatus']}"
            time.sleep(0.2)
        assert stack["StackStatus"] == f"{change.upper()}_COMPLETE", f"{stack['StackStatus']}: {stack.get('StackStatusReason')}"
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def filters(self):
        """Returns the filters of all log groups, by group."""
        found = {}
        for group in GROUPS:
            (one,) = self.client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
            found[group] = (one["filterName"], one["filterPattern"], one["destinationArn"])
        return found

    def stays(self, older):
        """Deploys the older template, fills it, deploys the present one, and looks what is left."""
        outputs = self.change(deployable(older))
        table, bucket = outputs["TableName"], outputs["BucketName"]
        items = [{"pk": {"S": f"C#{n}"}, "sk": {"S": "HEAD"}, "n": {"N": str(n)}} for n in range(50)]
        for item in items:
            self.client("dynamodb").put_item(TableName=table, Item=item)
        self.client("s3").delete_bucket_policy(Bucket=bucket)  # the emulator speaks plain HTTP, which the policy refuses
        self.client("s3").put_object(Bucket=bucket, Key="inspection/chronicle", Body=b"what was found out")
        filters = self.filters()
        started = time.monotonic()
        present = (ROOT / "template.yaml").read_text(encoding="utf-8")
        after = self.change(deployable(present), DeletionProtection="true")
        print(f"    updated after {time.monotonic() - started:.1f} s")
        assert (after["TableName"], after["BucketName"]) == (table, bucket), after
        kept = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        by_key = lambda one: one["pk"]["S"]
        assert sorted(kept, key=by_key) == sorted(items, key=by_key), f"{len(kept)} items of {len(items)} are left"
        assert self.client("dynamodb").describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"), "not protected"
        self.client("s3").delete_bucket_policy(Bucket=bucket)
        assert self.client("s3").get_object(Bucket=bucket, Key="inspection/chronicle")["Body"].read() == b"what was found out"
        assert self.filters() == filters, f"{filters} became {self.filters()}"


def main(arguments):
    ministack, commit = (*arguments, OLDER)[:2]
    shown = subprocess.run(["git", "show", f"{commit}:template.yaml"], cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        print(f"upgrade skipped: there is no template of {commit} here: {shown.stderr.strip()}")
        return 0
    with running(ministack) as emulator:
        upgrade = Upgrade(emulator)
        try:
            upgrade.prepare()
            upgrade.stays(shown.stdout)
        except Exception as wrong:
            print(f"upgrade from {commit}: FAILED\n{wrong!r}\n--- the emulator's log\n{emulator.log()}")
            return 1
    print(f"upgrade from {commit}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
