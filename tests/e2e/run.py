#!/usr/bin/env python3
"""Deploys the stack to an emulator on this machine and looks whether it does what it is for.

Makes the environments of the SAM CLI and of the emulator, which do not go together, and runs the story in
story.py with the emulator's. Nothing leaves this machine but what pip fetches.

Usage: run.py VENVS BINARY    VENVS is the folder of the environments, BINARY the command line
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

# For the build, which may be the first, and for the story, which takes one or two minutes.
TIMEOUT_SECONDS = 3600
# After being asked to stop, how long the story may take to stop the emulator.
GRACE_SECONDS = 30


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        sam = environment.commands("sam", arguments[0])
        emulator = environment.commands("emulator", arguments[0])
    except environment.CannotBeMade as reason:
        print(f"end-to-end test skipped: {reason}")
        return 0
    binary = pathlib.Path(arguments[1]).resolve()
    command = [emulator / "python", "-B", HERE / "story.py", sam / "sam", emulator / "ministack", binary]
    return 0 if bounded(subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"})) == 0 else 1


def bounded(story):
    """Waits for the story, and has it clean up when time is over or somebody asks to stop."""
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
