"""A clock for the programs under test that stands still until the test moves it, so that what they write is the same each time.

clock.c is loaded before the C library of a program, so this works for programs on Linux that use it, and needs a C compiler,
as Rust does.
"""

import pathlib
import struct
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).with_name("clock.c")


class CannotBeMade(Exception):
    """There is no such clock here; the text says why."""


class Clock:
    """A clock that stands still. Programs that run with `environment` read their time from it."""

    def __init__(self, folder, seconds):
        if sys.platform != "linux":
            raise CannotBeMade("a clock that stands still needs Linux")
        library, self.file = pathlib.Path(folder) / "clock.so", pathlib.Path(folder) / "clock"
        try:
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True, timeout=60, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotBeMade(f"a clock that stands still needs a C compiler: {error}") from error
        self.set(seconds)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self.file)}

    def set(self, seconds):
        """Moves the clock to this time, in seconds since 1970."""
        self.seconds = seconds
        # In place: the programs have mapped the file.
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    def time(self):
        return self.seconds


class RealClock:
    """The clock of this machine, with the same use."""

    environment = {}

    def time(self):
        return time.time()
