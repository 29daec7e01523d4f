"""What the policy linter finds in the policies of a stack, whose names are filled in as AWS would give them.

parliament knows which actions exist, which resources and conditions each takes. Its data is of its release; an action that
it does not know is looked up in policy_sentry, whose data is newer.
"""

import json
import re

from parliament import analyze_policy_string
from policy_sentry.querying.actions import get_action_data

# What comes in the place of a name that only AWS can tell, by the type of the resource; {name} is the name in the template.
NAMES = {
    "AWS::DynamoDB::Table": {"Arn": "arn:{partition}:dynamodb:{region}:111122223333:table/watch-{name}-1A2B3C4D"},
    "AWS::IAM::Role": {"Arn": "arn:{partition}:iam::111122223333:role/watch-{name}-1A2B3C4D"},
    "AWS::Lambda::Function": {"Arn": "arn:{partition}:lambda:{region}:111122223333:function:watch-{name}"},
    "AWS::Logs::LogGroup": {"Arn": "arn:{partition}:logs:{region}:111122223333:log-group:/aws/lambda/watch-{name}:*"},
    "AWS::S3::Bucket": {"Arn": "arn:{partition}:s3:::watch-bucket-1a2b3c4d"},
    "AWS::SNS::Topic": {"": "arn:{partition}:sns:{region}:111122223333:watch-{name}-1A2B3C4D"},
    "AWS::SQS::Queue": {"Arn": "arn:{partition}:sqs:{region}:111122223333:watch-{name}-1A2B3C4D"},
}


def documents(stack):
    """Yields the name of each resource that has policies, and the policies; who may take a role is for cfn-lint."""
    for name, made in stack.resources.items():
        properties = made["Properties"]
        found = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        found += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in found:
            yield name, filled_in(stack, document)


def filled_in(stack, document):
    """Returns a policy with names of the form that AWS gives; one that is not known here is an error."""

    def told(found):
        name, _, attribute = found.group(1).partition(".")
        form = NAMES[stack.resources[name]["Type"]][attribute]
        partition, region, _ = stack.place
        return form.format(partition=partition, region=region, name=name)

    return json.loads(re.sub(r"<([A-Za-z0-9.]+)>", told, json.dumps(document)))


def findings(document):
    """Yields the rule and the text of each finding."""
    for found in analyze_policy_string(json.dumps(document)).findings:
        if found.issue == "UNKNOWN_ACTION" and _is_known_elsewhere(found.location["string"]):
            continue
        yield found.issue, f"{found.detail} {found.location}"


def _is_known_elsewhere(action):
    service, _, name = action.partition(":")
    return bool(get_action_data(service, name))
