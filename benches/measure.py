"""Runs a program and says what it took: CPU, wall time, peak memory.

CPU is user and system time as the kernel counts them, for the clock on the wall also runs for the
neighbours on a shared machine. For the same reason only ratios of runs that followed each other are
compared, and of several rounds the median counts.
"""

import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile

# A child's peak memory begins at that of the process which started it, so a small one does.
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
    """What one run took: seconds, and bytes."""

    cpu: float
    wall: float
    memory: int
    output: str


def run(command, environment=None):
    """Runs a command to its end; one that fails ends the benchmark."""
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
    """The median of some rounds, with the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self):
        return f"{self.median:.2f} ({self.least:.2f} to {self.greatest:.2f})"
