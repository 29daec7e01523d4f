"""A stack on an emulator without the SAM CLI: its template is deployed by a change set, and its functions run beside the emulator
with the environment that the template gives them."""

import base64
import io
import json
import time
import zipfile

import yaml

import workspace
from emulator import REGION

NAME, GROUPS, SECONDS = "older", ["/org/trail-1", "trail_of.payments"], 60
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


def settled(stacks, name, seconds):
    """Waits until a stack is no longer in progress, and returns its description."""
    end = time.monotonic() + seconds
    while True:
        (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        assert time.monotonic() < end, f"the stack is still {stack['StackStatus']}"
        time.sleep(0.2)


def set_variables(functions, function, variables):
    """Adds variables to the environment of a function, and returns those before."""
    found = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": found | variables})
    return found


class Stack:
    """One stack; `table` and `bucket` are the names of its table and its bucket once it is deployed."""

    def __init__(self, emulator):
        self.emulator, self.client, self.url = emulator, emulator.client, emulator.url
        self.table, self.bucket, self.secret, self.changes = "", "", "", 0

    def prepare(self):
        """Creates what the stack needs before: code, log groups and the secret of the workspace."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("bootstrap", "#!/bin/sh\n")
        self.client("s3").create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client("s3").put_object(Bucket="code", Key="code.zip", Body=packed.getvalue())
        self.secret = self.client("secretsmanager").create_secret(Name="guance", SecretString=workspace.TOKEN)["ARN"]
        for group in GROUPS:
            self.client("logs").create_log_group(logGroupName=group)

    def sinks(self, guance):
        """Returns the parameters that make the stack send alerts to all kinds of sinks."""
        return {
            "EventBusName": "default", "GuanceRoute": "dataway", "GuanceUrl": guance.url, "GuanceSecretArn": self.secret,
            "AllowPrivateEndpoint": "true", "RetentionDays": "8", "LearnHours": "4",
        }

    def change(self, template, **parameters):
        """Creates or updates the stack by a change set, waits for the end, and returns the outputs."""
        stacks = self.client("cloudformation")
        is_there = any(one["StackName"] == NAME for one in stacks.describe_stacks()["Stacks"])
        change = "update" if is_there else "create"
        self.changes += 1
        given = {"LogGroupNames": ",".join(GROUPS), "Topic": "create", "AlarmTopic": "create"} | parameters
        self.client("s3").put_object(Bucket="code", Key="template.yaml", Body=template.encode())
        stacks.create_change_set(
            StackName=NAME, ChangeSetName=f"{change}-{self.changes}", ChangeSetType=change.upper(),
            TemplateURL=f"{self.url}/code/template.yaml",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        )
        stacks.execute_change_set(StackName=NAME, ChangeSetName=f"{change}-{self.changes}")
        stack = settled(stacks, NAME, SECONDS)
        assert stack["StackStatus"] == f"{change.upper()}_COMPLETE", f"{stack['StackStatus']}: {stack.get('StackStatusReason')}"
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.table, self.bucket = outputs["TableName"], outputs["BucketName"]
        # The emulator speaks plain HTTP, which these policies refuse.
        self.client("s3").delete_bucket_policy(Bucket=self.bucket)
        topic = self.client("sns").get_topic_attributes(TopicArn=outputs["TopicArn"])["Attributes"]
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": outputs["TopicArn"]}
        policy = json.loads(topic["Policy"]) | {"Statement": [allow]}
        self.client("sns").set_topic_attributes(TopicArn=outputs["TopicArn"], AttributeName="Policy", AttributeValue=json.dumps(policy))
        return outputs

    def trust(self, called, guance):
        """Gives functions that run beside the emulator the environment of those in the stack, and the certificate of the workspace."""
        for role in ("ingest", "inspect", "deliver", "widget"):
            found = self.client("lambda").get_function_configuration(FunctionName=f"{NAME}-{role}")["Environment"]["Variables"]
            called.settings[f"{NAME}-{role}"] = found | {"GUANCE_CA_FILE": str(guance.ca_file)}

    def invoke(self, called, role, event):
        """Calls a function that runs beside the emulator, and returns its answer."""
        answer = called.invoke(FunctionName=f"{NAME}-{role}", Payload=json.dumps(event).encode())
        content = answer["Payload"].read()
        assert not answer.get("FunctionError"), f"{role} fails: {content.decode()}"
        return json.loads(content)

    def items(self):
        """Returns the items of the table in the order of their keys."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return sorted((one for page in pages for one in page["Items"]), key=lambda one: (one["pk"]["S"], one["sk"]["S"]))

    def table_lines(self):
        """Yields the items of the table as JSON, binary values in base64, as AWS writes them."""
        for item in self.items():
            yield {"item": {name: as_json(value) for name, value in item.items()}}

    def bucket_lines(self):
        """Yields the objects of the bucket as JSON, their content in base64."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        for key in sorted(one["Key"] for page in pages for one in page.get("Contents", [])):
            content = self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
            yield {"object": key, "content": base64.b64encode(content).decode()}

    def load(self, lines):
        """Writes the items and objects of lines that `table_lines` and `bucket_lines` made."""
        resource = [{"PutRequest": {"Item": {name: from_json(value) for name, value in line["item"].items()}}} for line in lines if "item" in line]
        for first in range(0, len(resource), 25):
            left = {self.table: resource[first : first + 25]}
            while left:
                left = self.client("dynamodb").batch_write_item(RequestItems=left)["UnprocessedItems"]
        for line in lines:
            if "object" in line:
                self.client("s3").put_object(Bucket=self.bucket, Key=line["object"], Body=base64.b64decode(line["content"]))

    def filters(self):
        """Returns the subscription filter of each log group, by group: name and destination. The pattern may be another one."""
        found = {}
        for group in GROUPS:
            (one,) = self.client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
            found[group] = (one["filterName"], one["destinationArn"])
        return found


def as_json(value):
    """Returns an attribute of DynamoDB with text in place of bytes; sets are sorted, because they have no order."""
    ((kind, of),) = value.items()
    if kind in ("B", "BS"):
        encode = lambda one: base64.b64encode(one).decode()
        of = encode(of) if kind == "B" else [encode(one) for one in of]
    return {kind: sorted(of) if kind.endswith("S") and kind != "S" else of}


def from_json(value):
    """Returns an attribute of DynamoDB with bytes in place of their text."""
    ((kind, of),) = value.items()
    if kind == "B":
        return {kind: base64.b64decode(of)}
    return {kind: [base64.b64decode(one) for one in of]} if kind == "BS" else value
