#!/usr/bin/env python3
"""Makes the state of an older release again: its table and its bucket, after its functions processed a made-up trail.

The release is built in a worktree of this repository. Its template is deployed to an emulator, its functions get the trail hour by
hour, by a clock that stands still between the calls. So the same release makes the same state each time.
tests/fixtures/upgrade/README.md says what is in it.

Usage: older.py MINISTACK [FOLDER]    With FOLDER the state is written there. Without it, it is compared with that in
                                      tests/fixtures/upgrade.
Exit codes: 0 written or equal; 1 something failed or differs.
"""

import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import functions
import records
import workspace
from clock import Clock
from emulator import running
from stack import Stack, deployable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURE = ROOT / "tests" / "fixtures" / "upgrade"
# The last commit whose program and template are the older release.
OLDER = "0dd6816"

# The trail: the hours that the release processed, the hours after them, the events an hour, and the start that the generator
# gives it, 2026-11-02 00:00 UTC.
HOURS, LATER_HOURS, EVENTS_PER_HOUR, BEGIN = 30, 4, 150, 1_793_577_600
# Files are closed up to this many seconds after their events, so the clock stands there when an hour is processed.
LATENCY, HOUR = 1200, 3600
# The hours before the end in which the workspace of Guance refuses everything, so that alerts wait.
REFUSING_HOURS = 3
# Lines that one call of the ingest function gets.
BATCH = 400
# What the emulator makes up: the id of a message that a sink accepted.
MADE_UP = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Older:
    """One run. `stack` is the deployed stack, `called` its functions, `clock` their clock."""

    def __init__(self, stack, guance, called, clock, programs):
        self.stack, self.guance, self.called, self.clock, self.programs = stack, guance, called, clock, programs
        self.client = stack.client

    def make(self, template, **parameters):
        """Returns the lines of the state."""
        self.stack.prepare()
        self.stack.change(template, **self.stack.sinks(self.guance), **parameters)
        self.stack.trust(self.called, self.guance)
        for hour in range(HOURS):
            self.process(hour)
            if hour == HOURS // 2:
                self.decide()
                self.invoke("ingest", records.payload(["no record at all"], self.clock.seconds))
            if hour == HOURS - REFUSING_HOURS:
                self.guance.failing = 1_000_000
        later = [{"later": hour, "record": text} for hour in range(HOURS, HOURS + LATER_HOURS) for text in self.trail().get(hour, [])]
        return [*map(settled, self.stack.table_lines()), *self.stack.bucket_lines(), *self.listed(), *later]

    def trail(self):
        """Returns the texts of the records by the hour in which their file was closed, counted from the first."""
        if not hasattr(self, "_trail"):
            self._trail = trail(self.programs / "cloudtrail-inspector", self.called.folder)
        return self._trail

    def process(self, hour):
        """Processes what was delivered in an hour, inspects, and sends alerts."""
        self.clock.set(BEGIN + (hour + 1) * HOUR + LATENCY)
        texts = self.trail().get(hour, [])
        for first in range(0, len(texts), BATCH):
            self.invoke("ingest", records.payload(texts[first : first + BATCH], self.clock.seconds))
        self.invoke("inspect", {})
        for _ in range(2):
            self.clock.set(self.clock.seconds + 120)
            self.invoke("deliver", {})

    def decide(self):
        """Makes one decision of each kind, about the clusters with the most events."""
        found = json.loads(self.command("clusters", "list", "--table", self.stack.table, "--format", "json"))["clusters"]
        failing = [one for one in found if one["class"] != "watch"]
        most = sorted(failing, key=lambda one: (-one["count"], one["cluster_id"]))
        decisions = [
            ("acknowledge",), ("mute", "--for", "7d"), ("expect",), ("archive", "--until", "100x/1h"), ("archive", "--until", "forever"),
            ("resolve",), ("resolve",), ("acknowledge",),
        ]
        for (decision, *options), one in zip(decisions, most):
            where = ("--table", self.stack.table, "--actor", "ann", "--reason", f"known since {HOURS // 2} hours")
            self.command("clusters", decision, one["cluster_id"], *options, *where)
        last = most[len(decisions) - 1]["cluster_id"]
        self.command("clusters", "unmark", last, "--table", self.stack.table, "--actor", "bob", "--reason", "not ours")

    def listed(self):
        """Yields the clusters as the older command line lists them, one a line."""
        found = json.loads(self.command("clusters", "list", "--table", self.stack.table, "--format", "json"))["clusters"]
        for one in sorted(found, key=lambda one: one["cluster_id"]):
            yield {"listed": one}

    def command(self, *arguments):
        environment = self.stack.emulator.environment | self.clock.environment
        command = [self.programs / "cloudtrail-inspector", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{arguments} fails:\n{done.stderr}"
        return done.stdout

    def invoke(self, role, event):
        self.stack.invoke(self.called, role, event)


def settled(line):
    """Returns a line with a fixed text in place of an id that the emulator made up."""
    answer = line["item"].get("an", {})
    if line["item"]["sk"]["S"].startswith("T#") and "S" in answer:
        answer["S"] = MADE_UP.sub("00000000-0000-4000-8000-000000000000", answer["S"])
    return line


def trail(inspector, folder):
    """Generates the trail; returns the texts of the records by the hour in which their file was closed, counted from the first."""
    target = pathlib.Path(folder) / "trail"
    options = ["--sound", "--hours", str(HOURS + LATER_HOURS), "--events-per-hour", str(EVENTS_PER_HOUR)]
    subprocess.run([inspector, "generate", target, *options], check=True, timeout=60, capture_output=True)
    found = {}
    for path in sorted(target.rglob("*.json.gz")):
        day, hour = re.search(r"_(\d{8})T(\d\d)\d\dZ_", path.name).groups()
        number = (int(day[6:]) - 2) * 24 + int(hour)
        found.setdefault(number, []).extend(json.dumps(one) for one in json.loads(gzip.decompress(path.read_bytes()))["Records"])
    return found


def written(lines):
    """Returns lines as the content of the fixture: compressed, and the same for the same lines."""
    text = "".join(f"{json.dumps(line, sort_keys=True, separators=(',', ':'))}\n" for line in lines)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def state():
    """Returns the lines of the committed state."""
    return [json.loads(line) for line in gzip.decompress((FIXTURE / "state.jsonl.gz").read_bytes()).splitlines()]


def older_template():
    """Returns the text of the template of the older release."""
    return gzip.decompress((FIXTURE / "template.yaml.gz").read_bytes()).decode()


def made_again(ministack, programs, template, **parameters):
    """Returns the lines of the state, as the programs of the older release make it."""
    with running(ministack) as emulator, workspace.serving(emulator.folder) as guance:
        clock = Clock(emulator.folder, BEGIN)
        with functions.serving(programs / "bootstrap", emulator.url, emulator.folder, clock) as called:
            return Older(Stack(emulator), guance, called, clock, programs).make(deployable(template), **parameters)


def built():
    """Builds the programs of the older release from a worktree of this repository, and returns their folder.

    Raises CannotBeBuilt if the commit is not here, as in a shallow clone.
    """
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "older"
    tree = target / "tree"
    if not tree.exists():
        added = subprocess.run(["git", "worktree", "add", "--detach", tree, OLDER], cwd=ROOT, capture_output=True, text=True, check=False)
        if added.returncode != 0:
            raise CannotBeBuilt(f"there is no commit {OLDER} here: {added.stderr.strip()}")
    command = ["cargo", "build", "--locked", "--bins", "--target-dir", target / "build"]
    environment = {name: value for name, value in os.environ.items() if name not in ("RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS")}
    if subprocess.run(command, cwd=tree, env=environment, check=False).returncode != 0:
        raise CannotBeBuilt(f"{OLDER} does not build with this compiler")
    return target / "build" / "debug"


class CannotBeBuilt(Exception):
    """The older release cannot be built here; the text says why."""


def compare(ministack, programs):
    """Makes the state again, prints how it differs from the committed one, and returns whether they are equal."""
    lines, expected = made_again(ministack, programs, older_template()), state()
    print(f"the state of {OLDER}: {len(lines)} lines")
    for line in [one for one in lines if one not in expected][:5]:
        print(f"not in the fixture: {json.dumps(line)[:600]}")
    for line in [one for one in expected if one not in lines][:5]:
        print(f"not made again: {json.dumps(line)[:600]}")
    return lines == expected


def main(arguments):
    ministack, *folder = arguments
    programs = built()
    if not folder:
        return 0 if compare(ministack, programs) else 1
    lines = made_again(ministack, programs, older_template())
    (pathlib.Path(folder[0]) / "state.jsonl.gz").write_bytes(written(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
