"""Values of every shape in every field that is read, and unusual bytes around records: the two records beside a hostile one
count, and neither a depth nor a length needs more memory or time than its bytes."""

import json

import totals
import trails

RESIDENT_MIB = 64
SECONDS = 2

# Raw JSON, or what looks like it.
VALUES = {
    "null": b"null",
    "true": b"true",
    "a number": b"0",
    "minus zero": b"-0",
    "an overflow": b"1e999999",
    "400 digits": b"9" * 400,
    "an exponent of 1,000 digits": b"1e" + b"1" * 1000,
    "an empty text": b'""',
    "a text of 1 MiB": b'"' + b"x" * (1 << 20) + b'"',
    "a text of 3 MiB": b'"' + b"x" * (3 << 20) + b'"',
    "escapes of 1 MiB": b'"' + rb"\u0041" * (170 << 10) + b'"',
    "backslashes": b'"' + b"\\\\" * (256 << 10) + b'"',
    "NUL": rb'"a\u0000b"',
    "a raw NUL": b'"a\0b"',
    "a raw line break": b'"a\nb"',
    "a lone surrogate": rb'"\ud800"',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "a pair of surrogates": rb'"\ud83d\ude00"',
    "bytes that are no UTF-8": b'"\xff\xfe"',
    "an overlong form": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "an object": b'{"a":1}',
    "an array": b'["AccessDenied"]',
    "100 levels": b"[" * 100 + b"]" * 100,
    "1,000 levels": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "a JSON text in a text": json.dumps(json.dumps(json.dumps({"errorCode": "X"}))).encode(),
    "a time that cannot be": b'"2026-13-41T25:61:61Z"',
    "a time in the year 0": b'"0000-01-01T00:00:00Z"',
    "a time in the year 9999": b'"9999-12-31T23:59:59Z"',
    "a leap second": b'"2016-12-31T23:59:60Z"',
    "seconds since 1970": b"1793700000",
}

FIELDS = ["errorCode", "errorMessage", "eventTime", "eventID", "userIdentity", "requestParameters", "eventName", "note"]


def attack(group):
    cases = [("the field " + field, value) for field in FIELDS for value in VALUES]
    for field, value in group.some(cases):
        key = field.removeprefix("the field ")
        content = beside(hostile(key, VALUES[value]))
        group.case(f"{field}: {value}", whole(group.program, content, 3), content)
    for name, content, expected in group.some(list(files())):
        group.case(name, whole(group.program, content, expected), content)


def hostile(key, raw):
    """Returns a record whose field has the raw value."""
    fields = trails.record(2)
    fields.pop(key, None)
    return trails.text(fields).encode()[:-1] + b',"' + key.encode() + b'":' + raw + b"}"


def beside(raw):
    """Returns a trail file with a good record on either side."""
    first, last = (trails.text(trails.record(number)).encode() for number in (1, 3))
    return b'{"Records":[' + b",".join([first, raw, last]) + b"]}"


def whole(program, content, expected):
    """Checks a scan and explain of the bytes. `expected` records are read; two of three count, or all. None: whatever is said."""
    ran = program.run("scan", "--format", "json", "-", input=content)
    if problem := ran.problem((0, 1), SECONDS, RESIDENT_MIB):
        return problem
    try:
        document = json.loads(ran.out)
    except ValueError as error:
        return f"no JSON: {error}"
    records = document["records"]
    if problem := totals.balance(records):
        return problem
    if expected is None:
        silent = ran.code == 0 and records["read"] == 0 and not ran.err
        return "nothing is read, and nothing is said" if silent else None
    if records["read"] != expected:
        return f"{records['read']} records are read, not {expected}: {ran.said[:200]}"
    good = min(expected, 2)
    if records["clustered"] < good:
        return f"only {records['clustered']} of {good} good records count"
    return None


def files():
    """Yields unusual files: name, content, and how many records are read."""
    two = trails.trail([trails.record(1), trails.record(2)])
    text = two.decode()
    yield "a byte order mark", b"\xef\xbb\xbf" + two, 2
    for encoding in ("utf-16-le", "utf-16-be"):
        yield encoding, text.encode(encoding), 2
        yield f"{encoding} with a mark", ("\ufeff" + text).encode(encoding), 2
        yield f"{encoding}, cut in a character", text.encode(encoding)[:-1], None
    for encoding in ("utf-32-le", "utf-32-be", "utf-7", "cp037"):
        yield encoding, ("\ufeff" + text).encode(encoding, "replace"), None
    yield "CRLF", json.dumps({"Records": [trails.record(1), trails.record(2)]}, indent=2).replace("\n", "\r\n").encode(), 2
    yield "CR", json.dumps({"Records": [trails.record(1), trails.record(2)]}, indent=2).replace("\n", "\r").encode(), 2
    yield "lines that end in CRLF", trails.lines([trails.record(1), trails.record(2)]).replace(b"\n", b"\r\n"), 2
    yield "nothing", b"", None
    yield "white space", b" \n\t\r" * 1000, None
    yield "NUL bytes", bytes(1 << 20), None
    yield "ones", b"\xff" * (1 << 20), None
    for name, raw in [("arrays", b"["), ("objects", b'{"a":'), ("records", b'{"Records":['), ("texts", b'"\\"'), ("details", b'{"detail":')]:
        yield f"a million open {name}", raw * 200_000, None
        yield f"{name} around nothing", raw * 3000 + b"1", None
    yield "100,000 keys", trails.trail([trails.record(1), trails.record(2) | {f"key{number}": number for number in range(100_000)}]), 2
    yield "one key 100,000 times", b'{"Records":[' + trails.text(trails.record(1)).encode() + b"," + trails.text(trails.record(2)).encode()[:-1] + b',"a":1' * 100_000 + b"}]}", 2
    yield "errorCode twice", b'{"Records":[' + trails.text(trails.record(1)).encode() + b"," + trails.text(trails.record(2)).encode()[:-1] + b',"errorCode":null}]}', 2
    yield "Records twice", text[:-1].encode() + b',"Records":[' + trails.text(trails.record(3)).encode() + b"]}", 3
    yield "Records behind 100,000 others", b"{" + b'"a":[],' * 100_000 + text[1:].encode(), 2
    yield "a key in escapes", text.replace('"Records"', '"\\u0052ecords"').encode(), None
    yield "wrapped nine times", wrapped(text, 9), None
    yield "wrapped seven times", wrapped(text, 7), None
    yield "an event of 256 KiB", trails.trail([trails.record(1, requestParameters={"a": "x" * (250 << 10)}), trails.record(2)]), 2
    yield "200 callers", trails.trail([trails.record(number, sourceIPAddress="x" * number) for number in range(200)]), 200
    yield "ids of 1 MiB", trails.trail([trails.record(1, eventID="i" * (1 << 20)), trails.record(2)]), 2
    yield "an emoji in each field", json.dumps({"Records": [{key: "\U0001f600" for key in trails.record(1)}, trails.record(2)]}).encode(), 2


def wrapped(text, levels):
    for _ in range(levels):
        text = json.dumps({"Message": text})
    return json.dumps({"Records": [{"Sns": json.loads(text)}]}).encode()
