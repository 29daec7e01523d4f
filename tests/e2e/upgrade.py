#!/usr/bin/env python3
"""Updates an older stack with data in its table to the present template: table, bucket, filters and data must stay.

The functions have no code here: only the changes of existing resources by the template are tested.

Usage: upgrade.py MINISTACK [COMMIT]    the command of the emulator, and the commit of the older template
Exit codes: 0 all stays, or skipped with the reason printed; 1 something does not stay.
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
# The last template in which each filter depends on its own permission; AWS refuses that, the emulator accepts it.
OLDER = "0dd6816"
STACK, GROUPS, SECONDS = "older", ["/org/trail-1", "trail_of.payments"], 60
UNSUPPORTED = {"AWS::CloudWatch::CompositeAlarm", "AWS::Logs::QueryDefinition"}


class Reader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads the short forms of CloudFormation functions (!Ref) as the long forms."""


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
    """Returns a template with code for its functions, without resource types that the emulator does not support."""
    template = yaml.load(text, Reader)
    for name, made in list(template["Resources"].items()):
        # A loop is a list; its last element contains the resources.
        kinds = {one["Type"] for one in (made[2].values() if isinstance(made, list) else [made])}
        if kinds & UNSUPPORTED:
            template["Resources"].pop(name)
        if kinds == {"AWS::Serverless::Function"}:
            made["Properties"]["CodeUri"] = "s3://code/code.zip"
    return yaml.dump(template, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


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
        """Creates or updates the stack by a change set, waits for the end, and returns the outputs."""
        stacks = self.client("cloudformation")
        is_there = any(one["StackName"] == STACK for one in stacks.describe_stacks()["Stacks"])
        change = "update" if is_there else "create"
        given = {"LogGroupNames": ",".join(GROUPS), "Topic": "create", "AlarmTopic": "create"} | parameters
        self.client("s3").put_object(Bucket="code", Key="template.yaml", Body=template.encode())
        stacks.create_change_set(
            StackName=STACK, ChangeSetName=change, ChangeSetType=change.upper(),
            TemplateURL=f"{self.url}/code/template.yaml",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        )
        stacks.execute_change_set(StackName=STACK, ChangeSetName=change)
        end = time.monotonic() + SECONDS
        while True:
            (stack,) = stacks.describe_stacks(StackName=STACK)["Stacks"]
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                break
            assert time.monotonic() < end, f"the stack is still {stack['StackStatus']}"
            time.sleep(0.2)
        assert stack["StackStatus"] == f"{change.upper()}_COMPLETE", f"{stack['StackStatus']}: {stack.get('StackStatusReason')}"
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def filters(self):
        """Returns the subscription filter of each log group, by group: name and destination. The pattern may be another one."""
        found = {}
        for group in GROUPS:
            (one,) = self.client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
            found[group] = (one["filterName"], one["destinationArn"])
        return found

    def check_update(self, older):
        """Deploys the older template, writes data, deploys the present template, and checks that the data is still there."""
        outputs = self.change(deployable(older))
        table, bucket = outputs["TableName"], outputs["BucketName"]
        items = [{"pk": {"S": f"C#{n}"}, "sk": {"S": "HEAD"}, "n": {"N": str(n)}} for n in range(50)]
        for item in items:
            self.client("dynamodb").put_item(TableName=table, Item=item)
        self.client("s3").delete_bucket_policy(Bucket=bucket)  # the emulator speaks plain HTTP, which the policy refuses
        self.client("s3").put_object(Bucket=bucket, Key="inspection/chronicle", Body=b"inspection state")
        filters = self.filters()
        started = time.monotonic()
        present = (ROOT / "template.yaml").read_text(encoding="utf-8")
        after = self.change(deployable(present), DeletionProtection="true")
        print(f"    updated after {time.monotonic() - started:.1f} s")
        assert (after["TableName"], after["BucketName"]) == (table, bucket), after
        left = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        by_key = lambda one: one["pk"]["S"]
        assert sorted(left, key=by_key) == sorted(items, key=by_key), f"{len(left)} items of {len(items)} are left"
        assert self.client("dynamodb").describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"), "not protected"
        self.client("s3").delete_bucket_policy(Bucket=bucket)
        assert self.client("s3").get_object(Bucket=bucket, Key="inspection/chronicle")["Body"].read() == b"inspection state"
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
            upgrade.check_update(shown.stdout)
        except Exception as error:
            print(f"upgrade from {commit}: FAILED\n{error!r}\n--- the emulator's log\n{emulator.log()}")
            return 1
    print(f"upgrade from {commit}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
