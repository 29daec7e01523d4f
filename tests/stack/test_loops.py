"""The template by the rules of AWS alone: each construct in a loop is known, and each name is the name of something."""

import copy
import unittest

import loops
import references
from stack import TEMPLATE, Stack, parsed

SIGNS = "/org-1/trail_of.all#2"
ONE = [SIGNS]
TWO = [SIGNS, "aws-controltower/CloudTrailLogs"]
TWENTY = [f"/org/{name}-{n}/cloud_trail.logs#{n}" for n, name in enumerate("abcdefghijklmnopqrst")]

# A construct in a loop over Item that is in no line of the table, and what the sentence about it names.
REFUSED = [
    ({"DependsOn": "A&{Item}"}, "'A&{Item}' is plain"),
    ({"DependsOn": ["A${Item}"]}, "'A${Item}' is plain"),
    ({"Condition": "Is${Item}"}, "'Is${Item}' is plain"),
    ({"Properties": {"Name": "x-${Item}"}}, "'x-${Item}' is plain"),
    ({"Properties": {"Name": {"Fn::Join": ["-", ["x", "&{Item}"]]}}}, "'&{Item}' is plain"),
    ({"Properties": {"Name": {"Fn::GetAtt": ["A${Item}", "Arn"]}}}, "'A${Item}' is plain"),
    ({"Properties": {"Name": {"Fn::Sub": "x-&{Item}"}}}, "which AWS leaves as it is"),
    ({"Properties": {"Name": {"Fn::Sub": "${A${Item}}"}}}, "inside of another name"),
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
    def test_the_template_has_nothing_in_its_loops_but_what_was_measured(self):
        self.assertEqual(list(loops.complaints(parsed(TEMPLATE))), [])

    def test_every_name_is_the_name_of_something_for_any_log_groups(self):
        for names in (ONE, TWO, TWENTY):
            stack = Stack(LogGroupNames=",".join(names))
            unrolled = stack.unrolled()
            with self.subTest(len(names)):
                self.assertEqual(list(references.complaints(unrolled)), [])
                self.assertEqual(list(references.complaints(stack.plain)), [])
                filters = stack.of_type("AWS::Logs::SubscriptionFilter").values()
                self.assertEqual([one["Properties"]["LogGroupName"] for one in filters], names)

    def test_a_permission_for_each_log_group_cannot_be_waited_for(self):
        yesterday = TEMPLATE.replace("DependsOn: PermitSubscriptions", "DependsOn: Permit&{Group}")
        self.assertNotEqual(yesterday, TEMPLATE)
        (complaint,) = loops.complaints(parsed(yesterday))
        self.assertIn("use !Sub, or in DependsOn a resource outside of loops", complaint)
        for names in (ONE, TWENTY):
            found = list(references.complaints(Stack(yesterday, LogGroupNames=",".join(names)).unrolled()))
            self.assertEqual(len(found), len(names), found)
            self.assertIn("has DependsOn Permit&{Group}, which is no resource", found[0])

    def test_each_kind_of_name_is_looked_at(self):
        resource = lambda **made: {"Resources": {"A": {"Type": "AWS::SQS::Queue"} | made}, "Conditions": {"C": {"Fn::Equals": ["a", "a"]}}}
        for made, says in [
            ({"DependsOn": ["A", "B"]}, "DependsOn B"),
            ({"Condition": "D"}, "the condition D"),
            ({"Properties": {"Name": {"Ref": "B"}}}, "Ref B"),
            ({"Properties": {"Name": {"Fn::GetAtt": ["B", "Arn"]}}}, "Fn::GetAtt of B.Arn"),
            ({"Properties": {"Name": {"Fn::Sub": "x-${B}"}}}, "Fn::Sub of B"),
            ({"Properties": {"Name": {"Fn::Sub": "x-${B.Arn}"}}}, "Fn::Sub of B.Arn"),
            ({"Properties": {"Name": {"Fn::If": ["D", "x", "y"]}}}, "the condition D"),
            ({"Properties": {"Name": {"Fn::FindInMap": ["M", "x", "y"]}}}, "looks into M"),
        ]:
            with self.subTest(made):
                (complaint,) = references.complaints(resource(**made))
                self.assertIn(says, complaint)
        right = {"Name": {"Fn::Sub": ["${A.Arn} ${A} ${AWS::Region} ${!B} ${x}", {"x": {"Fn::If": ["C", {"Ref": "A"}, "y"]}}]}}
        self.assertEqual(list(references.complaints(resource(Condition="C", Properties=right))), [])

    def test_what_nobody_has_measured_is_refused_with_a_sentence(self):
        self.assertEqual(list(loops.complaints(with_loop())), [])
        for made, says in REFUSED:
            with self.subTest(made):
                (complaint,) = loops.complaints(with_loop(made))
                self.assertIn(says, complaint)
        for wrong, says in [
            ({"key": "Same"}, "makes 'Same'"),
            ({"key": "A-${Item}"}, "makes 'A-${Item}'"),
            ({"item": "Name", "key": "A${Name}"}, "that nothing else has"),
            ({"collection": {"Ref": "Name"}}, "goes over"),
            ({"collection": {"Fn::Split": [",", {"Ref": "Name"}]}}, "goes over"),
            ({"collection": "a,b"}, "goes over"),
            ({"collection": ({"Ref": "Name"},)}, "goes over"),
        ]:
            with self.subTest(wrong):
                (complaint,) = loops.complaints(with_loop(**wrong))
                self.assertIn(says, complaint)
        for right in ({"Ref": "Names"}, {"Fn::FindInMap": ["Lists", "A", "Names"]}):
            self.assertEqual(list(loops.complaints(with_loop(collection=right))), [])

    def test_loops_are_directly_among_the_resources(self):
        loop = with_loop()["Resources"]
        for section, content in [("Outputs", loop), ("Conditions", loop), ("Mappings", {"Inner": loop})]:
            with self.subTest(section):
                self.assertTrue(any(section in one for one in loops.complaints(with_loop() | {section: content})))
        inner = copy.deepcopy(loop)
        inner["Fn::ForEach::Loop"][2]["Fn::ForEach::Inner"] = ["Other", ["x"], {"B${Other}": {}}]
        self.assertTrue(any("Inner" in one for one in loops.complaints(with_loop() | {"Resources": inner})))

    def test_log_groups_that_differ_by_signs_alone_have_one_name(self):
        with self.assertRaisesRegex(ValueError, "two resources are called Subscribeapplogs; of Group each value needs letters"):
            Stack(LogGroupNames="app-logs,applogs")


if __name__ == "__main__":
    unittest.main()
