"""Counts processor instructions, which unlike time do not depend on how busy the machine is.

Counts are compared with those recorded in `instructions.json`.
"""

import json
import pathlib
import platform
import re
import shutil
import subprocess
import sys

RECORDED = pathlib.Path("benches/instructions.json")
RISE_MAX = 0.03
MESSAGES_TIMES = 10


def counted(binary, templates, corpus):
    """Returns instructions per event, or `None` if valgrind is not installed."""
    if shutil.which("valgrind") is None:
        print("instructions: skipped, valgrind is not installed")
        return None
    per_event = {}
    scan = [binary, "scan", *one_thread(binary)]
    for part in ("trail", "payload"):
        total, output = callgrind([*scan, "--format", "json", corpus.folder / part])
        read = json.loads(output)["records"]["read"]
        per_event[f"{part}, JSON"] = total / read
        total, _ = callgrind([*scan, corpus.folder / part])
        per_event[part] = total / read
    messages = error_messages(binary, corpus.folder / "payload") * MESSAGES_TIMES
    total, _ = callgrind([templates], input="\n".join(messages))
    per_event["template"] = total / len(messages)
    return {name: round(count) for name, count in per_event.items()}


def one_thread(binary):
    """Returns the arguments that limit a scan to one thread, if it can use more."""
    usage = subprocess.run([binary, "scan", "--help"], capture_output=True, text=True, check=True)
    return ["--jobs", "1"] if "--jobs" in usage.stdout else []


def callgrind(command, input=""):
    """Returns the number of instructions of a command, and its output."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        input=input, capture_output=True, text=True,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        sys.exit(f"instructions: failed: {command}\n{done.stderr[-2000:]}")
    return int(found[1]), done.stdout


def error_messages(binary, folder):
    """Returns the error messages of a corpus, from the samples in the output of a scan."""
    done = subprocess.run(
        [binary, "scan", "--format", "json", folder], capture_output=True, text=True, check=True)
    samples = [sample for cluster in json.loads(done.stdout)["clusters"]
               for sample in cluster["samples"]]
    return [sample["errorMessage"] for sample in samples if sample.get("errorMessage")]


def here():
    """Returns everything but the code on which the counts depend."""
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    return {"compiler": compiler.stdout.strip(), "machine": platform.machine()}


def accept(per_event):
    RECORDED.write_text(json.dumps({**here(), "per_event": per_event}, indent=2) + "\n")
    print(f"instructions: recorded in {RECORDED}")


def compare(per_event):
    """Prints the counts beside the recorded ones; `False` if a count rose too far."""
    recorded = json.loads(RECORDED.read_text())
    good = True
    for name, count in per_event.items():
        before = recorded["per_event"][name]
        change = count / before - 1
        verdict = "" if change <= RISE_MAX else f", more than {RISE_MAX:+.0%}: FAILED"
        print(f"instructions: {name}: {count} each, {before} recorded, {change:+.1%}{verdict}")
        good = good and not verdict
    for what, value in here().items():
        if recorded[what] != value:
            print(f"instructions: recorded with {what} {recorded[what]}, counted with {value}")
    if not good:
        print("instructions: make bench ACCEPT=1 records a rise that is worth it")
    return good
