#!/usr/bin/env python3
"""Builds the function's binary for the processor and the C library of Lambda, and puts it where SAM wants it.

For this machine's own processor cargo is enough, unless its C library is newer than Lambda's. Otherwise
cargo-lambda builds with zig's linker; both come from PyPI into an environment of their own.

SAM does not tell for which processor. So it is what the third argument says, or else what the last guided
deployment left in samconfig.toml, or else the template's default.

Usage: build.py TARGET ARTIFACTS [ARCHITECTURE]
       TARGET is the folder of cargo, ARTIFACTS the folder of SAM, ARCHITECTURE arm64 or x86_64
Takes the profile of cargo from PROFILE, which is "lambda" unless tests say otherwise.
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
# Of cargo. "dev" is what the tests have built already, which saves minutes.
PROFILE = os.environ.get("PROFILE") or "lambda"
FOLDER = {"dev": "debug"}.get(PROFILE, PROFILE)
# What to build, and how. The tests need more features of some dependencies than the program does, and "cargo build" would
# build those dependencies, and all above them, once more; "cargo test --no-run" takes them as they are.
OPTIONS = ["--locked", "--profile", PROFILE, "--bin", BINARY, "--no-default-features", "--features", "function"]
BUILD = ["test", "--locked", "--no-run", "--test", "it"] if PROFILE == "dev" else ["build", *OPTIONS]

# The name of a processor for Rust and its number in the head of an ELF file.
PROCESSORS = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}

# Amazon Linux 2023 has glibc 2.34; a binary that asks for a newer one does not start.
GLIBC_MINOR_MAX = 34


def build(architecture, target):
    """Returns the path of the binary, built."""
    rust, _ = PROCESSORS[architecture]
    if platform.system() == "Linux" and platform.machine() == rust:
        cargo(BUILD, target)
        built = target / FOLDER / BINARY
        if glibc_minor(built) <= GLIBC_MINOR_MAX:
            return built
        print("the C library of this machine is newer than Lambda's; building again against an older one")
    triple = f"{rust}-unknown-linux-gnu"
    # Its own choice of a folder would be that of the profile.
    folder = target / "cargo-lambda" / architecture
    command = ["lambda", "build", "--target", f"{triple}.2.{GLIBC_MINOR_MAX}", "--lambda-dir", str(folder)]
    cargo([*command, *OPTIONS], target, tools(target))
    return folder / BINARY / BINARY


def cargo(command, target, tools=None):
    path = os.environ["PATH"] if tools is None else f"{tools}{os.pathsep}{os.environ['PATH']}"
    # What make says to its own children is not meant for those of cargo.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    environment |= {"CARGO_TARGET_DIR": str(target), "PATH": path}
    command = ["cargo", *command]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        sys.exit(f"build.py: {' '.join(command)} failed; what it says is above")


def tools(target):
    """Returns the folder of the commands that build for another machine."""
    command = [sys.executable, HERE / "tools" / "environment.py", "cross", target / "venv"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("build.py: without cargo-lambda this machine builds for its own processor only; why is said above")
    return done.stdout.strip()


def glibc_minor(path):
    """Returns the newest version 2.x of glibc that a binary asks for, 0 if none."""
    return max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", path.read_bytes())), default=0)


def complaint(path, architecture):
    """Returns why Lambda would not start a binary, or nothing."""
    _, number = PROCESSORS[architecture]
    if not path.exists():
        return f"{path} is where the binary should be, and is not"
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF" or int.from_bytes(head[18:20], "little") != number:
        return f"{path} is no binary for {architecture}"
    if glibc_minor(path) > GLIBC_MINOR_MAX:
        return f"{path} asks for glibc 2.{glibc_minor(path)}, Lambda has 2.{GLIBC_MINOR_MAX}"
    return None


def deployed_to():
    """Returns the processor that the parameters of the next deployment name."""
    saved = re.search(r"\bArchitecture=\W*(\w+)", (ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    default = re.search(r"(?m)^  Architecture:\n(?:    .*\n)*?    Default: (\w+)$", template)
    return (saved or default).group(1)


def main(arguments):
    arguments = [argument for argument in arguments if argument]
    architecture = arguments[2] if len(arguments) == 3 else deployed_to()
    if len(arguments) not in (2, 3) or architecture not in PROCESSORS:
        print(__doc__, file=sys.stderr)
        return 2
    target, artifacts = (pathlib.Path(argument) for argument in arguments[:2])
    target = target.resolve()
    built = build(architecture, target)
    wrong = complaint(built, architecture)
    if wrong:
        print(f"build.py: {wrong}", file=sys.stderr)
        return 1
    artifacts.mkdir(parents=True, exist_ok=True)
    shutil.copy2(built, artifacts / BINARY)
    print(f"{BINARY} for {architecture}, {built.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
