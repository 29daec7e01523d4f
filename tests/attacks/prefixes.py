"""Each prefix of a file, as a broken transfer leaves it: what came whole counts, the rest is said, and compressed data are refused."""

import gzip
import json

import totals
import trails

RECORDS = 3


def attack(group):
    plain = [
        ("plain", trails.trail, whole_in_trail),
        ("lines", trails.lines, whole_in_lines),
    ]
    for name, build, whole in plain:
        cases = group.some((name, length) for length in range(len(build(records(0))) + 1))
        paths = written(group, name, build, cases)
        judge = lambda batch, paths=paths, whole=whole: uncompressed(group.program, batch, paths, whole)
        group.batched(50, cases, judge, str, lambda case, paths=paths: [paths[case]])
    packed = [
        ("gzip", lambda each: gzip.compress(trails.trail(each), mtime=0)),
        ("gzip lines", lambda each: gzip.compress(trails.lines(each), mtime=0)),
        ("payload", trails.payload),
        ("payload in gzip", lambda each: gzip.compress(trails.payload(each), mtime=0)),
    ]
    for name, build in packed:
        cases = group.some((name, length) for length in range(len(build(records(0))) + 1))
        paths = written(group, name, build, cases)
        judge = lambda batch, paths=paths: compressed(group.program, batch, paths)
        group.batched(50, cases, judge, str, lambda case, paths=paths: [paths[case]])


def records(file):
    """Returns records of the same length in every file, with ids of this file."""
    return [trails.record(number, file) for number in range(RECORDS)]


def written(group, name, build, cases):
    """Writes a file for each prefix; returns the paths. The last case is the whole file."""
    place = group.place(name)
    paths = {}
    for number, (_, length) in enumerate(cases):
        content = build(records(number))
        whole = length == len(build(records(0)))
        paths[name, length] = place / f"{number:05}.json"
        paths[name, length].write_bytes(content if whole else content[: min(length, len(content) - 1)])
    return paths


def whole_in_trail(content):
    """Returns how many records of the prefix of a trail file came whole."""
    return sum(content.count(trails.text(each)[-40:].encode()) for each in [trails.record(0)]) if content else 0


def whole_in_lines(content):
    return sum(is_json(line) for line in content.split(b"\n") if line)


def is_json(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def uncompressed(program, batch, paths, whole):
    """What came whole is counted, and never more; what was cut is quarantined or said."""
    files = [paths[case] for case in batch]
    wanted = sum(whole(path.read_bytes()) for path in files)
    ran = program.run("scan", "--format", "json", *files)
    if problem := ran.problem(codes=(0, 1)):
        return problem
    document = json.loads(ran.out)
    if problem := totals.balance(document["records"]):
        return problem
    if document["records"]["clustered"] != wanted:
        return f"{document['records']['clustered']} records are counted, {wanted} came whole"
    noted = {each["file"] for each in document["quarantined"]} | {each["file"] for each in document["files"]["failed"]}
    for path in files:
        content = path.read_bytes()
        cut = content not in (trails.trail([]),) and whole(content) < RECORDS and str(path) not in noted
        # A prefix that ends between two records or lines has no record that was cut; a trail file lacks its end.
        if cut and not content.endswith((b"}", b"}\n", b"},")):
            return f"nothing is said about {path.name}, which was cut"
    return None


def compressed(program, batch, paths):
    """Nothing of a file that was cut is counted, and each is named; a whole one counts."""
    files = [paths[case] for case in batch]
    ran = program.run("scan", "--format", "json", *files)
    if problem := ran.problem(codes=(0, 1)):
        return problem
    document = json.loads(ran.out)
    noted = {each["file"] for each in document["quarantined"]} | {each["file"] for each in document["files"]["failed"]}
    silent = [path for path in files if str(path) not in noted]
    counted = document["records"]["clustered"]
    if counted != RECORDS * len(silent):
        return f"{counted} records are counted of {len(silent)} files without an error"
    for path in silent:
        if path != paths[max(paths, key=lambda case: case[1])]:
            return f"nothing is said about {path.name}, which was cut"
    return None
