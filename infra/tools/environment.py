#!/usr/bin/env python3
"""Creates the environments that are needed to build, check and test the stack.

Files in this folder pin their packages: NAME.txt defines a virtual environment with packages from PyPI, NAME.npm a folder with
packages from npm. An environment is created once, and again when its file changes.

Usage: environment.py NAME FOLDER    creates FOLDER/NAME and prints the folder of its commands
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not possible on this machine, with the reason printed.
"""

import pathlib
import platform
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# The machines for which PyPI has wheels of the pinned packages, with exceptions.
MACHINES = {"Linux": ("x86_64", "aarch64", "arm64"), "Darwin": ("x86_64", "arm64")}
EXCEPTIONS = {("emulator", "Darwin", "x86_64"): "cbor2 has no wheel for macOS on x86_64"}

# The oldest supported Node.js for packages from npm.
NODE_MIN = 20

TIMEOUT_SECONDS = 900

# Parts of messages of pip and npm when the registry cannot be reached, unlike those for a missing package.
NETWORK_ERRORS = (
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ENOTFOUND",
    "ETIMEDOUT",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "SSLError",
    "Network is unreachable",
)


class CannotBeMade(Exception):
    """The environment cannot be created on this machine; the text is the reason."""


def commands(name, folder):
    """Creates the environment if it is missing or outdated, and returns the folder of its commands."""
    system, machine = platform.system(), platform.machine()
    if machine not in MACHINES.get(system, ()):
        raise CannotBeMade(
            f"the tools of the stack are for Linux and macOS on x86_64 or arm64, this is {system} on {machine}"
        )
    if (name, system, machine) in EXCEPTIONS:
        raise CannotBeMade(EXCEPTIONS[name, system, machine])
    packages = HERE / f"{name}.npm"
    is_npm = packages.exists()
    requirements = packages if is_npm else HERE / f"{name}.txt"
    wanted = requirements.read_text(encoding="utf-8")
    venv = pathlib.Path(folder).resolve() / name
    # Written last, so that an interrupted environment is created again.
    made = venv / "made-from.txt"
    if not made.exists() or made.read_text(encoding="utf-8") != wanted:
        print(f"installing {requirements.name} into {venv}", file=sys.stderr)
        shutil.rmtree(venv, ignore_errors=True)
        (make_npm_folder if is_npm else make)(venv, requirements)
        made.write_text(wanted, encoding="utf-8")
    return venv / "node_modules" / ".bin" if is_npm else venv / "bin"


def make_npm_folder(folder, packages):
    version = run(["node", "--version"]) if shutil.which("node") and shutil.which("npm") else None
    if version is None or int(version.stdout.strip("v\n").split(".")[0]) < NODE_MIN:
        raise CannotBeMade(f"node {NODE_MIN} or newer and npm are not installed")
    lines = packages.read_text(encoding="utf-8").splitlines()
    folder.mkdir(parents=True)
    npm = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--fetch-retries=2", "--fetch-retry-mintimeout=1000"]
    install([*npm, "--fetch-retry-maxtimeout=5000"], [line for line in lines if line[:1] != "#"], packages)


def make(venv, requirements):
    done = run([sys.executable, "-m", "venv", str(venv)])
    if done.returncode != 0:
        raise CannotBeMade(f"python3 -m venv failed, install python3-venv: {last_line(done)}")
    pip = [str(venv / "bin" / "pip"), "--disable-pip-version-check", "--retries", "2", "--timeout", "20"]
    # Without compilation: Python compiles a module at its first use, and most modules are never used.
    install([*pip, "install", "--quiet", "--no-compile", "--requirement"], [str(requirements)], requirements)


def install(command, what, named_in):
    done = run([*command, *what])
    if done.returncode == 0:
        return
    if any(word in done.stdout for word in NETWORK_ERRORS):
        raise CannotBeMade(f"the packages of {named_in.name} cannot be downloaded: no network")
    sys.exit(f"environment.py: the packages of {named_in} cannot be installed:\n{done.stdout}")


def run(command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_SECONDS, check=False
    )


def last_line(done):
    return (done.stdout.strip().splitlines() or ["no message"])[-1]


def main(arguments):
    names = sorted(path.stem for kind in ("txt", "npm") for path in HERE.glob(f"*.{kind}"))
    if len(arguments) != 2 or arguments[0] not in names:
        print(f"{__doc__}\nNAME is one of: {', '.join(names)}", file=sys.stderr)
        return 2
    try:
        print(commands(*arguments))
    except CannotBeMade as reason:
        print(f"environment.py: {reason}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
