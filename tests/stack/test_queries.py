"""Checks that the queries find the right records, and use only fields that CloudTrail records have.

This module interprets the part of the Logs Insights language that the queries use, and fails on anything else. The Athena
version of each query, run by DuckDB, must return the same result.
"""

import gzip
import json
import os
import pathlib
import re
import sys
import unittest

import boto3

import athena
from stack import PLACES, ROOT, Stack

FIXTURES = ROOT / "tests" / "fixtures" / "records"
TOKEN = re.compile(r"'[^']*'|/[^/]*/|[()=]|[\w.@]+|\S")


STACK = Stack(AthenaTrailLocation="s3://bucket/AWSLogs/")
ARCHIVE = Stack(ArchiveDays="400")
CORPUS = pathlib.Path(os.environ.get("CLOUDTRAIL_CORPUS") or ROOT.parent / "shared" / "cloudtrail")


def lines(name):
    """Returns the commands of a saved query, each as verb and arguments."""
    text = STACK.properties(f"{name}Query")["QueryString"]
    return [line.removeprefix("| ").split(" ", 1) for line in text.split("\n")]


def value(record, field):
    """Returns the value at a dotted path of a record; None if it is missing or null, as in Logs Insights."""
    for part in field.split("."):
        record = record.get(part) if isinstance(record, dict) else None
    return record


class Filter:
    """A parser and evaluator of filter conditions: or, and, not, parentheses, ispresent, = and like."""

    def __init__(self, text, record):
        self.tokens, self.record = TOKEN.findall(text), record

    def holds(self):
        found = self.either()
        assert not self.tokens, f"not read: {self.tokens}"
        return found

    def either(self):
        found = self.both()
        while self.tokens[:1] == ["or"]:
            self.tokens.pop(0)
            found = self.both() or found
        return found

    def both(self):
        found = self.one()
        while self.tokens[:1] == ["and"]:
            self.tokens.pop(0)
            found = self.one() and found
        return found

    def one(self):
        token = self.tokens.pop(0)
        if token == "not":
            return not self.one()
        if token == "(":
            found = self.either()
            assert self.tokens.pop(0) == ")"
            return found
        if token == "ispresent":
            assert (self.tokens.pop(0), self.tokens.pop(1)) == ("(", ")")
            return value(self.record, self.tokens.pop(0)) is not None
        here, how, wanted = value(self.record, token), self.tokens.pop(0), self.tokens.pop(0)
        if how == "=":
            return here == wanted.strip("'")
        assert how == "like", how
        return isinstance(here, str) and re.search(wanted.strip("/"), here) is not None


def answer(name, records):
    """Returns the number of occurrences of each key in the rows of a Logs Insights query, in the order of the records."""
    found = {}
    for record in records:
        record = json.loads(json.dumps(record))
        for verb, rest in lines(name):
            if verb == "filter":
                if not Filter(rest, record).holds():
                    break
            elif verb == "parse":
                field, pattern = rest.split(" ", 1)
                match = re.search(pattern.strip("/").replace("(?<", "(?P<"), value(record, field) or "")
                record |= match.groupdict() if match else {}
            elif verb == "fields":
                fields, alias = re.fullmatch(r"coalesce\((.*)\) as (\w+)", rest).groups()
                record[alias] = next((one for one in (value(record, field) for field in fields.split(", ")) if one is not None), None)
            elif verb in ("stats", "display"):
                row = tuple(value(record, field) for field in rest.split(" by ")[-1].split(", ") if field != "@timestamp")
                found[row] = found.get(row, 0) + 1
            else:
                assert verb in ("sort", "limit"), verb
    return found


def named(name):
    """Returns the record fields of a query: all words that are neither keywords nor names that the query defines."""
    found, own = set(), {"@timestamp"}
    for verb, rest in lines(name):
        own |= set(re.findall(r" as (\w+)", rest)) | set(re.findall(r"\?<(\w+)>", rest))
        words = re.findall(r"@?[A-Za-z][\w.]*", re.sub(r"'[^']*'|/[^/]*/", " ", rest))
        found |= set(words) - {"and", "or", "not", "like", "as", "by", "desc", "ispresent", "coalesce", "count", "count_distinct", "max", "min"}
    return found - own


def limit(name):
    return next(int(rest) for verb, rest in lines(name) if verb == "limit")


def paths(record, before=""):
    """Returns the dotted paths of all fields of a record."""
    found = set()
    for key, inner in record.items():
        found |= {f"{before}{key}"} | (paths(inner, f"{before}{key}.") if isinstance(inner, dict) else set())
    return found


def record(event_name, source="ec2", **fields):
    user = {"type": "IAMUser", "userName": "mia", "arn": "arn:aws:iam::111122223333:user/mia", "principalId": "AIDAEXAMPLE"}
    return {
        "eventSource": f"{source}.amazonaws.com", "eventName": event_name, "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.7", "recipientAccountId": "111122223333", "userIdentity": user,
    } | fields


