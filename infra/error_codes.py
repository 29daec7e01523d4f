#!/usr/bin/env python3
"""Makes src/clusters/error_codes.tsv: classes of the error codes in AWS's service models, by status, fault side and documentation.

Only codes are written whose class the table in src/clusters/code_patterns.rs does not decide. The models are those of botocore, which
has to be installed: `pip install botocore`. The result has the version of botocore in its first line; review it as a diff.

A class that is in the file already was reviewed by a person and stays. For a new code the script proposes a class. It needs
evidence: the words of the documentation, or a status that has one meaning (404, 409, 429, 5xx). A status of 400 alone decides
nothing; a code without evidence is proposed as `other`.

Usage: error_codes.py BINARY    BINARY is cloudtrail-inspector; its `explain` shows which codes have no class yet
"""

import collections
import gzip
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src" / "clusters" / "error_codes.tsv"
CHARS_MAX = 110

# The evidence in the first sentences of the documentation or in the words of the name; the first row that matches decides.
# What a person has to do decides the class: wait (server, throttle), ask for more (quota), permit (denied), correct the request.
WORDS = [
    ("throttle", r"throttl|too many requests|request rate|rate (limit|of requests)|rate exceed|exceed\w* the (request )?rate"),
    ("auth", r"(credentials?|security token|access token|signature|password|id token|session token)\b.{0,60}\b(expired|not valid|invalid|missing|wrong|incorrect|could not be (validated|verified)|does(n't| not) match)|not authenticated|authentication (failed|failure|is required)|unauthenticated|(expired|invalid|incorrect|wrong) (credentials?|token|password|signature)"),
    ("absent", r"not (enabled|activated|registered|subscribed|onboarded|opted|configured|set up|initialized|available in (this|the) region)|isn't (enabled|registered|subscribed)|no longer (exists|available)|has(n't| not) (been )?(enabled|opted|subscribed|registered|onboarded|configured)"),
    ("denied", r"(not|isn't|aren't|don't|doesn't|do not|does not|lack\w*|insufficient|without|required?|need\w*|no) .{0,40}\b(permissions?|privileges?|authoriz\w+|entitle\w+)|not (allowed|permitted|authorized) to|(unauthori[sz]ed|forbidden)|access (is |was )?(denied|not (allowed|permitted|granted))|denie[sd] access|permissions? .{0,40}(missing|insufficient|denied)|(cannot|can't|can not|unable to|failed to|couldn't|could not) (be )?(assume|access|accessed|assumed)\b.{0,40}\b(role|key|bucket|topic|queue|secret|kms)|account is (suspended|blocked|not authorized)"),
    ("absent", r"not found|(does|do|did) not exist|(doesn't|don't|didn't) exist|no such|(can|could|was|were)(n't|not| not) (be )?(found|located?|find)|unknown (resource|entity|id)|(can't|cannot|could not|couldn't|unable to) (find|locate)|missing (resource|entity)|non-?existe|there is no|there are no|no .{0,30} (exists?|is associated|found|available) (for|with|in)|has (been )?(deleted|expired and)|(is|are) gone"),
    ("quota", r"\b(quotas?|service limits?)\b|limit .{0,40}(exceed|reached)|(exceed|reached|over)\w* .{0,40}\b(limit|quota|maximum number|allowed number|number of)|maximum (number|amount|count) of|max(imum)? .{0,30}(reached|exceeded)|too many|insufficient (capacity|storage|space|memory|resources)|(not enough|out of|no) (capacity|storage|disk|memory|free|available)|capacity (is|was) (not|un)"),
    ("conflict", r"already (exist|been|in|has|assigned|associated|attached|registered|enabled|disabled|being|a |an |accepted|created)|\bin use\b|in progress|in-progress|still (being|in)|is (being|currently|running|busy|locked|pending)|being (used|modified|created|deleted|updated)|concurren|conflict|(wrong|incorrect|invalid|not valid|inappropriate|unexpected|current|not in an?|allowed|required) (state|status)|\bin an? \w* ?(state|status)\b|(state|status) (of|that|does|is|doesn't)|(revision|version|etag|lock|nonce|token|sequence|hash|checksum)\b.{0,40}(mismatch|not match|doesn't match|outdated|not the (latest|current)|stale)|precondition|optimistic|has (associated|dependent|active|attached)|not (empty|ready|yet)|depend(s|ent|enc)|cannot be (deleted|removed|changed|modified|updated) (because|while|until)|must be (deleted|removed|stopped|disabled|detached) (first|before)|duplicate|same (name|id|identifier|token)|has (already )?expired|(is|was) (disabled|deactivated|paused|stopped|closed|archived|deleted)|idempot|pending"),
    ("server", r"internal|unexpected(ly)? (error|fail|server)|unhandled|service (is )?(currently |temporarily )?(unavailable|busy|failed)|temporar|try again (later|in)|retry (the|your) (request|operation|call)|timed? ?out|time-?out|server(-side)? (error|fault|side)|unknown (error|failure|reason)|(failed|error|problem) (communicating|connecting)"),
    ("invalid", r"invalid|not valid|isn't valid|aren't valid|malformed|not (supported|recognized|allowed|permitted|acceptable|compatible|match|a valid|well|correct)|unsupported|doesn't (support|match|meet|conform|comply|contain|have|satisfy)|does not (support|match|meet|conform|comply|contain|have|satisfy)|isn't (supported|allowed|compatible|permitted)|can't be (used|empty|null|specified|parsed|modified|changed|deleted)|cannot be (used|empty|null|specified|parsed|combined|modified|changed|deleted|removed)|must (be|have|contain|specify|include|not)|(is|are|was|were) (required|missing|too (long|large|big|small|short|old)|empty|incorrect|wrong|incompatible|out of range|outside)|incorrect|incompatible|inconsisten|mismatch|violat|(size|length) .{0,30}(exceed|limit|large)|too (large|long|big|complex|small|short|old)|\bexceeds?\b.{0,30}\b(size|length|bytes|maximum)|(could not|couldn't|cannot|can't|unable to|failed to|fail\w* to) (be )?(pars|decod|deseriali|read|process|validat|compil|interpret|resolv)|syntax|validation|constraint|bad request|wrong|not one of|specified .{0,60} (isn't|is not|aren't|are not)|required (parameter|field|value|header|attribute)|parameter"),
]
# Statuses that have one meaning for any code.
STATUS = {402: "quota", 404: "absent", 410: "absent", 409: "conflict", 412: "conflict", 423: "conflict", 429: "throttle", 401: "auth", 403: "denied", 405: "invalid", 406: "invalid", 413: "invalid", 415: "invalid", 416: "invalid", 422: "invalid"}


