"""What may lie in a folder of trail files besides files, names that are no text, files that change while they are read, many
files, and signals. A good file beside them counts; nothing hangs, and what is not read is said."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import totals
import trails

NAMES = [
    "-", "--help", "-q", "--db=x", " ", "a b", "a\nb", "a\tb", "\x1b[31mred", "\x1b]0;title\x07", "\x9b2J", "\u202egpj", "\u200b", "'\"`$(id)",
    "<img src=x onerror=alert(1)>", "%s%n", "a" * 240, "é", "日本語", "\U0001f600", "*", "?", "s3:", "http:", "~", "con", ".hidden",
]  # fmt: skip


def attack(group):
    for name, build, counted, codes in group.some(kinds(), 10):
        place = group.place(name)
        (place / "good.json").write_bytes(trails.trail([trails.record(1)]))
        build(place)
        ran = group.program.run("scan", "--format", "json", place, hangs=60)
        group.case(f"a folder with {name}", problem(ran, counted, codes), place)
    for name in group.some(NAMES, 4):
        place = group.place("names")
        # The mark of a surrogate stands for a byte that is no UTF-8.
        (place / f"{name}.json").write_bytes(trails.trail([trails.record(1)]))
        (place / f"bad {name}.json").write_bytes(b"no JSON")
        for format in ("json", "table"):
            ran = group.program.run("scan", "-v", "--format", format, place)
            group.case(f"the name {name!r}, {format}", ran.problem((1,)), place)
    for path, codes in group.some([("/dev/null", (0, 1)), ("/dev/zero", (1,)), ("/dev/full", (1,)), ("/dev/urandom", (1,)), ("/proc/self/mem", (1,)), ("/proc/self/environ", (1,)), ("/proc/version", (1,)), ("/proc/self/fd", (0, 1)), ("/dev/tty", (1,))], 3):
        if pathlib.Path(path).exists():
            ran = group.program.run("scan", "--inflated-mib-max", "16", path, hangs=60)
            group.case(f"the path {path}", ran.problem(codes, cpu=20))
    streams(group)
    many(group)
    changing(group)
    signals(group)


def problem(ran, counted, codes=(0, 1)):
    if wrong := ran.problem(codes, resident=160):
        return wrong
    records = json.loads(ran.out)["records"]
    if wrong := totals.balance(records):
        return wrong
    return None if records["clustered"] == counted else f"{records['clustered']} events count, not {counted}: {ran.said[:200]}"


def kinds():
    """Yields what is beside the good file: name, function that makes it, events that count, exit codes."""
    other = trails.trail([trails.record(2)])
    yield "a pipe", lambda place: os.mkfifo(place / "pipe.json"), 1, (0, 1)
    yield "a socket", lambda place: bound(place / "s.json"), 1, (0, 1)
    yield "a link to nowhere", lambda place: (place / "l.json").symlink_to("nowhere"), 1, (1,)
    yield "a link to itself", lambda place: (place / "l.json").symlink_to("l.json"), 1, (1,)
    yield "a link to its folder", lambda place: (place / "up").symlink_to("."), 1, (0, 1)
    yield "a link to the root", lambda place: (place / "root.json").symlink_to("/nowhere/at/all"), 1, (1,)
    yield "a link to the good file", lambda place: (place / "l.json").symlink_to("good.json"), 1, (0,)
    yield "a hard link to it", lambda place: os.link(place / "good.json", place / "h.json"), 1, (0,)
    yield "a link to endless zeros", lambda place: (place / "z.json").symlink_to("/dev/zero"), 1, (0, 1)
    yield "a link to random bytes", lambda place: (place / "z.json").symlink_to("/dev/urandom"), 1, (0, 1)
    yield "a link to a terminal", lambda place: (place / "z.json").symlink_to("/dev/tty"), 1, (0, 1)
    yield "a link to /proc/self/mem", lambda place: (place / "z.json").symlink_to("/proc/self/mem"), 1, (0, 1)
    yield "a link to /proc/self/environ", lambda place: (place / "z.json").symlink_to("/proc/self/environ"), 1, (0, 1)
    yield "a chain of 30 links", lambda place: chain(place, 30, other), 2, (0,)
    yield "a chain of 60 links", lambda place: chain(place, 60, other), 2, (0, 1)
    yield "200 folders deep", lambda place: deep(place, 200, other), 2, (0, 1)
    yield "an empty file", lambda place: (place / "e.json").write_bytes(b""), 1, (1,)
    yield "a file of holes", lambda place: os.truncate(create(place / "h.json"), 1 << 30), 1, (0, 1)
    yield "a file that cannot be read", lambda place: create(place / "u.json").chmod(0), 1, (0, 1)
    yield "a folder that cannot be read", lambda place: shut(place / "u"), 1, (0, 1)
    yield "a folder named like a file", lambda place: (place / "d.json").mkdir(), 1, (0, 1)
    yield "an archive that is none", lambda place: (place / "a.zip").write_bytes(b"PK\x03\x04" + bytes(100)), 1, (0, 1)
    yield "Parquet that is none", lambda place: (place / "a.parquet").write_bytes(b"PAR1" + bytes(100) + b"\xff\xff\xff\x7fPAR1"), 1, (0, 1)
    yield "a table without an end", lambda place: (place / "a.csv").write_bytes(b'eventname,errorcode\n"' + b"x" * (9 << 20)), 1, (0, 1)
    yield "1,000 empty folders", lambda place: [(place / str(number)).mkdir() for number in range(1000)], 1, (0,)
    yield "an archive of archives", lambda place: archive(place / "a.zip", {"b.zip": b"PK\x03\x04"}), 1, (0, 1)
    yield "an archive with paths that lead out", lambda place: archive(place / "a.zip", {"../../out.json": other, "/etc/out.json": other}), 2, (0, 1)
    yield "an archive with a bomb", lambda place: archive(place / "a.zip", {"a.json": b" " * (300 << 20)}), 1, (0, 1)
    yield "an archive of 20,000 empty files", lambda place: archive(place / "a.zip", {f"{number}.json": b"" for number in range(20_000)}), 1, (0, 1)
    yield "an archive with a file twice", lambda place: archive(place / "a.zip", {"a.json": other}, twice=True), 1, (0, 1)


def create(path):
    path.write_bytes(trails.trail([trails.record(1)]))
    return path


def shut(path):
    path.mkdir()
    create(path / "x.json")
    path.chmod(0)


def bound(path):
    # The path of a socket has at most 108 bytes.
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def chain(place, length, content):
    (place / "end.data").write_bytes(content)
    before = "end.data"
    for number in range(length):
        (place / f"link{number}").symlink_to(before)
        before = f"link{number}"
    (place / "chain.json").symlink_to(before)


def deep(place, levels, content):
    folder = place.joinpath(*["d"] * levels)
    folder.mkdir(parents=True)
    (folder / "x.json").write_bytes(content)


def archive(path, files, twice=False):
    import warnings
    import zipfile

    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        warnings.simplefilter("ignore")
        for _ in range(1 + twice):
            for name, content in files.items():
                zipped.writestr(name, content)


def streams(group):
    """Standard input that does not end, ends early, or is no file."""
    line = trails.lines([trails.record(1)])
    endless = {
        "zeros": "cat /dev/zero",
        "brackets": "yes '[' | tr -d '\\n'",
        "one record for ever": "yes '" + line.decode().strip() + "'",
        "gzip of zeros": "gzip -c < /dev/zero",
    }
    for name, command in group.some(endless.items(), 1):
        feeder = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        # What is good is read as long as it comes, so a limit of the file decides nothing: the run is ended.
        ran = group.program.run("scan", "-q", "--inflated-mib-max", "16", "-", stdin=feeder.stdout, hangs=4)
        os.killpg(feeder.pid, signal.SIGKILL)
        feeder.stdout.close()
        feeder.wait()
        wrong = f"{ran.resident:.0f} MiB of memory" if ran.resident > 200 else None
        group.case(f"endless {name}", wrong if ran.hung else ran.problem((0, 1), resident=200))
    for path in ("/", "/dev/null"):
        descriptor = os.open(path, os.O_RDONLY)
        ran = group.program.run("scan", "-", stdin=descriptor)
        group.case(f"standard input is {path}", ran.problem((0, 1)))
        os.close(descriptor)


def many(group):
    """A hundred thousand files, with the usual number of jobs and with as many as are allowed."""
    place = group.place("many")
    count = group.count(100_000, 2000) if group.share == 1 else 1000
    for number in range(count):
        folder = place / f"{number // 1000:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.json").write_bytes(trails.trail([trails.record(number)]))
    few = group.program.run("scan", "--format", "json", "--jobs", "2", place)
    group.case(f"{count} files", problem_many(few, count))
    for jobs in group.some(["64", "256", "1000", "100000"], 2):
        ran = group.program.run("scan", "--format", "json", "--jobs", jobs, place, hangs=180)
        # Threads are not free, and may be refused; they cost no multiple.
        refused = ran.code == 2 and "--jobs" in ran.said
        slow = ran.cpu > 2 * few.cpu + 1.5 and f"{ran.cpu:.1f} s of processor time with {jobs} jobs, {few.cpu:.1f} s with 2"
        group.case(f"{count} files, {jobs} jobs", None if refused else problem_many(ran, count) or slow or None)


def problem_many(ran, count):
    # A scan without --db keeps every event in memory.
    if wrong := ran.problem((0,), resident=400):
        return wrong
    clustered = json.loads(ran.out)["records"]["clustered"]
    return None if clustered == count else f"{clustered} of {count} events count"


def changing(group):
    """Files that grow, are cut, replaced or deleted while they are read: no crash, and the totals agree."""
    line = trails.lines([trails.record(number) for number in range(2000)])

    def grow(path):
        with path.open("ab") as file:
            file.write(line)

    acts = {
        "grows": grow,
        "is cut": lambda path: os.truncate(path, len(line) // 3),
        "is emptied": lambda path: os.truncate(path, 0),
        "is deleted": lambda path: path.unlink(missing_ok=True),
        "is replaced": lambda path: os.replace(create(path.with_suffix(".new")), path),
    }
    for name, act in group.some(acts.items(), 2):
        place = group.place("changing")
        files = [place / f"{number}.jsonl" for number in range(40)]
        for path in files:
            path.write_bytes(line)
        over = threading.Event()

        def work(files=files, act=act, over=over):
            for path in files * 3:
                if over.is_set():
                    return
                try:
                    act(path)
                except OSError:
                    continue
                time.sleep(0.0005)

        thread = threading.Thread(target=work)
        thread.start()
        ran = group.program.run("scan", "--format", "json", place)
        over.set()
        thread.join()
        # If no file is left, there is nothing to print.
        wrong = ran.problem((0, 1)) or (totals.balance(json.loads(ran.out)["records"]) if ran.out else None)
        group.case(f"a file {name} while it is read", wrong, place)


def signals(group):
    """Signals end a scan; a second scan into the same store completes it."""
    place = group.place("signals")
    for number in range(600):
        (place / f"{number}.json").write_bytes(trails.trail([trails.record(each, number) for each in range(20)]))
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    for kind, wait in group.some([(kind, wait) for kind in kinds for wait in (0.02, 0.06, 0.15)], 2):
        store = group.place("store") / "s.db"
        child = group.program.start(["scan", "--db", store, place], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(wait)
        child.send_signal(kind)
        said = child.stderr.read()
        child.stderr.close()
        child.wait()
        wrong = "panic" if b"panicked" in said else None
        again = group.program.run("scan", "--format", "json", "--db", store, place)
        wrong = wrong or again.problem((0,), resident=None)
        wrong = wrong or (None if sum(one["count"] for one in json.loads(again.out)["clusters"]) == 12_000 else "events are missing")
        group.case(f"{kind.name} after {wait} s", wrong)
