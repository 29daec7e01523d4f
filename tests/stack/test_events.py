"""Checks that the schemas in docs/events are valid, and that the samples match them exactly."""

import json
import unittest

from jsonschema import Draft202012Validator
from stack import ROOT

EVENTS = ROOT / "docs" / "events"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def closed(schema):
    """Returns a schema that refuses additional fields."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {name: closed(of) for name, of in schema.items()} | more


def objects(value):
    """Returns all objects within a value."""
    if isinstance(value, list):
        return [found for item in value for found in objects(item)]
    if not isinstance(value, dict):
        return []
    return [value] + [found for item in value.values() for found in objects(item)]


def each():
    """Yields each kind of event, its schema without additional fields, and its sample."""
    for path in sorted(EVENTS.glob("*.json")):
        yield path.stem, Draft202012Validator(closed(read(path))), read(EVENTS / "samples" / path.name)


class Events(unittest.TestCase):
    def test_each_schema_is_valid(self):
        kinds = sorted(EVENTS.glob("*.json"))
        self.assertEqual(len(kinds), 15)
        for path in kinds:
            with self.subTest(path.stem):
                Draft202012Validator.check_schema(read(path))

    def test_each_sample_matches_its_schema(self):
        for kind, validator, sample in each():
            with self.subTest(kind):
                self.assertEqual([error.message for error in validator.iter_errors(sample)], [])

    def test_no_field_can_be_left_out_or_added(self):
        for kind, validator, sample in each():
            # untrusted_detail has several forms, and some of its fields are optional. Each event has other dimensions.
            free = ("untrusted_detail", "untrusted_dimensions")
            promised = [value for name, value in sample.items() if name not in free]
            for found in [sample, *objects(promised)]:
                with self.subTest(kind, found=found):
                    for name, value in list(found.items()):
                        del found[name]
                        self.assertFalse(validator.is_valid(sample), name)
                        found[name] = value
                    found["more"] = 1
                    self.assertFalse(validator.is_valid(sample))
                    del found["more"]
