"""Unusual environments and options: locale, time zone, clock, limits of the system, a missing home, strange arguments."""

import json
import os
import resource

import trails

ALL = {
    "LANG=C": {"LANG": "C", "LC_ALL": "C"},
    "LANG=POSIX": {"LANG": "POSIX"},
    "a locale that does not exist": {"LC_ALL": "xx_YY.UTF-9"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
    "Arabic": {"LC_ALL": "ar_EG.UTF-8"},
    "a time zone far west": {"TZ": "UTC+12"},
    "a time zone far east": {"TZ": "Pacific/Kiritimati"},
    "a time zone that does not exist": {"TZ": "Nowhere/At_All"},
    "a time zone that is a path": {"TZ": "../../../etc/passwd"},
    "a time zone of 10,000 letters": {"TZ": "x" * 10_000},
    "no path": {"PATH": ""},
    "no home": {"HOME": ""},
    "a home that is a file": {"HOME": "/dev/null"},
    "no temporary folder": {"TMPDIR": "/nowhere"},
    "an unknown terminal": {"TERM": "xterm\x1b[31m"},
    "a dumb terminal": {"TERM": "dumb"},
    "no columns": {"COLUMNS": "0"},
    "negative columns": {"COLUMNS": "-1"},
    "many columns": {"COLUMNS": "99999999999"},
    "columns that are no number": {"COLUMNS": "wide"},
    "a backtrace": {"RUST_BACKTRACE": "full"},
    "a log filter": {"RUST_LOG": "trace"},
    "colours off and on": {"NO_COLOR": "1", "CLICOLOR_FORCE": "0"},
    "an environment of 100 KiB": {f"VARIABLE{number}": "x" * 1000 for number in range(100)},
    "a proxy": {"HTTPS_PROXY": "http://127.0.0.1:9", "http_proxy": "x"},
    "a profile that does not exist": {"AWS_PROFILE": "\x1b[31m", "AWS_REGION": "nowhere"},
    "a preload that does not exist": {"SQLITE_TMPDIR": "/nowhere"},
}

LIMITS = {
    "16 open files": {resource.RLIMIT_NOFILE: 16},
    "8 open files": {resource.RLIMIT_NOFILE: 8},
    "a stack of 256 KiB": {resource.RLIMIT_STACK: 256 << 10},
    "a stack of 1 MiB": {resource.RLIMIT_STACK: 1 << 20},
    "an address space of 512 MiB": {resource.RLIMIT_AS: 512 << 20},
    "data of 64 MiB": {resource.RLIMIT_DATA: 64 << 20},
    "no locked memory": {resource.RLIMIT_MEMLOCK: 0},
}

# Arguments of scan, and the exit codes that are right.
OPTIONS = [
    (["--jobs", "0"], (2,)),
    (["--jobs", "-1"], (2,)),
    (["--jobs", "99999999999999999999"], (2,)),
    (["--jobs", "100000"], (0, 2)),
    (["--inflated-mib-max", "0"], (0, 1, 2)),
    (["--inflated-mib-max", "18446744073709551615"], (0, 1, 2)),
    (["--limit", "18446744073709551615"], (0, 2)),
    (["--limit", "-1"], (2,)),
    (["--since", "9999-99-99"], (2,)),
    (["--since", "99999999999999d"], (0, 2)),
    (["--since", "2026-11-03T10:00:00+99:99"], (2,)),
    (["--until", ""], (2,)),
    (["--account", "x" * 10_000], (0, 2)),
    (["--account", "\x1b[31m"], (0, 2)),
    (["--principal", "*" * 5000], (0, 2)),
    (["--principal", "a*" * 2000 + "b"], (0, 2)),
    (["--principal", "\x1b]0;x\x07"], (0, 2)),
    (["--class", "no\x1b[31m"], (2,)),
    (["--severity", "\u202e"], (2,)),
    (["--format", "\x1b[2J"], (2,)),
    (["--time-zone", "+99:99"], (2,)),
    (["--language", "xx"], (2,)),
    (["--trail-account", "1"], (2,)),
    (["--unknown\x1b[31m"], (2,)),
    ([""], (1, 2)),
    (["x" * 5000], (1, 2)),
    (["nowhere\x1b[31m.json"], (1,)),
    (["s3:// "], (1, 2)),
    (["s3://../../etc"], (1, 2)),
    (["--rules", "/dev/null"], (0, 1, 2)),
    (["--settings", "/dev/null"], (0, 1, 2)),
]

# Clocks, by a library that changes the time, and the exit codes of a decision.
CLOCKS = {"1970": -1_793_700_000, "1969": -1_900_000_000, "2005": -690_000_000, "2100": 2_400_000_000, "2200": 5_600_000_000}


def attack(group):
    path = group.place("environment") / "in.json"
    path.write_bytes(trails.trail([trails.record(1)]))
    usual = group.program.run("scan", "--format", "json", path).out
    for name, environment in group.some(ALL.items()):
        ran = group.program.run("scan", "--format", "json", path, environment=environment)
        group.case(name, ran.problem() or (None if ran.out == usual else "the output is another one"))
    for name, limits in group.some(LIMITS.items(), 4):
        ran = group.program.run("scan", "--format", "json", path, limits=limits)
        group.case(name, ran.problem((0, 1)) or (None if ran.code or ran.out == usual else "the output is another one"))
    group.case("no thread can be started", threads(group, path))
    for arguments, codes in group.some(OPTIONS):
        ran = group.program.run("scan", *arguments, path, hangs=30)
        group.case(f"scan {' '.join(arguments)[:60]!r}", ran.problem(codes, cpu=5))
    clocks(group, path)


def threads(group, path):
    """As a user who may have one process, two files are read by one thread, or a sentence says why not."""
    if os.getuid() != 0:
        return None
    import pathlib
    import shutil
    import subprocess
    import tempfile

    place = pathlib.Path(tempfile.mkdtemp(prefix="attacks-threads-"))
    try:
        place.chmod(0o755)
        shutil.copy(group.program.path, place / "inspector")
        for name in ("a.json", "b.json"):
            shutil.copy(path, place / name)
        ran = subprocess.run(["sh", "-c", "ulimit -u 1; exec ./inspector scan a.json b.json"], cwd=place, user=65533, group=65533, extra_groups=[], capture_output=True)
        if b"panicked" in ran.stderr or ran.returncode not in (0, 1):
            return f"exit code {ran.returncode}: {ran.stderr.decode()[:200]}"
        return None
    finally:
        shutil.rmtree(place)


def clocks(group, path):
    """A decision at a time that cannot be stored is refused, and never stored for another year."""
    library = built(group)
    if library is None:
        group.notes.append("clocks not tried: no C compiler")
        return
    for name, seconds in CLOCKS.items():
        store = group.place("clock") / "s.db"
        scanned = group.program.run("scan", "--format", "json", "--db", store, path)
        cluster = json.loads(scanned.out)["clusters"][0]["cluster_id"]
        environment = {"LD_PRELOAD": str(library), "ATTACKS_CLOCK": str(seconds)}
        ran = group.program.run("clusters", "mute", cluster, "--db", store, "--for", "7d", "--reason", "x", environment=environment)
        group.case(f"a clock in {name}", ran.problem((1, 2)), store)


def built(group):
    """Builds a library that moves the clock by ATTACKS_CLOCK seconds; None if there is no compiler."""
    import subprocess

    source = group.folder / "clock.c"
    source.write_text(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdlib.h>\n#include <time.h>\n"
        "int clock_gettime(clockid_t id, struct timespec *at) {\n"
        "  static int (*real)(clockid_t, struct timespec *);\n"
        '  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");\n'
        "  int result = real(id, at);\n"
        '  const char *by = getenv("ATTACKS_CLOCK");\n'
        "  if (by && id == CLOCK_REALTIME) at->tv_sec += atoll(by);\n"
        "  return result;\n}\n"
    )
    library = group.folder / "clock.so"
    try:
        done = subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], capture_output=True)
    except OSError:
        return None
    return library if done.returncode == 0 else None
