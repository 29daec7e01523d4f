#!/usr/bin/env python3
"""Starts an emulator and runs a command with AWS_ENDPOINT_URL set to its address.

Usage: command.py MINISTACK COMMAND…    beside.py finds MINISTACK
Exit codes: those of the command.
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
