"""Runs the program with limits on memory and time, and says what it cost."""

import os
import pathlib
import resource
import subprocess
import tempfile
import threading

# Address space of a run. Each thread reserves some; what is used is judged by the resident set.
ADDRESS_BYTES = 4 << 30
# Processor time of a run, after which the kernel ends it, and elapsed time, after which it counts as hanging.
CPU_SECONDS = 120
HANGS_SECONDS = 300
# Resident set of a run in MiB, unless a case says otherwise.
RESIDENT_MIB = 64


class Ran:
    """One run that is over: exit code (negative for a signal), stdout and stderr, seconds of processor time, MiB of memory."""

    def __init__(self, arguments, code, out, err, cpu, resident, hung):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err
        self.cpu, self.resident, self.hung = cpu, resident, hung

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    @property
    def said(self):
        return self.err.decode("utf-8", "replace")

    def problem(self, codes=(0,), cpu=None, resident=RESIDENT_MIB):
        """Returns what is wrong with the run, or None. `codes` are the exit codes that are right."""
        if self.hung:
            return "did not end in time"
        if b"panicked at" in self.err or self.code == 101:
            return f"panic: {self.said[:300]}"
        if self.code not in codes:
            return f"exit code {self.code}, not {' or '.join(map(str, codes))}: {self.said[:300]}"
        if b"\x1b" in self.out + self.err:
            return "an escape sequence is printed"
        if resident is not None and self.resident > resident:
            return f"{self.resident:.0f} MiB of memory, more than {resident}"
        if cpu is not None and self.cpu > cpu:
            return f"{self.cpu:.2f} s of processor time, more than {cpu:.2f}"
        return None


class Program:
    """The command line program at a path."""

    def __init__(self, path, temporary):
        self.path = str(pathlib.Path(path).resolve())
        self.temporary = temporary

    def start(self, arguments, folder=None, environment=None, stdin=subprocess.DEVNULL, limits=None, **more):
        """Starts a run and returns its process. `limits` are pairs of a limit of `resource` and its value."""
        allowed = {resource.RLIMIT_AS: ADDRESS_BYTES, resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_CORE: 0, **(limits or {})}

        def limit():
            for kind, value in allowed.items():
                resource.setrlimit(kind, (value, value))

        return subprocess.Popen(
            [self.path, *map(os.fspath, arguments)],
            cwd=folder,
            env={**clean_environment(), **(environment or {})},
            stdin=stdin,
            preexec_fn=limit,
            **more,
        )

    def run(self, *arguments, input=None, stdin=None, hangs=HANGS_SECONDS, **more):
        """Runs the program to its end. `input` are bytes for its standard input, `stdin` a file in place of them."""
        with tempfile.TemporaryFile(dir=self.temporary) as out, tempfile.TemporaryFile(dir=self.temporary) as err:
            with tempfile.TemporaryFile(dir=self.temporary) as fed:
                if input is not None:
                    fed.write(input)
                    fed.seek(0)
                given = stdin if stdin is not None else fed if input is not None else subprocess.DEVNULL
                more = {"stdout": out, "stderr": err, **more}
                inherited = own_resident()
                child = self.start(arguments, stdin=given, **more)
                code, used, hung = finished(child, hangs)
            out.seek(0)
            err.seek(0)
            cpu = used.ru_utime + used.ru_stime
            # A process begins as a copy of this one, so a peak that is no higher says nothing about the program.
            resident = used.ru_maxrss / 1024
            resident = resident if resident > inherited + 4 else 0
            return Ran(arguments, code, out.read(), err.read(), cpu, resident, hung)


def finished(child, hangs):
    """Waits for a process; returns its code, what it used, and whether it had to be killed."""
    hung = threading.Event()

    def end():
        hung.set()
        child.kill()

    timer = threading.Timer(hangs, end)
    timer.start()
    _, status, used = os.wait4(child.pid, 0)
    timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, used, hung.is_set()


def own_resident():
    """The resident set of this process in MiB."""
    pages = pathlib.Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * resource.getpagesize() / (1 << 20) if pages.exists() else 0


def clean_environment():
    """The environment without what changes colours, places and AWS."""
    left_out = ("AWS_", "CLICOLOR", "NO_COLOR", "COLUMNS", "TERM", "RUST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
