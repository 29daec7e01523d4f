"""Scans into a store that are killed, run side by side, meet a full disk or a damaged file. What is in the store in the end is
what one scan of all files gives, and a damaged store is refused or read, never a crash."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import trails

ROUNDS, KILLS = 200, 258
PARALLEL = 10
DAMAGED = 1000
FILES, RECORDS = 40, 25


def attack(group):
    trail = group.place("trail")
    for number in range(FILES):
        (trail / f"{number:02}.json").write_bytes(trails.trail(some(number)))
    whole = content(group.program, group.place("whole") / "s.db", trail)
    kills(group, trail, whole)
    side_by_side(group, trail, whole)
    damaged(group, trail)
    full_disk(group, trail, whole)


def some(file):
    """Returns records of five clusters, some of them in two files."""
    return [trails.record(each, file if each % 3 else file // 2, eventName=f"Get{each % 5}") for each in range(RECORDS)]


def content(program, store, trail):
    """Scans into the store; returns what is in it, or the problem."""
    ran = program.run("scan", "--db", store, "--format", "json", trail)
    if problem := ran.problem():
        return problem
    return sorted((each["cluster_id"], each["count"], each["first_seen"], each["last_seen"]) for each in json.loads(ran.out)["clusters"])


def kills(group, trail, whole):
    """Kills scans at random moments, then scans to the end."""
    rounds = group.count(ROUNDS, 6)
    kills = group.count(KILLS, 8)
    began = time.monotonic()
    content(group.program, group.place("timed") / "s.db", trail)
    seconds = time.monotonic() - began
    midway = 0
    for number in range(rounds):
        store = group.place("killed") / "s.db"
        for _ in range(kills // rounds + (number < kills % rounds)):
            child = group.program.start(["scan", "-q", "--db", store, trail], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(group.dice.uniform(0, seconds))
            midway += child.poll() is None
            child.send_signal(signal.SIGKILL)
            child.wait()
        found = content(group.program, store, trail)
        group.case(f"round {number}", None if found == whole else f"{found} instead of {whole}", store)
    group.notes.append(f"{kills} kills, {midway} midway")


def side_by_side(group, trail, whole):
    """Two and three scans of the same files into one store at once."""
    for number in range(group.count(PARALLEL, 2)):
        store = group.place("parallel") / "s.db"
        children = [
            group.program.start(["scan", "-q", "--db", store, trail], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2 + number % 2)
        ]
        said = [child.communicate()[1].decode() for child in children]
        codes = [child.returncode for child in children]
        found = content(group.program, store, trail)
        problem = None if codes == [0] * len(codes) else f"exit codes {codes}: {said}"
        group.case(f"{len(children)} scans at once, {number}", problem or (None if found == whole else f"{found} instead of {whole}"), store)


def damaged(group, trail):
    """Stores with changed bytes, pages of zeros, pages that change places, and a cut end."""
    good = group.place("good") / "s.db"
    content(group.program, good, trail)
    pristine = good.read_bytes()
    folder = group.place("damaged")
    commands = [["clusters", "list", "--format", "json"], ["top"], ["incidents", "list"], ["scan", "--format", "json"]]
    cases = []
    for number in range(group.count(DAMAGED, 20)):
        path = folder / f"{number}.db"
        path.write_bytes(spoiled(group.dice, bytearray(pristine), number))
        cases.append((path, commands[number % len(commands)]))

    def look(case):
        path, command = case
        more = [trail / "00.json"] if command[0] == "scan" else []
        before = path.read_bytes()
        ran = group.program.run(*command, "--db", path, *more, hangs=60)
        group.case(f"damaged store {path.stem}, {command[0]}", ran.problem((0, 1), cpu=10, resident=200), before)
        path.unlink()

    group.side_by_side(look, cases)


def spoiled(dice, content, number):
    page = 4096
    pages = len(content) // page
    if number % 5 == 0:
        return content[: dice.randrange(len(content))]
    if number % 5 == 1:
        at = dice.randrange(pages) * page
        content[at : at + page] = bytes(page)
    elif number % 5 == 2:
        one, two = (dice.randrange(pages) * page for _ in range(2))
        content[one : one + page], content[two : two + page] = content[two : two + page], content[one : one + page]
    else:
        for _ in range(dice.choice([1, 3, 30])):
            # The head of the file and of each page decides most.
            at = dice.randrange(100) if number % 5 == 3 else dice.randrange(pages) * page + dice.randrange(page)
            content[at] = dice.randrange(256)
    return content


def full_disk(group, trail, whole):
    """A file system of 1 MiB that is full: the scan fails and says so; with more room it is completed."""
    for name, filled in [("before the scan", True), ("during the scan", False)]:
        place = pathlib.Path(tempfile.mkdtemp(prefix="attacks-disk-"))
        mounted = os.getuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", place], stderr=subprocess.DEVNULL).returncode == 0
        if not mounted:
            group.notes.append("full disk not tried: no right to mount")
            place.rmdir()
            return
        try:
            if filled:
                (place / "filler").write_bytes(bytes(88 << 10))
            ran = group.program.run("scan", "--db", place / "s.db", trail)
            problem = ran.problem((1,))
            subprocess.run(["mount", "-o", "remount,size=20m", place], check=True)
            found = content(group.program, place / "s.db", trail)
            group.case(f"a disk that is full {name}", problem or (None if found == whole else f"{found} instead of {whole}"))
        finally:
            subprocess.run(["umount", place], check=True)
            shutil.rmtree(place, ignore_errors=True)
