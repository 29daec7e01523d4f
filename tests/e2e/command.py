#!/usr/bin/env python3
"""Runs a command beside an emulator, which it finds in AWS_ENDPOINT_URL.

Usage: command.py MINISTACK COMMAND…    beside.py knows where the emulator is
Exit codes: the command's.
"""

import os
import subprocess
import sys

from emulator import running

if __name__ == "__main__":
    with running(sys.argv[1]) as emulator:
        environment = os.environ | {"AWS_ENDPOINT_URL": emulator.url}
        code = subprocess.run(sys.argv[2:], env=environment, check=False).returncode
    sys.exit(code)
