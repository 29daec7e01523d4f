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
class Part:
    """A folder of a corpus, with the goals of reading it. The gate must be met, the stretch goal is beyond it."""

    title: str
    # Times the floor, by output: gate and stretch goal.
    times_floor_max: dict
    # Times the CPU of `sonic-rs`, which fills a struct with the fields that a scan reads, and does nothing else.
    times_typed_max: float | None = None
    memory_max: int | None = None
    above_largest_file: bool = False


# What a scan prints or writes, and its arguments; `STORE` stands for a new file.
STORE = object()
OUTPUTS = {
    "table": [],
    "JSON without samples": ["--format", "json", "--no-samples"],
    "JSON": ["--format", "json"],
    "`--db`": ["--db", STORE],
}
PARTS = {
    "trail": Part("trail files", {"table": (2.1, 1.8), "JSON": (3.0, 2.6), "`--db`": (3.2, 2.8)},
                  times_typed_max=0.8, memory_max=12 * MB, above_largest_file=True),
    "payload": Part("payloads", {"table": (4.5, 3.4), "JSON": (8, 5.5)},
                    times_typed_max=1.8, memory_max=12 * MB),
    "storm": Part("payloads of a storm", {"table": (3.8, 3.0)}, times_typed_max=1.5),
    "bursts": Part("errors of S3 in payloads", {"table": (3.7, 2.8)}),
}
# JSON is for programs as the table is for people: what both have must not cost much more.
JSON_TIMES_TABLE_MAX = 1.2
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
        real = [corpus for corpus in [corpora.bursts(cache)] if corpus]
        report = [measured_on(given.rounds), ""]
        report += floor_table(dist, scan, sets + real, given.rounds)
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
        "| read | output | CPU per event | times the floor | gate | stretch | peak memory | goal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    remarks = []
    for corpus in sets:
        for name, part in PARTS.items():
            if (corpus.folder / name).exists():
                rows, said = part_rows(dist, scan, corpus, name, part, rounds)
                lines += rows
                remarks += said
                print("\n".join(rows), file=sys.stderr)
    return [*lines, "", *remarks]


def part_rows(dist, scan, corpus, name, part, rounds):
    """Runs the floor, `sonic-rs` and each output in turns; returns a row for each output, and sentences."""
    folder, title = corpus.folder / name, f"{corpus.name} {part.title}"
    events = json.loads(measure.run([*scan, "--format", "json", folder]).output)["records"]["read"]
    floors, typed, runs = [], [], {output: [] for output in OUTPUTS}
    for _ in range(rounds):
        floors.append(measure.run([dist / "floor", folder]))
        typed.append(measure.run([dist / "examples" / "typed", folder]))
        for output, options in OUTPUTS.items():
            with tempfile.TemporaryDirectory() as fresh:
                store = f"{fresh}/store.db"
                given = [store if option is STORE else option for option in options]
                runs[output].append(measure.run([*scan, *given, folder]))
    rows = [output_row(f"{title} | {output}", part, output, events, floors, runs[output])
            for output in OUTPUTS]
    parsed = ratios(typed, floors)
    remarks = [f"`sonic-rs` fills structs from the {title} in {parsed} times the floor."]
    if part.times_typed_max:
        against = ratios(runs["table"], typed)
        remarks[0] += (f" The table takes {against} times its CPU "
                       f"({goal(against.median, part.times_typed_max)}).")
    beside = ratios(runs["JSON without samples"], runs["table"])
    remarks[0] += (f" JSON without samples takes {beside} times the CPU of the table "
                   f"({goal(beside.median, JSON_TIMES_TABLE_MAX)}).")
    return rows, [remarks[0], ""]


def output_row(title, part, output, events, floors, runs):
    each = measure.Spread.of([run.cpu for run in runs]).median / events
    ratio = ratios(runs, floors)
    gate, stretch = part.times_floor_max.get(output, (None, None))
    memory = max(run.memory for run in runs)
    memory_max = part.memory_max if output in ("table", "`--db`") else None
    if memory_max and part.above_largest_file:
        memory_max += json.loads(floors[0].output)["largest"]
    return (f"| {title} | {each * 1e6:.2f} µs | {ratio} "
            f"| {goal(ratio.median, gate)} | {goal(ratio.median, stretch)} "
            f"| {memory / MB:.0f} MB | {goal(memory / MB, memory_max and memory_max / MB)} |")


def ratios(runs, others):
    """Returns how many times the CPU of the others the runs took, round by round."""
    return measure.Spread.of([run.cpu / other.cpu for run, other in zip(runs, others)])


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
        f"Other tools counting the same errors in the {corpus.name} trail files, one thread each. "
        "They print JSON without samples, and so does cloudtrail-inspector:",
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
