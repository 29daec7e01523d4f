#!/usr/bin/env python3
"""Checks the template: creates the environment with the SAM CLI and runs the tests of this folder in it.

Usage: run.py VENVS [BINARY]    VENVS is the folder of the environments, BINARY the command line program
Exit codes: 0 all passed, or skipped with the reason printed; 1 a test failed; 2 wrong usage.
"""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "infra" / "tools"))
import environment  # infra/tools/environment.py

TIMEOUT_SECONDS = 600


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        tools = environment.commands("sam", arguments[0])
    except environment.CannotBeMade as reason:
        print(f"tests of the template skipped: {reason}")
        return 0
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "SAM_TOOLS": str(tools)}
    if len(arguments) == 2:
        variables["INSPECTOR"] = str(pathlib.Path(arguments[1]).resolve())
    command = [tools / "python", "-m", "unittest", "discover", "--start-directory", HERE]
    return 0 if subprocess.run(command, env=variables, timeout=TIMEOUT_SECONDS, check=False).returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
