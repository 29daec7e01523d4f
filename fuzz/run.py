#!/usr/bin/env python3
"""Runs the fuzz targets for some time each; fails if a target finds a failing input, and saves the input.

Usage: run.py --time SECONDS [--target NAME] [--sanitizer NAME]
Each target starts with the seeds in `fuzz/corpus` and with the inputs of earlier runs in
`fuzz/target/found`. Exit codes: 0 nothing found, 1 a failing input; the command to repeat it is
printed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

FUZZ = pathlib.Path("fuzz")
# The longest inputs in bytes of each target; longer inputs are slower and find nothing more.
TARGETS = {"reader": 8192, "splitter": 4096, "templater": 2560, "redactor": 1024, "explain": 8192,
           "wrappings": 2048, "tables": 4096, "ocsf": 2048, "watches": 4096, "documents": 4096}
# An input that needs more than one second, or more memory than the program may use, is a failing input.
LIMITS = ["-timeout=1", "-rss_limit_mb=256"]
FIXTURES = pathlib.Path("tests/fixtures/records")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=int, default=60, help="seconds for each target")
    parser.add_argument("--target", choices=TARGETS, help="run only this target")
    parser.add_argument("--sanitizer", default="none", help="sanitizer: none, or address for unsafe code")
    given = parser.parse_args()
    if shutil.which("cargo-fuzz") is None:
        sys.exit("fuzz: cargo-fuzz is not installed; cargo install cargo-fuzz")
    targets = [given.target] if given.target else TARGETS
    found = [target for target in targets if not fuzz(target, given.time, given.sanitizer)]
    return 1 if found else 0


def fuzz(target, seconds, sanitizer):
    """Runs one target; returns whether it found nothing."""
    corpus = FUZZ / "target" / "found" / target
    corpus.mkdir(parents=True, exist_ok=True)
    log = corpus.with_suffix(".log")
    # The fuzzer writes new inputs to the first folder, and only reads the others.
    folders = [corpus, FUZZ / "corpus" / target, FIXTURES]
    command = [*cargo(), "fuzz", "run", "--sanitizer", sanitizer, target, *folders, "--",
               *LIMITS, f"-max_len={TARGETS[target]}", f"-max_total_time={seconds}",
               f"-dict={FUZZ / 'cloudtrail.dict'}", "-print_final_stats=1"]
    with log.open("w") as output:
        status = subprocess.run(
            command, env=environment(), stdout=output, stderr=subprocess.STDOUT).returncode
    text = log.read_text(errors="replace")
    if status == 0:
        runs = re.search(r"stat::number_of_executed_units: *(\d+)", text)
        print(f"fuzz: {target}: {seconds} s, {runs[1]} inputs, nothing found", flush=True)
        return True
    crash = re.search(r"Test unit written to (\S+)", text)
    if not crash:
        print(f"fuzz: {target}: did not run, see {log}\n{text[-2000:]}")
        return False
    report(target, sanitizer, crash[1], text)
    return False


def report(target, sanitizer, crash, text):
    """Prints the failing input and the commands to repeat, shorten and keep it."""
    message = re.search(r"panicked at .*(?:\n.*){0,4}", text)
    print(f"fuzz: {target}: found {crash}")
    print(message[0] if message else "\n".join(re.findall(r"==\d+== ?ERROR.*", text)))
    shown = " ".join(cargo() if has_nightly() else ["RUSTC_BOOTSTRAP=1", *cargo()])
    print(f"  repeat:  {shown} fuzz run --sanitizer {sanitizer} {target} {crash}")
    print(f"  shorten: {shown} fuzz tmin --sanitizer {sanitizer} {target} {crash}")
    print(f"  keep:    cp {crash} fuzz/corpus/{target}/what-it-shows && cargo test fuzz")


def has_nightly():
    if shutil.which("rustup") is None:
        return False
    listed = subprocess.run(["rustup", "toolchain", "list"], capture_output=True, text=True)
    return "nightly" in listed.stdout


def cargo():
    """Returns the Cargo command; cargo-fuzz needs features of a nightly toolchain."""
    return ["cargo", "+nightly"] if has_nightly() else ["cargo"]


def environment():
    """Returns the environment; without a nightly toolchain, nightly features are allowed in the stable one."""
    # Freed memory that the address sanitizer retains must not count for the memory limit.
    environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=8"}
    # The fuzzer uses its own target folder, so that its builds do not replace those of the program.
    environment.pop("CARGO_TARGET_DIR", None)
    if not has_nightly():
        environment["RUSTC_BOOTSTRAP"] = "1"
    return environment


if __name__ == "__main__":
    sys.exit(main())
