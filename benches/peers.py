"""Compares the product with other tools on the same task: the errors in trail files and their numbers.

Each tool prints the number of events by (eventSource, eventName, errorCode), and all must print the same numbers.
`cloudtrail-inspector` prints clusters, which have more details. Their counts are compared with the same groups, after
the differences that docs/concepts.md documents: a repeated event counts once, a dry run does not count, and versions
are removed from event names.
"""

import collections
import gzip
import importlib.metadata
import json
import os
import re
import subprocess
import sys

import measure
import peer

# Package to install, name of the tool, and its expected CPU time as a multiple of the product's.
PEERS = {
    "chdb": ("chdb", "ClickHouse engine (chdb {})", 2.6),
    "polars": ("polars", "Polars {}", 6.0),
    "python": (None, "Python {}, gzip and json", 9.0),
}
VERSION = re.compile(r"(20\d\d)_?\d\d_?\d\d(v\d\d?)?$")


def installed(cache):
    """Returns the Python interpreter with the other tools, or `None` if they cannot be installed."""
    python = cache / "venv" / "bin" / "python"
    packages = [package for package, _, _ in PEERS.values() if package]
    if not (cache / "venv" / "complete").exists():
        print(f"peers: installing {' and '.join(packages)} into {cache / 'venv'}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", cache / "venv"], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, *packages]).returncode:
            print("peers: skipped, they cannot be installed; is there a network?")
            return None
        (cache / "venv" / "complete").touch()
    return python


def compare(python, scan, folder, rounds):
    """Runs all tools; returns the rows of a table, and whether all found the same numbers."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    commands = {name: [python, "benches/peer.py", name, folder] for name in PEERS}
    runs = collections.defaultdict(list)
    for _ in range(rounds):
        runs["own"].append(measure.run([*scan, "--format", "json", "--no-samples", folder]))
        for name, command in commands.items():
            runs[name].append(measure.run(command, environment))
    groups = {name: json.loads(runs[name][0].output) for name in PEERS}
    good = True
    for name in PEERS:
        if groups[name] != groups["python"]:
            print(f"peers: {name} does not find what the standard library finds: FAILED")
            good = False
    good = agrees(json.loads(runs["own"][0].output), folder) and good
    rows = [row(python, name, runs[name], runs["own"]) for name in PEERS]
    return rows, good


def row(python, name, runs, own):
    package, title, goal = PEERS[name]
    ratio = measure.Spread.of([run.cpu / mine.cpu for run, mine in zip(runs, own)])
    memory = measure.Spread.of([run.memory for run in runs])
    met = "met" if ratio.median >= goal else "missed"
    version = title.format(version_of(python, package))
    return f"| {version} | {ratio} | at least {goal:g}: {met} | {memory.median / 1e6:.0f} MB |"


def version_of(python, package):
    if package is None:
        return sys.version.split()[0]
    sites = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True, text=True, check=True)
    found = importlib.metadata.distributions(name=package, path=[sites.stdout.strip()])
    return next(iter(found)).version


def agrees(scanned, folder):
    """Checks whether the product's clusters have the same numbers of events as the files."""
    expected, found = events_with_code(folder), collections.Counter()
    for cluster in scanned["clusters"]:
        for code in cluster["facets"].get("error_code", {"values": []})["values"]:
            key = (cluster["event_source"], cluster["event_name"], code["value"])
            found[key] += code["count"]
    different = {key for key in expected | found if expected[key] != found[key]}
    for key in sorted(different)[:10]:
        print(f"peers: {key}: {found[key]} counted, {expected[key]} in the files: FAILED")
    return not different


def events_with_code(folder):
    """Counts distinct events by group, without dry runs."""
    seen, groups = set(), collections.Counter()
    for path in peer.files(folder):
        with gzip.open(path) as file:
            for record in json.load(file)["Records"]:
                code = record.get("errorCode")
                event = record.get("eventID") or json.dumps(record)
                if not code or "DryRun" in code or event in seen:
                    continue
                seen.add(event)
                name = VERSION.sub("", record["eventName"])
                groups[record["eventSource"], name, code] += 1
    return groups
