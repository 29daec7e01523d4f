"""Runs the policy linter on the policies of a stack, with example names in place of the names that AWS generates.

parliament knows all actions with their resources and conditions, as of its release. Actions that it does not know are
looked up in policy_sentry, whose data is newer.
"""

import json
import re

from parliament import analyze_policy_string
from policy_sentry.querying.actions import get_action_data

# Examples of generated names by resource type and attribute; {name} is the name in the template.
NAMES = {
    "AWS::DynamoDB::Table": {"Arn": "arn:{partition}:dynamodb:{region}:111122223333:table/watch-{name}-1A2B3C4D"},
    "AWS::IAM::Role": {"Arn": "arn:{partition}:iam::111122223333:role/watch-{name}-1A2B3C4D"},
    "AWS::Kinesis::Stream": {"Arn": "arn:{partition}:kinesis:{region}:111122223333:stream/watch-{name}-1A2B3C4D"},
    "AWS::Lambda::Function": {"Arn": "arn:{partition}:lambda:{region}:111122223333:function:watch-{name}"},
    "AWS::Logs::LogGroup": {"Arn": "arn:{partition}:logs:{region}:111122223333:log-group:/aws/lambda/watch-{name}:*"},
    "AWS::S3::Bucket": {"Arn": "arn:{partition}:s3:::watch-bucket-1a2b3c4d"},
    "AWS::SNS::Topic": {"": "arn:{partition}:sns:{region}:111122223333:watch-{name}-1A2B3C4D"},
    "AWS::SQS::Queue": {"Arn": "arn:{partition}:sqs:{region}:111122223333:watch-{name}-1A2B3C4D"},
}


def documents(stack):
    """Yields resource name and policy of each policy. Trust policies of roles are left out; cfn-lint checks them."""
    for name, made in stack.resources.items():
        properties = made["Properties"]
        found = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        found += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in found:
            yield name, filled_in(stack, document)


def filled_in(stack, document):
    """Returns a policy with example names; KeyError for a resource type that is not in NAMES."""

    def example(found):
        name, _, attribute = found.group(1).partition(".")
        form = NAMES[stack.resources[name]["Type"]][attribute]
        partition, region, _ = stack.place
        return form.format(partition=partition, region=region, name=name)

    return json.loads(re.sub(r"<([A-Za-z0-9.]+)>", example, json.dumps(document)))


def findings(document):
    """Yields rule and text of each finding of the linter."""
    for found in analyze_policy_string(json.dumps(document)).findings:
        if found.issue == "UNKNOWN_ACTION" and _is_known_to_policy_sentry(found.location["string"]):
            continue
        yield found.issue, f"{found.detail} {found.location}"


def _is_known_to_policy_sentry(action):
    service, _, name = action.partition(":")
    return bool(get_action_data(service, name))
