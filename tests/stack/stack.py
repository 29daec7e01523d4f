"""Resolves the template as CloudFormation does before it creates resources.

loops.py unrolls the loops, but only where CloudFormation does: the SAM CLI replaces the item of a loop in more places.
SAM's own translator expands the functions. References to parameters, conditions and names are resolved here. So the tests
check the deployed resources, not only the text of the template.
"""

import copy
import functools
import logging
import pathlib
import re
from unittest import mock

import boto3
import loops
import yaml
from samcli import yamlhelper
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")

# Examples of places for a stack: partition, region and domain suffix of its services.
PLACES = [
    ("aws", "eu-central-1", "amazonaws.com"),
    ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
    ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
    ("aws-iso", "us-iso-east-1", "c2s.ic.gov"),
]
NOTHING = {"Ref": "AWS::NoValue"}

# The translator warns for each template that its metrics are not collected.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)


class Stack:
    """The resources and outputs of a template with these parameters in one place."""

    def __init__(self, text=TEMPLATE, place=PLACES[0], **parameters):
        self.text = text
        self.source = parsed(text)
        self.place = place
        partition, region, suffix = place
        values = {name: str(how.get("Default", "")) for name, how in self.source["Parameters"].items()}
        # The default of LogGroupNames is refused by a rule; the other parameters keep their defaults.
        values |= {"LogGroupNames": "trail"} if "LogGroupNames" in values else {}
        self.values = values | {
            "AWS::AccountId": "111122223333",
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackName": "watch",
            "AWS::URLSuffix": suffix,
        }
        self.values.update(parameters)
        self.plain = self.transformed()
        self.resources = {
            name: self.resolved(made)
            for name, made in self.plain["Resources"].items()
            if self.holds(made.get("Condition"))
        }
        self.outputs = {
            name: self.resolved(made["Value"])
            for name, made in self.plain["Outputs"].items()
            if self.holds(made.get("Condition"))
        }

    def transformed(self):
        unrolled = self.unrolled()
        for made in unrolled["Resources"].values():
            if made["Type"] == "AWS::Serverless::Function":
                made["Properties"]["CodeUri"] = "s3://bucket/code"
        region = self.place[1]
        with mock.patch.dict("os.environ", {"AWS_DEFAULT_REGION": region}):
            translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
            return translator.translate(unrolled, self.values)

    def unrolled(self):
        """Returns the template without its loops."""
        resources = {}
        for name, made in self.source["Resources"].items():
            if name.startswith(loops.LOOP):
                item, values, body = made
                made = loops.of_loop(item, self.resolved(values), body)
            else:
                made = {name: made}
            resources |= made
        return copy.deepcopy({**self.source, "Resources": resources})

    def items(self):
        """Returns the item names of the loops."""
        return [made[0] for name, made in self.source["Resources"].items() if name.startswith(loops.LOOP)]

    def of_type(self, kind):
        """Returns the resources of a type, by name."""
        return {name: made for name, made in self.resources.items() if made["Type"] == kind}

    def properties(self, name):
        """Returns the properties of one resource."""
        return self.resources[name]["Properties"]

    def statements(self):
        """Returns the statements of all roles, with their actions and resources as lists."""
        policies = [made["Properties"] for made in self.of_type("AWS::IAM::Policy").values()]
        for role in self.of_type("AWS::IAM::Role").values():
            policies.extend(role["Properties"].get("Policies", []))
        return [listed(statement) for policy in policies for statement in policy["PolicyDocument"]["Statement"]]

    def refusals(self):
        """Returns the messages of the template's rules that are violated; CloudFormation would refuse to deploy."""
        return [
            assertion["AssertDescription"]
            for rule in self.source.get("Rules", {}).values()
            if self.truth(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
            for assertion in rule["Assertions"]
            if not self.truth(assertion["Assert"])
        ]

    def holds(self, condition):
        return condition is None or self.truth(self.plain.get("Conditions", {})[condition])

    def truth(self, condition):
        ((how, of),) = condition.items()
        if how == "Condition":
            return self.holds(of)
        if how == "Fn::Equals":
            return self.resolved(of[0]) == self.resolved(of[1])
        if how == "Fn::Contains":
            return self.resolved(of[1]) in self.resolved(of[0])
        if how == "Fn::Not":
            return not self.truth(of[0])
        if how in ("Fn::And", "Fn::Or"):
            return (all if how == "Fn::And" else any)(self.truth(one) for one in of)
        raise ValueError(f"the tests do not support the condition {how}; add it to Stack.truth")

    def resolved(self, value):
        """Returns a value with its functions resolved; names that only AWS knows are written as <Name> or <Name.Attribute>."""
        if isinstance(value, list):
            return [self.resolved(one) for one in value if not self.is_nothing(one)]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((how, of),) = value.items()
            if how in ("Ref", "Condition") or how.startswith("Fn::"):
                return self.function_result(how, of)
        return {name: self.resolved(one) for name, one in value.items() if not self.is_nothing(one)}

    def is_nothing(self, value):
        """Returns whether a value resolves to AWS::NoValue, which removes its key or list item."""
        if isinstance(value, dict) and list(value) == ["Fn::If"]:
            condition, yes, no = value["Fn::If"]
            return self.is_nothing(yes if self.holds(condition) else no)
        return value == NOTHING

    def function_result(self, how, of):
        if how == "Ref":
            is_list = self.source["Parameters"].get(of, {}).get("Type") == "CommaDelimitedList"
            return self.values[of].split(",") if is_list else self.values.get(of, f"<{of}>")
        if how == "Condition":
            return of
        if how == "Fn::GetAtt":
            return f"<{of if isinstance(of, str) else '.'.join(of)}>"
        if how == "Fn::If":
            condition, yes, no = of
            return self.resolved(yes if self.holds(condition) else no)
        if how == "Fn::Join":
            return of[0].join(self.resolved(of[1]))
        if how == "Fn::Select":
            return self.resolved(of[1])[int(of[0])]
        if how == "Fn::Split":
            return self.resolved(of[1]).split(of[0])
        if how == "Fn::FindInMap":
            table, row, column, *otherwise = (self.resolved(one) for one in of)
            found = self.source["Mappings"][table].get(row, {}).get(column)
            return otherwise[0]["DefaultValue"] if found is None and otherwise else self.source["Mappings"][table][row][column]
        if how == "Fn::Sub":
            text, names = (of, {}) if isinstance(of, str) else of
            names = self.resolved(names)
            # ${!Name} becomes the literal ${Name}, which CloudWatch replaces.
            replaced = lambda name: f"${{{name[1:]}}}" if name[0] == "!" else names.get(name, self.values.get(name, f"<{name}>"))
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(replaced(found.group(1))), text)
        raise ValueError(f"the tests do not support {how}; add it to Stack.function_result")


class Reader(yaml.CSafeLoader):
    """Parses YAML like the SAM CLI, but ten times faster."""


Reader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, yamlhelper._dict_constructor)
Reader.add_constructor(yamlhelper.TIMESTAMP_TAG, yaml.SafeLoader.construct_yaml_str)
Reader.add_multi_constructor("!", yamlhelper.intrinsics_multi_constructor)


@functools.lru_cache(maxsize=1)
def parsed(text):
    """Returns a parsed template. Cached, because most tests use the same text; callers must not change the result."""
    return yaml.load(text, Reader)


def listed(statement):
    """Returns a statement whose actions and resources are lists."""
    as_list = lambda one: one if isinstance(one, list) else [one]
    return statement | {name: as_list(statement[name]) for name in ("Action", "Resource") if name in statement}
