"""Runs a program and measures CPU time, wall time and peak memory.

CPU time is the user and system time counted by the kernel, because wall time on a shared machine includes waiting for
other programs. For the same reason only ratios of consecutive runs are compared, and the median of several rounds is
used.
"""

import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile

# The peak memory of a child process starts at that of its parent, so a small program starts it.
LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - start
with open(sys.argv[1], "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, wall,
               used.ru_maxrss * 1024], file)
"""


@dataclasses.dataclass
class Run:
    """Result of one run, in seconds and bytes."""

    cpu: float
    wall: float
    memory: int
    output: str


def run(command, environment=None):
    """Runs a command to its end; a failure ends the benchmark."""
    with tempfile.NamedTemporaryFile("r") as report:
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, report.name]
        done = subprocess.run(
            launcher + [str(part) for part in command], env=environment,
            capture_output=True, text=True,
        )
        written = report.read()
    if not written or json.loads(written)[0] != 0:
        sys.exit(f"bench: failed: {' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    _, cpu, wall, memory = json.loads(written)
    return Run(cpu, wall, memory, done.stdout)


@dataclasses.dataclass
class Spread:
    """Median, minimum and maximum of several rounds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self):
        return f"{self.median:.2f} ({self.least:.2f} to {self.greatest:.2f})"
