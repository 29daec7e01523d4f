#!/usr/bin/env python3
"""Makes src/records/message/nouns.tsv: the nouns that AWS's messages put before a name, as in "Table orders not found".

A noun is the last word of what an operation creates and another operation deletes, such as `bucket` of CreateBucket.
After the noun, separated by a tab, are the words that follow it in names of AWS: `policy` of PutBucketPolicy. They form a term
("bucket policy"), so they are not the name of a bucket. The row `*` has the words of all names. All words are in lower case and in the singular.

The models are those of botocore, which has to be installed: `pip install botocore`. The first line of the result has its version.

Usage: nouns.py
"""

import collections
import datetime
import pathlib
import re

from error_codes import models

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src" / "records" / "message" / "nouns.tsv"
MAKES = "create|register|put|start|import|allocate|run|add|attach|publish|upload"
HANDLES = "delete|deregister|terminate|cancel|remove|release|stop|detach"
# Nouns that are no resource of an API, but stand before names in messages.
OTHERS = {"type", "version", "location", "id", "name", "arn", "format", "path", "service", "identifier",
          "entity", "resource", "role", "user", "bus", "database", "column", "vpc", "subnet", "listener", "principal", "engine", "region",
          "dashboard", "secret", "alarm", "account", "instance", "mesh", "layer"}
# Words for fields and for parts of any resource: a word after them is not a name.
NO_NOUNS = {
    "attribute", "parameter", "field", "property", "option", "setting", "value", "status", "state", "detail", "data", "metadata",
    "access", "usage", "limit", "count", "error", "result", "response", "request", "configuration", "config", "content", "info",
    "information", "input", "output", "number", "history", "health", "statistic", "summary", "url", "token", "permission", "preference",
    "credential", "encryption", "batch", "text", "message", "operation", "action", "update", "code", "address", "size",
    "status", "time", "date", "label", "count", "access", "authorization", "consent", "scope", "storage",
    "protection", "capability", "event", "call", "ids", "hit", "off", "evaluation", "visibility", "support", "control", "feedback", "progress", "estimate", "context", "mode",
}
SECONDS_IN_MEMBERS_MIN = 2
WORD_IN_NAMES_MIN = 4


def words(name):
    """Returns the words of a name: `PutDBBucketPolicies` gives put, db, bucket, policy."""
    return [singular(word.lower()) for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+", name)]


def singular(word):
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ses", "xes", "ches", "shes")) and not word.endswith(("bases", "cases", "leases", "uses", "caches", "phases", "databases")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is", "lias", "as")) and len(word) > 3 else word


def main():
    import botocore

    operations, members, shapes = set(), set(), set()
    for _, model in models():
        operations |= set(model["operations"])
        for shape in model["shapes"].values():
            members |= set(shape.get("members", {}))
        shapes |= {name for name, shape in model["shapes"].items() if shape["type"] == "structure"}
    made, handled = set(), set()
    for operation in operations:
        for verbs, found in ((MAKES, made), (HANDLES, handled)):
            match = re.match(f"(?:{verbs})(?=[A-Z])", operation, re.IGNORECASE)
            if match:
                found.add(tuple(words(operation[match.end():])))
    nouns = {resource[-1] for resource in made & handled if resource} | OTHERS
    nouns = {noun for noun in nouns if noun.isalpha() and (len(noun) > 2 or noun in OTHERS)} - NO_NOUNS
    seconds, rare = collections.defaultdict(set), collections.Counter()
    for name in operations:
        for first, second in zip(words(name)[1:], words(name)[2:]):
            seconds[first].add(second)
    for name in members | shapes:
        for pair in set(zip(words(name), words(name)[1:])):
            rare[pair] += 1
    for (first, second), times in rare.items():
        if times >= SECONDS_IN_MEMBERS_MIN:
            seconds[first].add(second)
    often = collections.Counter(word for name in operations | members | shapes for word in set(words(name)))
    vocabulary = sorted(word for word, times in often.items() if times >= WORD_IN_NAMES_MIN and len(word) > 1)
    today = datetime.date.today().isoformat()
    rows = [f"# Nouns of AWS's service models (botocore {botocore.__version__}, {today}), made by infra/nouns.py. Columns: noun, the words that follow it in names; * has the words of all names."]
    rows.append(f"*\t{' '.join(vocabulary)}")
    for noun in sorted(nouns):
        followers = sorted(word for word in seconds[noun] if len(word) > 1)
        rows.append(f"{noun}\t{' '.join(followers)}")
    TABLE.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
