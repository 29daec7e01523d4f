#!/usr/bin/env python3
"""Runs the end-to-end tests: the command line and the functions with emulators of AWS on this machine.

Creates the Python environments of the SAM CLI and of the emulators, separately because their packages conflict, and runs
the named tests in that of the first emulator. "story" deploys the stack. "large" processes large batches. "roles" follows
a few errors through all functions. "upgrade" updates a stack of an older release. "drill" breaks each stage of a drill. Only pip,
npm and cargo use the network, to download packages.

Usage: run.py VENVS BINARY [NAME…]    VENVS is the folder of the environments, BINARY the command line program
       NAME is the test to run; the default is "story"
Exit codes: 0 all passed or were skipped, with the reason printed; 1 a test failed; 2 wrong usage.
"""

import os
import pathlib
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "infra" / "tools"))
import environment  # infra/tools/environment.py

# For the build, which may be the first one, and for the test, which needs one or two minutes.
TIMEOUT_SECONDS = 3600
# How long a test may need to stop its emulator after SIGTERM.
GRACE_SECONDS = 30


# The environment of each command.
ENVIRONMENTS = {"sam": "sam", "ministack": "emulator", "moto_server": "moto", "dynalite": "dynalite"}
# The commands that each test needs, in the order of its arguments, and those of them that are optional.
NEEDS = {
    "story": ["sam", "ministack"], "large": ["moto_server", "ministack", "dynalite"], "roles": ["moto_server"], "upgrade": ["ministack"],
    "drill": ["ministack"],
}
OPTIONAL = {"large": ["moto_server", "dynalite"]}


def main(arguments):
    venvs, binary, *names = arguments if len(arguments) > 1 else [None, None]
    names = names or ["story"]
    if venvs is None or not set(names) <= NEEDS.keys():
        print(__doc__, file=sys.stderr)
        return 2
    done = [run(name, venvs, pathlib.Path(binary).resolve()) for name in names]
    return 0 if all(done) else 1


def run(name, venvs, binary):
    """Runs one test, and returns whether it passed; a test whose commands cannot be installed here is skipped and passes."""
    commands = []
    try:
        python = environment.commands("emulator", venvs) / "python"
        for command in NEEDS[name]:
            try:
                commands.append(environment.commands(ENVIRONMENTS[command], venvs) / command)
            except environment.CannotBeMade as reason:
                if command not in OPTIONAL.get(name, []):
                    raise
                print(f"{name}: {command} skipped: {reason}")
    except environment.CannotBeMade as reason:
        print(f"{name} skipped: {reason}")
        return True
    command = [python, "-B", HERE / f"{name}.py", *commands, binary]
    return bounded(subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"})) == 0


def bounded(process):
    """Returns the exit code of a process; after the time limit or a signal, asks the process to clean up and end."""
    stop = lambda *_: sys.exit(1)
    signal.signal(signal.SIGTERM, stop)
    try:
        return process.wait(TIMEOUT_SECONDS)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, subprocess.TimeoutExpired) as stopped:
        sys.exit(f"run.py: stopped: {type(stopped).__name__}")
