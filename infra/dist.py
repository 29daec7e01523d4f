#!/usr/bin/env python3
"""Builds the command line program for a release, optimised by a profile: a build that counts, a run, and a build that uses
the counts.

The run scans files that the program itself makes up, as a table, as JSON and into a store. Only the crates of this
repository are built twice. They are compiled through a wrapper of the compiler, which adds the option of the profile.

Usage: dist.py TARGET [OPTIONS]
       TARGET is Cargo's target folder; OPTIONS are those of "cargo build", such as --no-default-features --features cli
The environment variable LLVM_PROFDATA names the program that reads the counts, if it is not found.
Exit codes: 0 built, 1 failed, 2 the program that reads the counts is missing.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "cloudtrail-inspector"
BUILD = ["cargo", "build", "--locked", "--profile", "dist", "-p", NAME, "--bin", NAME]
# The first version of llvm-profdata that reads the counts of a compiler of 2026.
LLVM_LEAST = 19
MISSING = f"""dist: llvm-profdata of LLVM {LLVM_LEAST} or newer was not found. Install one of
  rustup component add llvm-tools
  apt-get install llvm-{LLVM_LEAST}
or name it: LLVM_PROFDATA=/path/to/llvm-profdata make dist"""

PLAN = ["--seed", "7", "--hours", "2", "--events-per-hour"]
TRAINING = {
    "trail": [*PLAN, "12000", "--sound"],
    "payload": [*PLAN, "30000", "--payloads", "20"],
    "storm": [*PLAN, "30000", "--payloads", "2600"],
}


def main():
    target, options = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    reader = profdata()
    if reader is None:
        print(MISSING, file=sys.stderr)
        return 2
    folder = target / "profile"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "counts").mkdir(parents=True)
    built = target / "dist" / NAME
    build(options, target, wrapper(folder, f"-Cprofile-generate={folder / 'counts'}"))
    train(built, folder)
    merged = folder / "merged.profdata"
    subprocess.run([reader, "merge", "-o", merged, folder / "counts"], check=True)
    build(options, target, wrapper(folder, f"-Cprofile-use={merged}"))
    print(f"dist: {built}, optimised by a profile")
    return 0


def profdata():
    """Returns the program that reads the counts, or `None`."""
    given = os.environ.get("LLVM_PROFDATA")
    if given:
        return given
    sysroot = subprocess.run(
        ["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True, cwd=ROOT)
    found = pathlib.Path(sysroot.stdout.strip()).glob("lib/rustlib/*/bin/llvm-profdata")
    versions = range(LLVM_LEAST + 20, LLVM_LEAST - 1, -1)
    names = ["llvm-profdata", *(f"llvm-profdata-{version}" for version in versions)]
    candidates = [*map(str, found), *filter(None, map(shutil.which, names))]
    return next(filter(is_new_enough, candidates), None)


def is_new_enough(program):
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    version = re.search(r"LLVM version (\d+)", done.stdout)
    return version is not None and int(version[1]) >= LLVM_LEAST


def wrapper(folder, option):
    """Writes a program that calls the compiler with one more option. Its name depends on what the option does, because
    Cargo compiles a crate again if the name of the wrapper is another one."""
    content = f'#!/bin/sh\nexec "$@" "{option}"\n'
    profile = folder / "merged.profdata"
    made_by = content.encode() + (profile.read_bytes() if profile.exists() else b"")
    path = folder / f"rustc-{hashlib.sha256(made_by).hexdigest()[:12]}"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o755)
    return path


def build(options, target, compiler):
    environment = {**os.environ, "RUSTC_WORKSPACE_WRAPPER": str(compiler)}
    environment.pop("CLIPPY_ARGS", None)
    command = [*BUILD, "--target-dir", str(target), *options]
    subprocess.run(command, check=True, env=environment, cwd=ROOT)


def train(built, folder):
    """Runs the program as users do; the counts are written where the first build says."""
    # Makes up the files without counting, because users read files and do not make them.
    quiet = {**os.environ, "LLVM_PROFILE_FILE": str(folder / "unused.profraw")}
    for part, options in TRAINING.items():
        run([built, "generate", *options, folder / part], quiet)
    scans = [[], ["--format", "json"], ["--format", "json", "--no-samples"]]
    for part in TRAINING:
        for options in scans:
            run([built, "scan", "--jobs", "1", *options, folder / part])
    run([built, "scan", "--db", folder / "trail.db", folder / "trail"])
    run([built, "scan", "--html", folder / "trail.html", folder / "trail"])


def run(command, environment=None):
    subprocess.run(
        command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        sys.exit(f"dist: {failed}")
