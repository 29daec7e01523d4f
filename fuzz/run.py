#!/usr/bin/env python3
"""Feeds the fuzzer's targets made-up input for some time; what is found fails, and stays found.

Usage: run.py --time SECONDS [--target NAME] [--sanitizer NAME]
Each target begins with the seeds in `fuzz/corpus` and with what earlier runs found interesting,
which is kept in `fuzz/target/found`. Exit codes: 0 nothing found, 1 a finding; how to repeat it is
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
# The longest inputs; what is beyond is more of the same, and slower.
TARGETS = {"reader": 8192, "splitter": 4096, "templater": 2560, "redactor": 1024, "explain": 8192}
# Inputs that take longer than a second or more memory than the engine ever should are findings.
LIMITS = ["-timeout=1", "-rss_limit_mb=256"]
FIXTURES = pathlib.Path("tests/fixtures/records")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=int, default=60, help="seconds for each target")
    parser.add_argument("--target", choices=TARGETS, help="this one only")
    parser.add_argument("--sanitizer", default="none", help="address, for code that is unsafe")
    given = parser.parse_args()
    if shutil.which("cargo-fuzz") is None:
        sys.exit("fuzz: cargo-fuzz is not installed; cargo install cargo-fuzz")
    targets = [given.target] if given.target else TARGETS
    found = [target for target in targets if not fuzz(target, given.time, given.sanitizer)]
    return 1 if found else 0


def fuzz(target, seconds, sanitizer):
    """Runs one target; `False` says that it found something."""
    kept = FUZZ / "target" / "found" / target
    kept.mkdir(parents=True, exist_ok=True)
    log = kept.with_suffix(".log")
    # The first folder takes what is interesting, the others are only read.
    folders = [kept, FUZZ / "corpus" / target, FIXTURES]
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
    tell(target, sanitizer, crash[1], text)
    return False


def tell(target, sanitizer, crash, text):
    """Says what was found and how to repeat it."""
    said = re.search(r"panicked at .*(?:\n.*){0,4}", text)
    print(f"fuzz: {target}: found {crash}")
    print(said[0] if said else "\n".join(re.findall(r"==\d+== ?ERROR.*", text)))
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
    """Returns how to call Cargo; cargo-fuzz needs what only a nightly toolchain may do."""
    return ["cargo", "+nightly"] if has_nightly() else ["cargo"]


def environment():
    """Returns the environment; without a nightly toolchain the stable one is let do the same."""
    # Freed memory that the address sanitizer holds back must not count as the engine's.
    environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=8"}
    # The fuzzer's own target folder keeps what it builds apart from the product.
    environment.pop("CARGO_TARGET_DIR", None)
    if not has_nightly():
        environment["RUSTC_BOOTSTRAP"] = "1"
    return environment


if __name__ == "__main__":
    sys.exit(main())
