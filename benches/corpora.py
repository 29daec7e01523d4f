"""What the benchmarks read: trail files, subscription payloads, and payloads of a storm of errors.

One corpus comes from `generate`, so anybody can make it again. Another, larger and with more kinds
of calls, is made where its generator is, or taken from a folder that is named.
"""

import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

LARGER = pathlib.Path("../shared/bench/gen.py")

# About 100 MB of trail files, a thousand payloads and eight of a storm.
PLAN = ["--seed", "1", "--hours", "2", "--events-per-hour"]
OWN = {
    "trail": [*PLAN, "40000", "--sound"],
    "payload": [*PLAN, "100000", "--payloads", "20"],
    "storm": [*PLAN, "100000", "--payloads", "2600"],
}
# Small enough for every instruction to be counted.
SMALL = {
    "trail": [*PLAN, "3000", "--sound"],
    "payload": [*PLAN, "3000", "--payloads", "20"],
}


@dataclasses.dataclass
class Corpus:
    """Folders `trail`, `payload` and `storm` in one folder."""

    name: str
    folder: pathlib.Path


def own(binary, cache):
    return Corpus("generated", generated(binary, cache, "own", OWN))


def small(binary, cache):
    return Corpus("small", generated(binary, cache, "small", SMALL))


def generated(binary, cache, name, parts):
    """Returns a folder that `generate` wrote, made anew when the generator or the plan changed."""
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
    """Returns the larger corpus: the folder given, or what its generator makes, if it is here."""
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


def made(folder, make):
    """Makes a folder unless it is there; one that was not made to its end is made again."""
    if not folder.exists():
        print(f"making {folder}", file=sys.stderr)
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder
