#!/usr/bin/env python3
"""Runs the command line and the functions beside emulators on this machine, and looks whether they do what they are for.

Makes the environments of the SAM CLI and of the emulators, which do not go together, and runs what is asked for with
that of the first emulator: "story" deploys the stack, "large" takes large batches in, "roles" leads a failure through
all functions. Nothing leaves this machine but what pip and npm fetch.

Usage: run.py VENVS BINARY [NAME…]    VENVS is the folder of the environments, BINARY the command line
       NAME is what to run, "story" if nothing is given
Exit codes: 0 all went well, or skipped with the reason; 1 something did not; 2 wrong usage.
"""

import os
import pathlib
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "infra" / "tools"))
import environment  # infra/tools/environment.py

# For the build, which may be the first, and for what is run, which takes one or two minutes.
TIMEOUT_SECONDS = 3600
# After being asked to stop, how long one may take to stop its emulator.
GRACE_SECONDS = 30


# In which environment a command is.
ENVIRONMENTS = {"sam": "sam", "ministack": "emulator", "moto_server": "moto", "dynalite": "dynalite"}
# Which commands each needs, in the order in which it takes them; and which of them it can do without.
NEEDS = {"story": ["sam", "ministack"], "large": ["moto_server", "ministack", "dynalite"], "roles": ["moto_server"]}
CAN_DO_WITHOUT = {"large": ["moto_server", "dynalite"]}


def main(arguments):
    venvs, binary, *names = arguments if len(arguments) > 1 else [None, None]
    names = names or ["story"]
    if venvs is None or not set(names) <= NEEDS.keys():
        print(__doc__, file=sys.stderr)
        return 2
    done = [run(name, venvs, pathlib.Path(binary).resolve()) for name in names]
    return 0 if all(done) else 1


def run(name, venvs, binary):
    """Runs one of them, and returns whether all went well, as far as this machine can have what it takes."""
    commands = []
    try:
        python = environment.commands("emulator", venvs) / "python"
        for command in NEEDS[name]:
            try:
                commands.append(environment.commands(ENVIRONMENTS[command], venvs) / command)
            except environment.CannotBeMade as reason:
                if command not in CAN_DO_WITHOUT.get(name, []):
                    raise
                print(f"{name}: {command} skipped: {reason}")
    except environment.CannotBeMade as reason:
        print(f"{name} skipped: {reason}")
        return True
    command = [python, "-B", HERE / f"{name}.py", *commands, binary]
    return bounded(subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"})) == 0


def bounded(story):
    """Waits for what runs, and has it clean up when time is over or somebody asks to stop."""
    stop = lambda *_: sys.exit(1)
    signal.signal(signal.SIGTERM, stop)
    try:
        return story.wait(TIMEOUT_SECONDS)
    finally:
        if story.poll() is None:
            story.terminate()
            try:
                story.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                story.kill()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, subprocess.TimeoutExpired) as stopped:
        sys.exit(f"run.py: stopped: {type(stopped).__name__}")