# Event sources in CloudTrail, without `.amazonaws.com`, that differ from the last label of the model's endpoint prefix.
SOURCES = {
    "application-autoscaling": "autoscaling", "data-ats.iot": "iotdata", "email": "ses", "metering.marketplace": "metering-marketplace",
    "models-v2-lex": "lex", "mturk-requester": "mturkrequester", "oidc": "sso", "runtime-v2-lex": "lex", "streams.dynamodb": "dynamodb",
}


def models():
    """Yields the event source and the newest model of each service."""
    import botocore

    data = pathlib.Path(botocore.__file__).parent / "data"
    for service in sorted(path for path in data.iterdir() if path.is_dir()):
        versions = sorted(service.glob("*/service-2.json*"))
        if versions:
            content = versions[-1].read_bytes()
            model = json.loads(gzip.decompress(content) if versions[-1].suffix == ".gz" else content)
            prefix = model["metadata"].get("endpointPrefix", service.name)
            yield SOURCES.get(prefix, prefix.rsplit(".", 1)[-1]), model


def text(documentation):
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", documentation or "")).strip()
    return re.sub(r" ([.,;])", r"\1", plain)


def sentences(plain, count):
    return " ".join(re.split(r"(?<=[.!?]) (?=[A-Z])", plain)[:count])


def errors(model):
    """Yields the code, status, side and documentation of each error of a model."""
    for name, shape in model["shapes"].items():
        if shape.get("exception") or "error" in shape:
            error = shape.get("error", {})
            side = "server" if shape.get("fault") else "client" if error.get("senderFault") else ""
            yield error.get("code") or name, error.get("httpStatusCode"), side, text(shape.get("documentation"))


def stem(code):
    """Returns a code without the endings that services use inconsistently, as the program does."""
    return re.sub(r"(?<=[^.])(Exception|Error|Fault)+$", "", code)


def words_of(code):
    """Returns a code as words: `KMSOptInRequired` becomes `kms opt in required`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[._]", " ", re.sub(r"(Exception|Error|Fault)+$", "", code)).lower()


def judged(code, status, side, documentation):
    """Returns the class of an error and its evidence, or `None` if there is no evidence."""
    first = sentences(documentation, 2).lower()
    for source in (words_of(code), first):
        for name, pattern in WORDS:
            found = re.search(pattern, source)
            if found and not (name == "server" and status and status < 500 and side != "server"):
                return name, found.group(0)
    if status and status >= 500 or side == "server":
        return "server", f"status {status}" if status else "a fault of the service"
    if status in STATUS:
        return STATUS[status], f"status {status}"
    return None


def undecided(binary, codes):
    """Returns the codes that have a class by neither the patterns nor the present table."""
    events = "".join(json.dumps({"eventSource": "x.amazonaws.com", "eventName": "Y", "errorCode": code}) + "\n" for code in codes)
    printed = subprocess.run([binary, "explain", "--format", "jsonl", "-"], input=events, capture_output=True, text=True, check=True)
    return {code for code, line in zip(codes, printed.stdout.splitlines(), strict=True) if json.loads(line).get("class") == "other"}


def read():
    """Returns the class of each service and code that the file has."""
    if not TABLE.exists():
        return {}
    lines = (line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {(service, code): name for service, code, name, *_ in lines}


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = collections.defaultdict(dict)
    for service, model in models():
        for code, *rest in errors(model):
            found[code][service] = rest
    reviewed = read()
    rows, proposed = [], []
    kept = {code for _, code in reviewed} & set(found)
    for code in sorted(undecided(arguments[0], sorted(found)) | kept, key=lambda code: (stem(code), code)):
        for service, (status, side, documentation) in sorted(found[code].items()):
            verdict = judged(code, status, side, documentation)
            name = reviewed.get((service, code)) or (verdict[0] if verdict else "other")
            rows.append((service, code, name, str(status or ""), sentences(documentation, 1)[:CHARS_MAX]))
            if (service, code) not in reviewed:
                proposed.append(rows[-1])
    import botocore

    head = f"# Classes of error codes by AWS's service models, botocore {botocore.__version__}; made by infra/error_codes.py. Columns: service, code, class, HTTP status, documentation."
    TABLE.write_text("\n".join([head, *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows, {len({row[1] for row in rows if row[2] == 'other'})} codes are `other`; {len(proposed)} new, to be reviewed:")
    for row in proposed:
        print("  " + " ".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