def sign_in(went, **fields):
    used = {"MFAUsed": "Yes", "MobileVersion": "No"}
    return record("ConsoleLogin", "signin", responseElements={"ConsoleLogin": went}, additionalEventData=used) | fields


CREATED = {"user": {"userName": "omar", "arn": "arn:aws:iam::111122223333:user/omar"}}
ROLE = {
    "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/i-0abc", "invokedBy": "ec2.amazonaws.com",
    "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/app"}},
}
DENIED = "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: iam:ListUsers on resource: *"


class Queries(unittest.TestCase):
    def find(self, name, records, expected):
        self.assertEqual(answer(name, records), expected, "Logs Insights")
        self.assertEqual(athena.Trail(STACK, records).answer(name), expected, "Athena")

    def test_failed_sign_ins_have_address_reason_region_arn_and_mfa(self):
        unknown = {"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}
        records = [
            sign_in("Success"),
            sign_in("Failure", errorMessage="Failed authentication"),
            sign_in("Failure", errorMessage="Failed authentication"),
            sign_in("Failure", userIdentity=unknown, awsRegion="us-east-1"),
            record("GetObject", "s3", errorMessage="Failed authentication"),
        ]
        self.find("FailedSignIns", records, {
            ("192.0.2.7", "Failed authentication", "eu-central-1", "arn:aws:iam::111122223333:user/mia", "Yes"): 2,
            ("192.0.2.7", None, "us-east-1", "HIDDEN_DUE_TO_SECURITY_REASONS", "Yes"): 1,
        })

    def test_new_users_are_created_users_of_iam(self):
        records = [
            record("CreateUser", "iam", responseElements=CREATED),
            record("CreateUser", "iam", responseElements=None, errorCode="EntityAlreadyExistsException"),
            record("CreateUser", "identitystore", responseElements=CREATED),
            record("GetUser", "iam"),
        ]
        arn = "arn:aws:iam::111122223333:user/"
        self.find("NewUsers", records, {("eu-central-1", "omar", f"{arn}omar", f"{arn}mia", "192.0.2.7"): 1})

    def test_top_errors_are_grouped_by_event_code_and_message(self):
        records = [
            record("ListUsers", "iam", errorCode="AccessDenied", errorMessage=DENIED),
            record("ListUsers", "iam", errorCode="AccessDenied", errorMessage=DENIED.replace("mia", "omar")),
            record("GetRole", "iam", errorCode="NoSuchEntityException", errorMessage="The role with name a-1 cannot be found."),
            record("GetThing", errorMessage="Rate exceeded"),
            record("GetThing", errorCode="InternalFailure"),
            record("GetThing"),
        ]
        self.find("TopErrors", records, {
            ("iam.amazonaws.com", "ListUsers", "AccessDenied", "not authorized to perform: iam:ListUsers"): 2,
            ("iam.amazonaws.com", "GetRole", "NoSuchEntityException", "The role with name a-"): 1,
            ("ec2.amazonaws.com", "GetThing", None, "Rate exceeded"): 1,
            ("ec2.amazonaws.com", "GetThing", "InternalFailure", None): 1,
        })

    def test_refusals_of_sessions_are_grouped_by_role(self):
        records = [
            record("GetObject", "s3", errorCode="AccessDenied"),
            record("RunInstances", errorCode="Client.UnauthorizedOperation", userIdentity=ROLE),
            record("StopInstances", errorCode="UnauthorizedOperation", userIdentity=ROLE | {"arn": "arn:aws:sts::111122223333:assumed-role/app/x"}),
            record("RunInstances", errorCode="InsufficientInstanceCapacity"),
            record("RunInstances"),
        ]
        self.find("Refusals", records, {
            ("arn:aws:iam::111122223333:user/mia", "111122223333"): 1,
            ("arn:aws:iam::111122223333:role/app", "111122223333"): 2,
        })

    def test_the_archive_counts_each_event_once(self):
        # A line as src/records/redact.rs writes it; its fields are the columns of the table.
        identity = {"accountId": "111122223333", "arn": "arn:aws:sts::111122223333:assumed-role/app/i", "type": "AssumedRole"}
        identity |= {"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/app"}}}
        sample = {
            "awsRegion": "eu-central-1", "errorCode": "AccessDenied", "errorMessage": DENIED, "eventName": "ListUsers",
            "eventSource": "iam.amazonaws.com", "eventTime": "2026-11-21T08:00:00Z", "readOnly": True, "recipientAccountId": "111122223333",
            "resources": [{"ARN": "arn:aws:iam::111122223333:user/mia"}], "sourceIPAddress": "192.0.2.7", "userAgent": "aws-cli", "userIdentity": identity,
        }
        lines = [json.dumps(sample | {"eventID": name}) for name in ("a", "b", "a")]
        lines.append(json.dumps({name: sample[name] for name in sample if name not in ("errorCode", "errorMessage")} | {"eventID": "c"}))
        archive = athena.Archive(ARCHIVE, lines)
        ((source, name, code, principal, events, first, last),) = archive.rows()
        self.assertEqual((source, name, code, events), ("iam.amazonaws.com", "ListUsers", "AccessDenied", 2))
        self.assertEqual(principal, "arn:aws:iam::111122223333:role/app")
        self.assertEqual(first, last)
        columns = athena.columns(athena.statement(ARCHIVE, "TableOfArchive"))
        self.assertEqual(set(columns), {name.lower() for name in sample} | {"eventid"})

    def test_queries_use_only_existing_fields(self):
        known = paths(record("CreateUser", responseElements=CREATED)) | paths(record("RunInstances", userIdentity=ROLE))
        for path in FIXTURES.glob("*.json"):
            known |= paths(json.loads(path.read_text(encoding="utf-8")))
        for name in ("FailedSignIns", "NewUsers", "TopErrors", "Refusals"):
            with self.subTest(name):
                self.assertEqual(named(name) - known, set())
                self.assertGreater(len(named(name)), 2)
        self.assertNotIn("sourceIpAddress", known)

    def test_both_languages_return_the_same_most_frequent_rows(self):
        records = [
            record(f"Get{letter}", errorCode="InternalFailure") for place, letter in enumerate("abcdefghijklm") for _ in range(place + 1)
        ]
        self.assertEqual(limit("TopErrors"), 10)
        self.assertEqual(len(self.compare_most_frequent("TopErrors", records, athena.Trail(STACK, records))), 10)

    def compare_most_frequent(self, name, records, trail):
        """Compares both languages when there are more rows than the limit. Rows with equal counts may differ."""
        found, expected = trail.answer(name), answer(name, records)
        self.assertLessEqual(found.items(), expected.items())
        self.assertEqual(sorted(found.values()), sorted(sorted(expected.values(), reverse=True)[:limit(name)]))
        return found

    def test_both_languages_agree_on_the_fixtures(self):
        records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FIXTURES.glob("*.json"))]
        trail = athena.Trail(STACK, records)
        found = {name for name in athena.KEYS if self.compare_most_frequent(name, records, trail)}
        # No fixture creates a user; all other queries find rows.
        self.assertEqual(found, set(athena.KEYS) - {"NewUsers"})

    def test_both_languages_agree_on_real_records(self):
        files = sorted((CORPUS / "events").glob("*.jsonl.gz"))
        if not files:
            reason = f"no real events in {CORPUS}, so the queries are not compared on them"
            print(f"skipped: {reason}", file=sys.stderr)
            self.skipTest(reason)
        for path in files:
            with gzip.open(path, "rt", encoding="utf-8") as text:
                records = [json.loads(line) for line in text]
            trail = athena.Trail(STACK, records)
            for name in athena.KEYS:
                with self.subTest(name, path=path.name):
                    self.compare_most_frequent(name, records, trail)

    def test_athena_counts_events_and_calls_with_first_and_last_time(self):
        twice = [record("ListUsers", "iam", errorCode="AccessDenied", eventTime=f"2026-11-2{day}T08:00:00Z") for day in (2, 1)]
        twice.append(twice[0] | {"eventName": "GetUser", "eventTime": "2026-11-20T08:00:00Z"})
        trail = athena.Trail(STACK, twice)
        (refusals,) = trail.rows("Refusals")
        self.assertEqual(refusals, ("arn:aws:iam::111122223333:user/mia", "111122223333", 3, 2, "2026-11-22T08:00:00Z"))
        self.assertEqual(trail.rows("TopErrors")[0][4:], (2, "2026-11-21T08:00:00Z", "2026-11-22T08:00:00Z"))

    def test_athena_reads_the_last_week(self):
        records = [record("ListUsers", "iam", errorCode="AccessDenied")]
        for days, there in [(0, 1), (7, 1), (8, 0)]:
            with self.subTest(days=days):
                self.assertEqual(len(athena.Trail(STACK, records, days_ago=days).answer("Refusals")), there)

    def test_the_table_has_the_name_of_the_stack(self):
        stack = Stack(AthenaTrailLocation="s3://bucket/AWSLogs/", **{"AWS::StackName": "Our-errors-2"})
        for name in ("Table", *athena.KEYS):
            self.assertEqual(re.findall(r"(?:TABLE|FROM) (\S+)", athena.statement(stack, name)), ["cloudtrail_Our_errors_2"])

    def test_athena_reads_existing_regions(self):
        # In partitions without a list, the only region is that of the stack.
        for place in [one for one in PLACES if one[0] in STACK.source["Mappings"]["Regions"]]:
            known = boto3.Session().get_available_regions("cloudtrail", place[0])
            named = Stack(place=place).source["Mappings"]["Regions"][place[0]]["Names"].split(",")
            self.assertLessEqual(set(named), set(known))
            self.assertIn(place[1], named)
            self.assertEqual(named, sorted(set(named)))

    def test_unsupported_syntax_fails(self):
        for wrong in ("eventName != 'x'", "eventName = 'x' xor eventName = 'y'", "eventName in ['x']"):
            with self.subTest(wrong), self.assertRaises((AssertionError, IndexError)):
                Filter(wrong, record("x")).holds()


if __name__ == "__main__":
    unittest.main()
