#!/usr/bin/env python3
"""Runs a command with an emulator of AWS; if no emulator can be installed, prints that and runs the command without.

Usage: beside.py VENVS COMMAND…    VENVS is the folder with the Python environments
Exit codes: those of the command; 2 wrong usage.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "infra" / "tools"))
import environment  # infra/tools/environment.py


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    venvs, *command = arguments
    try:
        emulator = environment.commands("emulator", venvs)
    except environment.CannotBeMade as reason:
        print(f"no emulator of AWS; tests that need it are skipped: {reason}")
    else:
        command = [emulator / "python", "-B", HERE / "command.py", emulator / "ministack", *command]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
