#!/usr/bin/env python3
"""Builds the binary of the functions for the processor and the C library of Lambda, and copies it to SAM's folder.

Cargo alone builds for the processor of this machine, unless its C library is newer than Lambda's. Otherwise cargo-lambda
builds with the linker of zig. Both come from PyPI into their own environment.

SAM does not pass the processor. It is the third argument, else the value of the last guided deployment in samconfig.toml,
else the default of the template.

Usage: build.py TARGET ARTIFACTS [ARCHITECTURE]
       TARGET is Cargo's target folder, ARTIFACTS the output folder of SAM, ARCHITECTURE arm64 or x86_64
The environment variable PROFILE is Cargo's profile; the default is "lambda".
Exit codes: 0 built, 1 failed, 2 wrong usage.
"""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BINARY = "bootstrap"
# Cargo's profile. The tests use "dev", which they have built already; that saves minutes.
PROFILE = os.environ.get("PROFILE") or "lambda"
FOLDER = {"dev": "debug"}.get(PROFILE, PROFILE)
# The tests enable more features of some dependencies than the program. For "dev", "cargo build" would compile these and all
# crates that depend on them once more; "cargo test --no-run" uses them as the tests have built them.
OPTIONS = ["--locked", "--profile", PROFILE, "--bin", BINARY, "--no-default-features", "--features", "function"]
BUILD = ["test", "--locked", "--no-run", "--test", "it"] if PROFILE == "dev" else ["build", *OPTIONS]

# The processors: name for Rust, and e_machine in the ELF header.
PROCESSORS = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}

# Amazon Linux 2023 has glibc 2.34; a binary that requires a newer version does not start.
GLIBC_MINOR_MAX = 34


def build(architecture, target):
    """Builds the binary and returns its path."""
    rust, _ = PROCESSORS[architecture]
    if platform.system() == "Linux" and platform.machine() == rust:
        cargo(BUILD, target)
        built = target / FOLDER / BINARY
        if glibc_minor(built) <= GLIBC_MINOR_MAX:
            return built
        print("the C library of this machine is newer than Lambda's; building again against an older one")
    triple = f"{rust}-unknown-linux-gnu"
    # By default cargo-lambda would use the folder of the profile.
    folder = target / "cargo-lambda" / architecture
    command = ["lambda", "build", "--target", f"{triple}.2.{GLIBC_MINOR_MAX}", "--lambda-dir", str(folder)]
    cargo([*command, *OPTIONS], target, tools(target))
    return folder / BINARY / BINARY


def cargo(command, target, tools=None):
    path = os.environ["PATH"] if tools is None else f"{tools}{os.pathsep}{os.environ['PATH']}"
    # Flags of make must not reach builds that Cargo starts.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    environment |= {"CARGO_TARGET_DIR": str(target), "PATH": path}
    command = ["cargo", *command]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        sys.exit(f"build.py: {' '.join(command)} failed; see its messages above")


def tools(target):
    """Creates the environment for builds for other machines, and returns the folder of its commands."""
    command = [sys.executable, HERE / "tools" / "environment.py", "cross", target / "venv"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("build.py: without cargo-lambda this machine can only build for its own processor; see the reason above")
    return done.stdout.strip()


def glibc_minor(path):
    """Returns x of the newest glibc version 2.x that a binary requires; 0 if none."""
    return max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", path.read_bytes())), default=0)


def complaint(path, architecture):
    """Returns why Lambda cannot start a binary; None if it can."""
    _, number = PROCESSORS[architecture]
    if not path.exists():
        return f"the binary {path} does not exist"
    with path.open("rb") as file:
        header = file.read(20)
    if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") != number:
        return f"{path} is not a binary for {architecture}"
    if glibc_minor(path) > GLIBC_MINOR_MAX:
        return f"{path} requires glibc 2.{glibc_minor(path)}, Lambda has 2.{GLIBC_MINOR_MAX}"
    return None


def default_architecture():
    """Returns the processor of the next deployment: from samconfig.toml, else the default of the template."""
    saved = re.search(r"\bArchitecture=\W*(\w+)", (ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    default = re.search(r"(?m)^  Architecture:\n(?:    .*\n)*?    Default: (\w+)$", template)
    return (saved or default).group(1)


def main(arguments):
    arguments = [argument for argument in arguments if argument]
    architecture = arguments[2] if len(arguments) == 3 else default_architecture()
    if len(arguments) not in (2, 3) or architecture not in PROCESSORS:
        print(__doc__, file=sys.stderr)
        return 2
    target, artifacts = (pathlib.Path(argument) for argument in arguments[:2])
    target = target.resolve()
    built = build(architecture, target)
    problem = complaint(built, architecture)
    if problem:
        print(f"build.py: {problem}", file=sys.stderr)
        return 1
    artifacts.mkdir(parents=True, exist_ok=True)
    shutil.copy2(built, artifacts / BINARY)
    print(f"{BINARY} for {architecture}, {built.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
