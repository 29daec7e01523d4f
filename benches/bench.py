#!/usr/bin/env python3
"""Measures time and memory of a scan, compared with the least possible work, and counts its instructions.

The least possible work (`floor`) is to read and decompress the same files. Times are of one thread unless noted. Goals
for time and memory are printed as met or missed, but never fail, because a shared machine is noisy. A rise of counted
instructions fails.

Usage: bench.py --target FOLDER [options]; `make bench` passes the arguments.
Exit codes: 0 good, 1 more instructions than recorded, or tools that disagree.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import sys
import tempfile

import corpora
import instructions
import measure
import peers

MB = 1_000_000
PAGE = pathlib.Path("docs/benchmarks.md")
MARKED = re.compile(r"(?<=<!-- bench -->\n).*(?=<!-- /bench -->)", re.DOTALL)


@dataclasses.dataclass
class Work:
    """Input and arguments of a scan, with its goals."""

    title: str
    part: str
    times_floor_max: float
    memory_max: int | None = None
    above_largest_file: bool = False
    with_store: bool = False


WORKS = [
    Work("trail files", "trail", 1.6, 12 * MB, above_largest_file=True),
    Work("trail files, with `--db`", "trail", 1.85, 12 * MB, above_largest_file=True,
         with_store=True),
    Work("payloads", "payload", 2.3, 12 * MB),
    Work("payloads of a storm", "storm", 2.6),
]
JOBS_GAIN_MIN = 1.8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=pathlib.Path, required=True, help="Cargo's target folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus", help="an existing folder with the larger corpus")
    parser.add_argument("--peers", action="store_true", help="also run other tools for comparison")
    parser.add_argument("--accept", action="store_true", help="record the counted instructions")
    parser.add_argument("--count-only", action="store_true", help="only count instructions")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/benchmarks.md")
    return parser.parse_args()


def main():
    given = arguments()
    dist = given.target / "dist"
    binary, cache = dist / "cloudtrail-inspector", given.target / "bench"
    scan = [binary, "scan", *instructions.one_thread(binary)]
    good, report = True, []
    if not given.count_only:
        sets = [corpora.own(binary, cache), corpora.larger(cache, given.corpus)]
        sets = [corpus for corpus in sets if corpus]
        report = [measured_on(given.rounds), "", *floor_table(dist, scan, sets, given.rounds)]
        report += jobs_lines(binary, sets, given.rounds)
        report += ["", *readers_table(dist / "examples" / "members", sets, given.rounds)]
        if given.peers and (python := peers.installed(cache)):
            rows, good = peers.compare(python, scan, sets[-1].folder / "trail", given.rounds)
            report += ["", *peers_table(sets[-1], rows)]
        print("\n".join(report), flush=True)
    per_event = instructions.counted(
        binary, dist / "templates", corpora.small(binary, cache))
    if per_event and given.accept:
        instructions.accept(per_event)
    elif per_event:
        good = instructions.compare(per_event) and good
    if given.write and report:
        write_page(report)
    return 0 if good else 1


def floor_table(dist, scan, sets, rounds):
    lines = [
        "| read | events | CPU per event | times the floor | goal | peak memory | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for corpus in sets:
        for work in WORKS:
            lines.append(floor_row(dist / "floor", scan, corpus, work, rounds))
            print(lines[-1], file=sys.stderr)
    return lines


def floor_row(floor, scan, corpus, work, rounds):
    folder = corpus.folder / work.part
    events = json.loads(measure.run([*scan, "--format", "json", folder]).output)["records"]["read"]
    floors, runs = [], []
    for _ in range(rounds):
        floors.append(measure.run([floor, folder]))
        with tempfile.TemporaryDirectory() as fresh:
            store = ["--db", f"{fresh}/store.db"] if work.with_store else []
            runs.append(measure.run([*scan, *store, folder]))
    each = measure.Spread.of([run.cpu for run in runs]).median / events
    ratio = measure.Spread.of([run.cpu / floor.cpu for run, floor in zip(runs, floors)])
    memory = max(run.memory for run in runs)
    memory_max = work.memory_max
    if work.above_largest_file:
        memory_max += json.loads(floors[0].output)["largest"]
    return (f"| {corpus.name} {work.title} | {events} | {each * 1e6:.2f} µs | {ratio} "
            f"| {goal(ratio.median, work.times_floor_max)} "
            f"| {memory / MB:.0f} MB | {goal(memory / MB, memory_max and memory_max / MB)} |")


def goal(value, limit):
    if limit is None:
        return ""
    return f"at most {limit:.4g}: {'met' if value <= limit else 'missed'}"


def jobs_lines(binary, sets, rounds):
    """Returns the gain in wall time by a second thread, if a scan can use more than one."""
    if not instructions.one_thread(binary):
        return []
    lines = [""]
    for corpus in sets:
        folder, gains = corpus.folder / "trail", []
        for _ in range(rounds):
            one, two = (measure.run([binary, "scan", "--jobs", jobs, folder]) for jobs in "12")
            gains.append(one.wall / two.wall)
        gain = measure.Spread.of(gains)
        met = "met" if gain.median >= JOBS_GAIN_MIN else "missed"
        lines.append(f"Two threads read the {corpus.name} trail files {gain} times as fast as one "
                     f"(goal: at least {JOBS_GAIN_MIN}: {met}).")
    return lines


READERS = ["json", "sonic-rs", "serde_json"]
READ = {"members": "16 members of each record", "failures": "those of the failed records of a list"}


def readers_table(members, sets, rounds):
    """Returns the time of each reader of JSON for finding the same members, measured in turns in one process."""
    lines = [
        "Finding the same members in the records of the trail files, CPU per record:",
        "",
        f"| find | {' | '.join(READERS)} |",
        "|---|---|---|---|",
    ]
    for corpus in sets:
        result = json.loads(measure.run([members, rounds, corpus.folder / "trail"]).output)
        for work, title in READ.items():
            took = result["nanoseconds_each"][work]
            ours = took[READERS[0]]
            cells = [f"{took[reader]:.0f} ns ({took[reader] / ours:.2f}×)" for reader in READERS]
            lines.append(f"| {corpus.name}: {title} | {' | '.join(cells)} |")
    return lines


def peers_table(corpus, rows):
    return [
        f"Other tools counting the same errors in the {corpus.name} trail files, one thread each:",
        "",
        "| tool | times the CPU of cloudtrail-inspector | goal | peak memory |",
        "|---|---|---|---|",
        *rows,
    ]


def measured_on(rounds):
    """Returns a sentence about the machine and the date of the measurement."""
    return (f"Measured {datetime.date.today()} on {processor()}, {os.cpu_count()} cores: medians "
            f"of {rounds} rounds, with minimum and maximum.")


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        return re.search(r"model name\s*: (.*)", text)[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def write_page(report):
    text = PAGE.read_text(encoding="utf-8")
    table = "\n".join(report) + "\n"
    PAGE.write_text(MARKED.sub(lambda _: table, text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
