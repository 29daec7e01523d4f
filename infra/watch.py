#!/usr/bin/env python3
"""Compares watch.toml and ledger.toml in src/clusters/watch with AWS's service models, and prints what does not agree.

Each call has to be an operation of its service, and the first key of each path below requestParameters has to be a member of its
input. CloudTrail writes names of members with a lower-case letter, so upper and lower case are not compared. Some calls and parameters
are in no model; a person decided on them, with the source below.
It needs botocore: `pip install botocore`. Its version is in the head of watch.toml.

Usage: watch.py
Exit codes: 0 all agree; 1 something does not
"""

import collections
import pathlib
import sys
import tomllib

import botocore.loaders
import botocore.model

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src" / "clusters" / "watch"
TABLES = ("watch.toml", "ledger.toml")

# Services whose event source is no endpoint, no signing name and no name of a model. Source: CloudTrail User Guide, "CloudTrail
# supported services and integrations".
MODELS = {
    "es": ["es", "opensearch"],
    "ec2-instance-connect": ["ec2-instance-connect"],
    "monitoring": ["cloudwatch"],
    "s3": ["s3", "s3control"],
    "s3-outposts": ["s3control"],
    "s3express": ["s3"],
    "sso": ["sso-admin"],
}
# Calls in no model. Sources: CloudTrail User Guide, "AWS Management Console sign-in events"; IAM Identity Center User Guide,
# "Logging IAM Identity Center API calls with AWS CloudTrail"; EC2 User Guide, "Monitor shared snapshots"; S3 User Guide, "Amazon S3
# CloudTrail events"; EC2 User Guide, "EC2 Instance Connect Endpoint"; Bedrock User Guide, "Request access to models"; Secrets Manager
# User Guide, "AWS Secrets Manager information in CloudTrail".
OTHER_CALLS = {
    "bedrock": {"PutFoundationModelEntitlement"},
    "ec2": {"SharedSnapshotCopyInitiated", "SharedSnapshotVolumeCreated"},
    "ec2-instance-connect": {"OpenTunnel"},
    "s3": {"PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock", "PutAccountPublicAccessBlock", "DeleteAccountPublicAccessBlock"},
    "secretsmanager": {"EndSecretVersionDelete"},
    "signin": {"ConsoleLogin", "EmailUpdated", "PasswordRecoveryCompleted", "PasswordRecoveryRequested", "PasswordUpdated"},
    "sso-directory": {
        "AddMemberToGroup", "CreateExternalIdPConfigurationForDirectory", "CreateUser", "DeleteMfaDeviceForUser",
        "EnableExternalIdPConfigurationForDirectory", "UpdateExternalIdPConfigurationForDirectory", "UpdatePassword",
    },
}  # fmt: skip
# Parameters that CloudTrail calls otherwise than the model, seen in public records. EC2 writes some requests as one element.
OTHER_KEYS = {
    "s3": {"bucketname", "accesscontrollist", "bucketpolicy", "x-amz-acl", "bucketloggingstatus", "lifecycleconfiguration"},
    "ec2": {"attributetype", "exporttos3", "instancesset"},
    "eks": {"name"},
    "glacier": {"policy"},
}


def models():
    """Returns the operations by the event source of their service: the members of their input, in lower case."""
    loader = botocore.loaders.Loader()
    by_source = collections.defaultdict(dict)
    for name in loader.list_available_services("service-2"):
        model = botocore.model.ServiceModel(loader.load_service_model(name, "service-2"), name)
        sources = {source for source, names in MODELS.items() if name in names}
        sources |= {name, model.endpoint_prefix, model.signing_name, model.endpoint_prefix.removeprefix("api.")} - set(MODELS)
        for operation in model.operation_names:
            shape = model.operation_model(operation).input_shape
            members = {member.lower() for member in shape.members} if shape else set()
            for source in sources:
                by_source[source].setdefault(operation, set()).update(members)
    return by_source


def paths_of(row):
    """Yields the paths of a row."""
    values = [row.get(key, []) for key in ("target", "policies", "resource_policies", "grantees", "switches", "without")]
    for value in [*values, *row.get("parameters", {}).values()]:
        yield from [value] if isinstance(value, str) else value


def complaints(table, by_source):
    """Yields a sentence for each call and each path that is in no model."""
    for row in table["watch"]:
        keys = set()
        for call in row["calls"]:
            service, _, operation = call.partition(":")
            keys |= by_source[service].get(operation, set()) | OTHER_KEYS.get(service, set()) | {f"{operation}Request".lower()}
            if operation not in by_source[service] and operation not in OTHER_CALLS.get(service, ()):
                yield f"{row['name']}: {call} is no operation"
        if any(call.partition(":")[2] in OTHER_CALLS.get(call.partition(":")[0], ()) for call in row["calls"]):
            continue
        for path in paths_of(row):
            field, _, rest = path.partition(".")
            key = rest.partition(".")[0].lower()
            if field == "requestParameters" and key not in keys and not key.startswith("x-amz-"):
                yield f"{row['name']}: {path} is no parameter of its calls"


def main():
    by_source = models()
    tables = [tomllib.loads((FOLDER / name).read_text(encoding="utf-8")) for name in TABLES]
    found = [complaint for table in tables for complaint in complaints(table, by_source)]
    print("\n".join(found) or "all calls and parameters agree with the models")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
