"""Input of the benchmarks: trail files, subscription payloads, and payloads with very many errors.

One corpus is written by `generate`, so every user can reproduce it. Another one, larger and with more kinds of calls,
is generated if its generator is present, or read from a given folder. A third one has real errors of S3 as bursts of a
subscription, if the records are present.
"""

import base64
import dataclasses
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

LARGER = pathlib.Path("../shared/bench/gen.py")
# Real records, one on each line.
BURSTS = pathlib.Path("../shared/cloudtrail/events/sans504.jsonl.gz")
BURST_EVENTS = 24

# About 100 MB of trail files, a thousand payloads, and eight payloads with very many errors.
PLAN = ["--seed", "1", "--hours", "2", "--events-per-hour"]
OWN = {
    "trail": [*PLAN, "40000", "--sound"],
    "payload": [*PLAN, "100000", "--payloads", "20"],
    "storm": [*PLAN, "100000", "--payloads", "2600"],
}
# Small enough for counting every instruction.
SMALL = {
    "trail": [*PLAN, "3000", "--sound"],
    "payload": [*PLAN, "3000", "--payloads", "20"],
}


@dataclasses.dataclass
class Corpus:
    """A folder with some of the folders `trail`, `payload`, `storm` and `bursts`."""

    name: str
    folder: pathlib.Path


def own(binary, cache):
    return Corpus("generated", generated(binary, cache, "own", OWN))


def small(binary, cache):
    return Corpus("small", generated(binary, cache, "small", SMALL))


def generated(binary, cache, name, parts):
    """Returns a folder written by `generate`; written again if the generator or the plan has changed."""
    made_by = hashlib.sha256(repr(parts).encode())
    for source in sorted(pathlib.Path("src/demo").glob("*.rs")):
        made_by.update(source.read_bytes())
    folder = cache / f"{name}-{made_by.hexdigest()[:12]}"

    def make(unfinished):
        for part, options in parts.items():
            subprocess.run(
                [binary, "generate", *options, unfinished / part],
                check=True, stderr=subprocess.DEVNULL)

    return made(folder, make)


def larger(cache, given):
    """Returns the larger corpus: the given folder, else one that its generator writes, if the generator is present."""
    if given:
        return Corpus("larger", pathlib.Path(given))
    if not LARGER.exists():
        return None

    def make(unfinished):
        sizes = ["--trail-mb", "500", "--payloads", "1000", "--storm", "8"]
        subprocess.run(
            [sys.executable, LARGER, "--seed", "1", "--out", unfinished, *sizes],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    made_by = hashlib.sha256(LARGER.read_bytes()).hexdigest()[:12]
    return Corpus("larger", made(cache / f"larger-{made_by}", make))


def bursts(cache):
    """Returns payloads of real errors, as a subscription delivers them; `None` if the records are not present."""
    if not BURSTS.exists():
        print(f"bench: the real errors of S3 are skipped, {BURSTS} is not there")
        return None

    def make(unfinished):
        (unfinished / "bursts").mkdir()
        with gzip.open(BURSTS, "rt", encoding="utf-8") as lines:
            failed = [line.strip() for line in lines if is_failure(json.loads(line))]
        for first in range(0, len(failed), BURST_EVENTS):
            name = unfinished / "bursts" / f"{first:06}.json"
            name.write_text(payload(failed[first:first + BURST_EVENTS], first), encoding="utf-8")

    made_by = hashlib.sha256(BURSTS.read_bytes() + str(BURST_EVENTS).encode()).hexdigest()[:12]
    return Corpus("real", made(cache / f"bursts-{made_by}", make))


def is_failure(record):
    return bool(record.get("errorCode") or record.get("errorMessage"))


def payload(records, first):
    """Returns the event of a subscription: base64 of gzip of log events, each with the JSON text of a record."""
    events = [{"id": f"{first + at:056}", "timestamp": 1627563811000, "message": compact(record)}
              for at, record in enumerate(records)]
    batch = {
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "trail",
        "logStream": "111122223333_CloudTrail_us-east-1", "subscriptionFilters": ["errors"],
        "logEvents": events,
    }
    packed = gzip.compress(compact_json(batch).encode(), mtime=0)
    return compact_json({"awslogs": {"data": base64.b64encode(packed).decode()}})


def compact(record):
    return compact_json(json.loads(record))


def compact_json(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def made(folder, make):
    """Creates a folder unless it exists; an incomplete one is created again."""
    if not folder.exists():
        print(f"making {folder}", file=sys.stderr)
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder
