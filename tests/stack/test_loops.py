"""Checks that loops use only constructs that CloudFormation supports, and that each reference resolves."""

import copy
import unittest

import loops
import references
from stack import TEMPLATE, Stack, parsed

SIGNS = "/org-1/trail_of.all#2"
ONE = [SIGNS]
TWO = [SIGNS, "aws-controltower/CloudTrailLogs"]
TWENTY = [f"/org/{name}-{n}/cloud_trail.logs#{n}" for n, name in enumerate("abcdefghijklmnopqrst")]

# Constructs in a loop over Item that are not in the table of loops.py, with a part of the complaint.
REFUSED = [
    ({"DependsOn": "A&{Item}"}, "'A&{Item}' is plain"),
    ({"DependsOn": ["A${Item}"]}, "'A${Item}' is plain"),
    ({"Condition": "Is${Item}"}, "'Is${Item}' is plain"),
    ({"Properties": {"Name": "x-${Item}"}}, "'x-${Item}' is plain"),
    ({"Properties": {"Name": {"Fn::Join": ["-", ["x", "&{Item}"]]}}}, "'&{Item}' is plain"),
    ({"Properties": {"Name": {"Fn::GetAtt": ["A${Item}", "Arn"]}}}, "'A${Item}' is plain"),
    ({"Properties": {"Name": {"Fn::Sub": "x-&{Item}"}}}, "which AWS does not replace"),
    ({"Properties": {"Name": {"Fn::Sub": "${A${Item}}"}}}, "within another name"),
    ({"Properties": {"Name": {"Fn::Sub": ["${Item}", {"Item": "other"}]}}}, "another meaning"),
    ({"Properties": {"Tags": {"Name${Item}": "x"}}}, "nested"),
]


def with_loop(made=None, item="Item", collection=("a", "b"), key="A${Item}"):
    """Returns a template with one loop."""
    collection = list(collection) if isinstance(collection, tuple) else collection
    return {
        "Parameters": {"Names": {"Type": "CommaDelimitedList"}, "Name": {"Type": "String"}},
        "Resources": {"Fn::ForEach::Loop": [item, collection, {key: {"Type": "AWS::SQS::Queue"} | (made or {})}]},
    }


class Loops(unittest.TestCase):
    def test_the_loops_of_the_template_use_only_known_constructs(self):
        self.assertEqual(list(loops.complaints(parsed(TEMPLATE))), [])

    def test_every_reference_resolves_for_any_log_groups(self):
        for names in (ONE, TWO, TWENTY):
            stack = Stack(LogGroupNames=",".join(names))
            unrolled = stack.unrolled()
            with self.subTest(len(names)):
                self.assertEqual(list(references.complaints(unrolled)), [])
                self.assertEqual(list(references.complaints(stack.plain)), [])
                filters = stack.of_type("AWS::Logs::SubscriptionFilter").values()
                self.assertEqual([one["Properties"]["LogGroupName"] for one in filters], [*names, "<DrillLogGroup>"])

    def test_filters_cannot_depend_on_permissions_of_a_loop(self):
        older = TEMPLATE.replace("        DependsOn: PermitSubscriptions", "        DependsOn: Permit&{Group}")
        self.assertNotEqual(older, TEMPLATE)
        (complaint,) = loops.complaints(parsed(older))
        self.assertIn("use !Sub, or in DependsOn a resource outside of loops", complaint)
        for names in (ONE, TWENTY):
            found = list(references.complaints(Stack(older, LogGroupNames=",".join(names)).unrolled()))
            self.assertEqual(len(found), len(names), found)
            self.assertIn("has DependsOn Permit&{Group}, which is not a resource", found[0])

    def test_each_kind_of_reference_is_checked(self):
        resource = lambda **made: {"Resources": {"A": {"Type": "AWS::SQS::Queue"} | made}, "Conditions": {"C": {"Fn::Equals": ["a", "a"]}}}
        for made, message in [
            ({"DependsOn": ["A", "B"]}, "DependsOn B"),
            ({"Condition": "D"}, "the condition D"),
            ({"Properties": {"Name": {"Ref": "B"}}}, "Ref B"),
            ({"Properties": {"Name": {"Fn::GetAtt": ["B", "Arn"]}}}, "Fn::GetAtt of B.Arn"),
            ({"Properties": {"Name": {"Fn::Sub": "x-${B}"}}}, "Fn::Sub of B"),
            ({"Properties": {"Name": {"Fn::Sub": "x-${B.Arn}"}}}, "Fn::Sub of B.Arn"),
            ({"Properties": {"Name": {"Fn::If": ["D", "x", "y"]}}}, "the condition D"),
            ({"Properties": {"Name": {"Fn::FindInMap": ["M", "x", "y"]}}}, "uses M"),
        ]:
            with self.subTest(made):
                (complaint,) = references.complaints(resource(**made))
                self.assertIn(message, complaint)
        right = {"Name": {"Fn::Sub": ["${A.Arn} ${A} ${AWS::Region} ${!B} ${x}", {"x": {"Fn::If": ["C", {"Ref": "A"}, "y"]}}]}}
        self.assertEqual(list(references.complaints(resource(Condition="C", Properties=right))), [])

    def test_unknown_constructs_are_refused_with_a_message(self):
        self.assertEqual(list(loops.complaints(with_loop())), [])
        for made, message in REFUSED:
            with self.subTest(made):
                (complaint,) = loops.complaints(with_loop(made))
                self.assertIn(message, complaint)
        for wrong, message in [
            ({"key": "Same"}, "has the key 'Same'"),
            ({"key": "A-${Item}"}, "has the key 'A-${Item}'"),
            ({"item": "Name", "key": "A${Name}"}, "use a unique name"),
            ({"collection": {"Ref": "Name"}}, "has the collection"),
            ({"collection": {"Fn::Split": [",", {"Ref": "Name"}]}}, "has the collection"),
            ({"collection": "a,b"}, "has the collection"),
            ({"collection": ({"Ref": "Name"},)}, "has the collection"),
        ]:
            with self.subTest(wrong):
                (complaint,) = loops.complaints(with_loop(**wrong))
                self.assertIn(message, complaint)
        for right in ({"Ref": "Names"}, {"Fn::FindInMap": ["Lists", "A", "Names"]}):
            self.assertEqual(list(loops.complaints(with_loop(collection=right))), [])

    def test_loops_must_be_directly_under_resources(self):
        loop = with_loop()["Resources"]
        for section, content in [("Outputs", loop), ("Conditions", loop), ("Mappings", {"Inner": loop})]:
            with self.subTest(section):
                self.assertTrue(any(section in one for one in loops.complaints(with_loop() | {section: content})))
        inner = copy.deepcopy(loop)
        inner["Fn::ForEach::Loop"][2]["Fn::ForEach::Inner"] = ["Other", ["x"], {"B${Other}": {}}]
        self.assertTrue(any("Inner" in one for one in loops.complaints(with_loop() | {"Resources": inner})))

    def test_log_groups_must_differ_in_letters_or_digits(self):
        with self.assertRaisesRegex(ValueError, "two resources have the name Subscribeapplogs; the letters and digits of each Group"):
            Stack(LogGroupNames="app-logs,applogs")


if __name__ == "__main__":
    unittest.main()
