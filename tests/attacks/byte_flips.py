"""One or a few bytes of a trail file are changed. Two ways to read agree on what is left, and no other record is lost."""

import totals
import trails

RECORDS = 5


def attack(group):
    builds = [trails.trail, trails.lines]
    place = group.place("flips")
    cases = []
    for number in range(group.count(10_000, 200)):
        content = bytearray(builds[number % 2](mixed(number)))
        for _ in range(group.dice.choice([1, 1, 1, 2, 5])):
            at = group.dice.randrange(len(content))
            content[at] = group.dice.choice([content[at] ^ 1 << group.dice.randrange(8), group.dice.randrange(256), *b'"\\{}[],:\n\x00'])
        path = place / f"{number:05}.json"
        path.write_bytes(content)
        cases.append(path)
    group.batched(25, cases, lambda batch: totals.compared(group.program, batch), lambda path: path.name, lambda path: [path])


def mixed(file):
    """Returns failed, successful and sensitive calls with ids of this file."""
    return [
        trails.record(1, file),
        trails.success(2, file),
        trails.record(3, file, errorCode="ThrottlingException", errorMessage="Rate exceeded", eventSource="ec2.amazonaws.com", eventName="RunInstances"),
        trails.success(4, file, eventSource="cloudtrail.amazonaws.com", eventName="StopLogging", requestParameters={"name": "audit"}),
        trails.record(5, file, sourceIPAddress="192.0.2.9"),
    ]
