#!/usr/bin/env python3
"""Writes src/clusters/hidden_failures.tsv: calls that succeed as a whole and list their failures in the response.

The members of responses come from AWS's service models, in botocore from PyPI: `pip install botocore`. CloudTrail writes the
response of a call that changes something, and null for a call that only reads. So calls that read are left out.

Usage: hidden_failures.py
"""

import pathlib
import re
import sys

from error_codes import models

TABLE = pathlib.Path(__file__).parents[1] / "src/clusters/hidden_failures.tsv"

# First words of calls that read: their responses are not in CloudTrail.
READS = re.compile(
    r"(Batch)?(Analyze|Check|Classify|Describe|Detect|Estimate|Evaluate|Filter|Get|Is|List|Lookup|Predict|Preview|Query|Read"
    r"|Receive|Recognize|Resolve|Retrieve|Scan|Search|Select|Simulate|Test|Validate|View)(?![a-z])"
)
# Words in the names of members that list failures.
LISTS = re.compile(r"fail|error|unprocess|unsuccess|reject|invalid", re.IGNORECASE)
# Members that are a reason, a setting or a state, and not a list of what failed in this call.
NOT_LISTS = re.compile(r"failover|failureRe|reason|maxErr|tolerat|onFail|lastFail|errorLog|bisect|failedMediaResourceMap", re.IGNORECASE)
KINDS = {"list": "list", "map": "list", "integer": "count", "long": "count"}
# Calls whose member means something else: the state of what was created, the rest of a page, the content of an evaluation; and calls whose
# response CloudTrail does not record.
LEFT_OUT = {
    ("dataexchange", "CreateJob"),
    ("dynamodb", "BatchWriteItem"),
    ("geo-routes", "CalculateRouteMatrix"),
    ("glue", "CreateIntegration"),
    ("glue", "DeleteIntegration"),
    ("glue", "ModifyIntegration"),
    ("lambda", "CreateWebFunctionRevision"),
    ("partnercentral-account", "CancelProfileUpdateTask"),
    ("partnercentral-account", "StartProfileUpdateTask"),
    ("rds", "CreateIntegration"),
    ("rds", "DeleteIntegration"),
    ("rds", "ModifyIntegration"),
    ("redshift", "CreateIntegration"),
    ("redshift", "DeleteIntegration"),
    ("redshift", "ModifyIntegration"),
    ("rtbfabric", "AcceptLink"),
    ("rtbfabric", "CreateLink"),
    ("rtbfabric", "RejectLink"),
    ("s3", "DeleteObjects"),
    ("sagemaker", "RenderUiTemplate"),
    ("ssm", "UpdatePatchBaseline"),
}
# Calls that cannot be found in the models: a call that only reads, but whose response is recorded; and calls whose response has an
# HTTP status. Source of the latter: Amazon Bedrock AgentCore Developer Guide, "Understanding Amazon Bedrock AgentCore Gateway
# CloudTrail events".
MORE = [
    ("secretsmanager", "BatchGetSecretValue", "errors", "list", "errorCode,message"),
    ("bedrock-agentcore", "InvokeGateway", "statusCode", "status", ""),
    ("bedrock-agentcore", "InvokeAgentRuntime", "statusCode", "status", ""),
    ("bedrock-agentcore", "InvokeAgentRuntimeCommand", "statusCode", "status", ""),
    ("bedrock-agentcore", "StopRuntimeSession", "statusCode", "status", ""),
]
# Members of an entry that say what failed and why.
PARTS = re.compile(r"code$|message$|reason$|^accountId$", re.IGNORECASE)


def as_in_cloudtrail(name, member):
    """Returns the name of a member with a lower-case first letter, as CloudTrail writes most names."""
    name = member.get("locationName", name)
    return name[:1].lower() + name[1:]


def parts(model, entries):
    """Returns the names of the members of an entry that say what failed and why."""
    members = model["shapes"][entries["member"]["shape"]].get("members", {}) if "member" in entries else {}
    names = (as_in_cloudtrail(name, member) for name, member in members.items() if model["shapes"][member["shape"]]["type"] == "string")
    return ",".join(name for name in names if PARTS.search(name))


def rows():
    """Yields the service, the event, the member of the response, its kind, and the members of its entries."""
    yield from MORE
    for service, model in models():
        for event, operation in model["operations"].items():
            if READS.match(event) or (service, event) in LEFT_OUT or "output" not in operation:
                continue
            for name, member in model["shapes"][operation["output"]["shape"]].get("members", {}).items():
                shape = model["shapes"][member["shape"]]
                kind = KINDS.get(shape["type"])
                if kind and LISTS.search(name) and not NOT_LISTS.search(name):
                    yield service, event, as_in_cloudtrail(name, member), kind, parts(model, shape)


def main():
    import botocore

    found = sorted(set(rows()))
    head = (
        f"# Calls that succeed as a whole and list failures in their response, by AWS's service models, botocore {botocore.__version__}; "
        "made by infra/hidden_failures.py. Columns: service, event, member of the response, kind: list (it holds something), "
        "count (more than 0), status (400 or more); members of an entry that say what failed and why."
    )
    TABLE.write_text("\n".join([head, *("\t".join(row) for row in found)]) + "\n", encoding="utf-8")
    print(f"{len(found)} members of {len({row[:2] for row in found})} calls of {len({row[0] for row in found})} services")
    return 0


if __name__ == "__main__":
    sys.exit(main())
