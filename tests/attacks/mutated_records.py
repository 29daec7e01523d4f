"""Real events with changed values, keys and shapes, nine a file: two ways to read agree on ids, counts, reasons and sums."""

import copy
import json

import totals
import trails

FILES, RECORDS_A_FILE = 12_000, 9

# What takes the place of a value.
VALUES = [
    None, True, False, 0, -1, 1e308, 10**30, "", " ", "0", "null", [], {}, [[]], [{}], "\x00", "\u202e", "\ud800", "\x1b[31m", "<script>",
    "a" * 300, "AccessDenied", "2026-11-03T10:00:00Z", "2026-02-30T25:61:61Z", "1.08", "2.0", "unknown", "HIDDEN_DUE_TO_SECURITY_REASONS",
    {"errorCode": "AccessDenied"}, ["AccessDenied"], "Client.UnauthorizedOperation", "arn:aws:iam::111122223333:role/x", {"type": "Root"},
]  # fmt: skip

# Keys that decide something.
KEYS = [
    "errorCode", "errorMessage", "eventName", "eventSource", "eventTime", "eventID", "eventVersion", "userIdentity", "eventType",
    "responseElements", "requestParameters", "recipientAccountId", "awsRegion", "sourceIPAddress", "userAgent", "eventCategory", "readOnly",
    "resources", "additionalEventData", "serviceEventDetails", "errorcode", "ErrorCode",
]  # fmt: skip


def attack(group):
    files = group.count(FILES, 60)
    texts, source = trails.events(group.events, group.program, group.folder, 40_000, group.dice)
    place = group.place("mutated")
    cases = []
    for number in range(files):
        picked = [texts[(number * RECORDS_A_FILE + each) % len(texts)] for each in range(RECORDS_A_FILE)]
        records = [mutated(group.dice, json.loads(each), number, count) for count, each in enumerate(picked)]
        path = place / f"{number:05}.json"
        path.write_bytes(group.dice.choice([trails.trail, trails.lines])(records))
        cases.append(path)
    group.notes.append(f"{files * RECORDS_A_FILE} records, {source}")
    group.batched(8, cases, lambda batch: totals.compared(group.program, batch), lambda path: path.name, lambda path: [path])


def mutated(dice, record, file, number):
    """Changes up to four things of a record. Its id is one of this file, unless that is what changes."""
    if not isinstance(record, dict):
        return record
    record["eventID"] = trails.uuid(number, file)
    for _ in range(dice.randrange(5)):
        key = dice.choice([*record, *KEYS])
        act = dice.randrange(6)
        if act == 0:
            record.pop(key, None)
        elif act == 1 and isinstance(record.get(key), dict) and record[key]:
            inner = record[key]
            inner[dice.choice([*inner])] = copy.deepcopy(dice.choice(VALUES))
        elif act == 2 and key in record:
            record[dice.choice(KEYS)] = copy.deepcopy(record[key])
        elif act == 3 and isinstance(record.get(key), str):
            record[key] = spoiled(dice, record[key])
        elif act == 4 and isinstance(record.get(key), (dict, list)):
            record[key] = json.dumps(record[key])
        else:
            record[key] = copy.deepcopy(dice.choice(VALUES))
    return record


def spoiled(dice, text):
    """Cuts a text, repeats it, or puts something into it."""
    at = dice.randrange(len(text) + 1)
    return dice.choice([text[:at], text + text, text[:at] + dice.choice(["\x00", "\x1b[2J", "\u200b", "é", "\\", '"', "\n"]) + text[at:], text.upper()])
