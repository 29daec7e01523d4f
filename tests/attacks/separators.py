"""What stands between two records: both count, or it is said that one does not, and so is what is no JSON there."""

import json

import totals
import trails

# Between the records of an array, and whether something has to be said about it.
IN_ARRAY = {
    "a comma": (b",", False),
    "a comma and white space": (b" \r\n\t,\n", False),
    "nothing": (b"", True),
    "a space": (b" ", True),
    "two commas": (b",,", True),
    "a semicolon": (b";", True),
    "a colon": (b":", True),
    "a line separator": ("\u2028".encode(), True),
    "a no-break space": (b"\xc2\xa0", True),
    "a NUL": (b"\0", True),
    "a comment": (b",/* */", True),
    "a word": (b",x,", True),
    "1,000 commas": (b"," * 1000, True),
}

# Between records that stand one after the other in a file.
IN_FILE = {
    "a line break": (b"\n", False),
    "CRLF": (b"\r\n", False),
    "CR": (b"\r", False),
    "nothing": (b"", False),
    "empty lines": (b"\n\n\n", False),
    "a comma": (b",", True),
    "a comma and a line break": (b",\n", True),
    "a record separator": (b"\x1e", True),
    "a record separator and a line break": (b"\n\x1e", True),
    "a NUL": (b"\0", True),
    "a tab": (b"\t", False),
    "a form feed": (b"\f", True),
}

AROUND = {
    "a comma before the first": (b'{"Records":[,', b"]}"),
    "a comma behind the last": (b'{"Records":[', b",]}"),
    "a second bracket at the end": (b'{"Records":[', b"]]}"),
    "text behind the file": (b'{"Records":[', b"]}garbage"),
    "no end": (b'{"Records":[', b""),
}


def attack(group):
    first, last = (trails.text(trails.record(number)).encode() for number in (1, 2))
    cases = [(f"in an array: {name}", b'{"Records":[' + first + mark + last + b"]}", says) for name, (mark, says) in IN_ARRAY.items()]
    cases += [(f"in a file: {name}", first + mark + last + b"\n", says) for name, (mark, says) in IN_FILE.items()]
    cases += [(f"around: {name}", before + first + b"," + last + after, True) for name, (before, after) in AROUND.items()]
    cases.append(("commas alone", b'{"Records":[' + b"," * (1 << 20) + b"]}", True))
    for name, content, says in group.some(cases, 31):
        wanted = 0 if name == "commas alone" else 2
        group.case(name, kept(group.program, content, wanted, says), content)


def kept(program, content, wanted, says):
    """Returns what is lost: of the records, or of what should be said."""
    ran = program.run("scan", "--format", "json", "-", input=content)
    if problem := ran.problem((0, 1)):
        return problem
    document = json.loads(ran.out)
    if problem := totals.balance(document["records"]):
        return problem
    is_said = document["records"]["quarantined"] or ran.err
    if document["records"]["clustered"] != wanted and not (says and is_said):
        return f"{document['records']['clustered']} of {wanted} records count: {ran.said[:200]}"
    if says and not is_said:
        return "what is no JSON between records is not said"
    return None
