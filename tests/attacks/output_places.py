"""Where results go: full, closed and foreign places. What exists is not damaged, permissions do not widen, and errors are said."""

import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile

import trails

PAGE = "</html>"


def attack(group):
    for name, work in group.some(works(), 20):
        place = group.place(name)
        (place / "in.json").write_bytes(trails.trail([trails.record(1)]))
        (place / "tr").mkdir()
        (place / "tr" / "a.json").write_bytes(trails.trail([trails.record(2)]))
        try:
            problem = work(Place(group.program, place))
        except OSError as error:
            problem = f"cannot be tried: {error}"
        group.case(name, problem, place)


class Place:
    """A folder with an input in.json and a folder tr with one."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def __truediv__(self, name):
        return self.folder / name

    def run(self, *arguments, **more):
        return self.program.run(*arguments, folder=self.folder, **more)

    def scan(self, *arguments, codes=(0,), **more):
        return self.run("scan", *arguments, **more).problem(codes)

    def refused(self, *arguments, unharmed=(), codes=(1, 2), **more):
        """The scan fails, and the files keep their content."""
        before = [(self / name).read_bytes() for name in unharmed]
        problem = self.scan(*arguments, codes=codes, **more)
        harmed = [name for name, content in zip(unharmed, before) if (self / name).read_bytes() != content]
        return problem or (f"overwritten: {harmed}" if harmed else None)

    def mode(self, name):
        return stat.S_IMODE((self / name).stat().st_mode)


def works():
    """Yields names and functions that try something in a place and return the problem, or None."""
    yield from overwriting()
    yield from permissions()
    yield from links()
    yield from streams()
    yield from folders()


def overwriting():
    for name, page, inputs in [
        ("a page over its input", "in.json", ["in.json"]),
        ("a page over an input by another path", "./tr/../in.json", ["in.json"]),
        ("a page over an input in a folder", "tr/a.json", ["tr"]),
        ("a page over the second input", "in.json", ["tr", "in.json"]),
    ]:
        yield name, lambda at, page=page, inputs=inputs: at.refused("--html", page, *inputs, unharmed=["in.json", "tr/a.json"], codes=(2,))
    yield "a page over standard input", lambda at: with_open(at / "in.json", lambda file: at.refused("--html", "in.json", "-", unharmed=["in.json"], codes=(2,), stdin=file))
    yield "a store over its input", lambda at: at.refused("--db", "in.json", "in.json", unharmed=["in.json"])
    yield "a store over an input in a folder", lambda at: at.refused("--db", "tr/a.json", "tr", unharmed=["tr/a.json"])
    yield "a store over a text", lambda at: (at / "t.db").write_text("mine") and at.refused("--db", "t.db", "in.json", unharmed=["t.db"])
    yield "a store over another database", lambda at: foreign(at) or at.refused("--db", "o.db", "in.json", unharmed=["o.db"])
    for page in ("s.db", "./s.db", "s.db-wal", "s.db-shm", "s.db-journal"):
        yield f"a page over the store, {page}", lambda at, page=page: at.scan("--db", "s.db", "in.json") or at.refused("--db", "s.db", "--html", page, "in.json", unharmed=["s.db"], codes=(2,))
    yield "a page over the rules", lambda at: (at / "r.toml").write_text("# mine") and at.refused("--rules", "r.toml", "--html", "r.toml", "in.json", unharmed=["r.toml"], codes=(2,))
    yield "a page over the settings", lambda at: (at / "s.toml").write_text("# mine") and at.refused("--settings", "s.toml", "--html", "s.toml", "in.json", unharmed=["s.toml"], codes=(1, 2))
    yield "a page over the marked store", lambda at: at.scan("--db", "m.db", "in.json") or at.refused("--db", "n.db", "--marks-from", "m.db", "--html", "m.db", "in.json", unharmed=["m.db"], codes=(1, 2))
    yield "generate over a file", lambda at: at.run("generate", "in.json").problem((1, 2), resident=None) or same(at, "in.json")
    yield "manual pages over a file", lambda at: at.run("man", "in.json").problem((1, 2)) or same(at, "in.json")


def permissions():
    for bits in (0o600, 0o640, 0o400, 0o664):
        yield f"a page that is {bits:o}", lambda at, bits=bits: kept_mode(at, bits)
    for mask in (0, 0o022, 0o777):
        yield f"new files with the mask {mask:o}", lambda at, mask=mask: new_modes(at, mask)
    yield "a store that is 0600", lambda at: at.scan("--db", "s.db", "in.json") or (os.chmod(at / "s.db", 0o600), at.scan("--db", "s.db", "tr"))[1] or (None if at.mode("s.db") == 0o600 else f"{at.mode('s.db'):o}")


def links():
    yield "a hard link to the input", lambda at: os.link(at / "in.json", at / "h.html") or at.refused("--html", "h.html", "in.json", unharmed=["in.json"], codes=(2,))
    yield "a link to the input", lambda at: (at / "l.html").symlink_to("in.json") or at.refused("--html", "l.html", "in.json", unharmed=["in.json"], codes=(2,))
    yield "a link to the store", lambda at: at.scan("--db", "s.db", "in.json") or (at / "l.html").symlink_to("s.db") or at.refused("--db", "s.db", "--html", "l.html", "in.json", unharmed=["s.db"], codes=(2,))
    yield "a store by a link, a page by its name", lambda at: at.scan("--db", "s.db", "in.json") or (at / "l.db").symlink_to("s.db") or at.refused("--db", "l.db", "--html", "s.db", "in.json", unharmed=["s.db"], codes=(2,))
    yield "a loop of links", lambda at: (at / "l.html").symlink_to("l.html") or at.refused("--html", "l.html", "in.json", codes=(1,)) or (None if (at / "l.html").is_symlink() else "the link is gone")
    yield "a link to nowhere", lambda at: (at / "l.html").symlink_to("gone/x.html") or at.refused("--html", "l.html", "in.json", codes=(1,)) or (None if (at / "l.html").is_symlink() else "the link is gone")
    yield "a link to a new page", lambda at: (at / "l.html").symlink_to("new.html") or at.scan("--html", "l.html", "in.json") or (None if (at / "l.html").is_symlink() and PAGE in (at / "new.html").read_text() else "the link does not lead to the page")
    yield "parts that others left", others_part
    yield "a part that is a link", planted_link


def streams():
    for format in ("table", "json", "jsonl", "csv", "markdown"):
        yield f"{format} to a full device", lambda at, format=format: into("/dev/full", lambda file: at.scan("--format", format, "in.json", codes=(1,), stdout=file))
        yield f"{format} to a closed pipe", lambda at, format=format: closed_pipe(at, format)
    yield "errors to a full device", lambda at: into("/dev/full", lambda file: at.scan("nowhere.json", codes=(1,), stderr=file))
    yield "explain to a full device", lambda at: into("/dev/full", lambda file: at.run("explain", "in.json", stdout=file).problem((1,)))
    yield "a page to a full device", lambda at: at.refused("--html", "/dev/full", "in.json", codes=(1,))
    yield "a page to the terminal's output", lambda at: at.scan("--html", "/dev/stdout", "in.json")
    yield "a page to a pipe", page_to_pipe
    yield "a store in a full device", lambda at: at.refused("--db", "/dev/full", "in.json", codes=(1,))
    yield "a store in /dev/null", lambda at: at.refused("--db", "/dev/null", "in.json", codes=(1,))
    yield "files at most 4 KiB long", lambda at: at.refused("--html", "p.html", "in.json", codes=(1, -signal.SIGXFSZ), limits=small_files()) or (None if not (at / "p.html").exists() else "half a page is left")
    yield "a store at most 4 KiB long", lambda at: at.refused("--db", "s.db", "in.json", codes=(1, -signal.SIGXFSZ), limits=small_files())


def folders():
    yield "a page in no folder", lambda at: at.refused("--html", "no/x.html", "in.json", codes=(1,))
    yield "a page that is a folder", lambda at: at.refused("--html", "tr", "in.json", codes=(1, 2))
    yield "a store in no folder", lambda at: at.refused("--db", "no/x.db", "in.json", codes=(1,))
    yield "a store that is a folder", lambda at: at.refused("--db", "tr", "in.json", codes=(1,))
    yield "a store to look at that is not there", lambda at: at.run("clusters", "list", "--db", "no.db").problem((1,)) or (None if not (at / "no.db").exists() else "it was made")
    for name in ("file:x.db?mode=memory", ":memory:", "file::memory:", "x?y#z%41.db"):
        yield f"a store named {name}", lambda at, name=name: at.scan("--db", name, "in.json") or (None if (at / name).exists() else "no such file is made")
    yield "a page of 300 letters", lambda at: at.refused("--html", "x" * 300, "in.json", codes=(1,))
    for command in (["clusters", "list"], ["top"], ["calls", "list"], ["incidents", "list"]):
        yield f"a store that is read-only, {' '.join(command)}", lambda at, command=command: read_only(at, command)


def with_open(path, work):
    with path.open("rb") as file:
        return work(file)


def into(path, work):
    with open(path, "wb") as file:
        return work(file)


def small_files():
    import resource

    return {resource.RLIMIT_FSIZE: 4096}


def foreign(at):
    import sqlite3

    with sqlite3.connect(at / "o.db") as database:
        database.execute("create table mine (x)")
    database.close()


def same(at, name):
    return None if b"Records" in (at / name).read_bytes()[:20] else f"{name} is overwritten"


def kept_mode(at, bits):
    (at / "p.html").write_text("old")
    os.chmod(at / "p.html", bits)
    problem = at.scan("--html", "p.html", "in.json")
    return problem or (None if at.mode("p.html") == bits else f"the page is {at.mode('p.html'):o} now")


def new_modes(at, mask):
    ran = subprocess.run(["sh", "-c", f'umask {mask:o}; "$0" scan --db s.db --html p.html in.json', at.program.path], cwd=at.folder, capture_output=True)
    wide = [name for name in ("s.db", "p.html") if (at / name).exists() and at.mode(name) & 0o077]
    return f"{wide} can be read by others" if wide else None if ran.returncode == 0 else ran.stderr.decode()[:200]


def others_part(at):
    script = 'echo theirs > .cloudtrail-inspector-$$.part; exec "$0" scan --html p.html in.json'
    ran = subprocess.run(["sh", "-c", script, at.program.path], cwd=at.folder, capture_output=True)
    parts = list(at.folder.glob(".*.part"))
    return ran.stderr.decode() if ran.returncode else None if len(parts) == 1 and parts[0].read_text() == "theirs\n" else "it is gone"


def planted_link(at):
    script = 'ln -s in.json .cloudtrail-inspector-$$.part; exec "$0" scan --html p.html tr'
    subprocess.run(["sh", "-c", script, at.program.path], cwd=at.folder, capture_output=True)
    return same(at, "in.json")


def closed_pipe(at, format):
    """A reader that goes away after the first line, as `head -1` does, is no error."""
    (at / "big.jsonl").write_bytes(trails.lines([trails.record(number, eventName=f"Get{number}") for number in range(150)]))
    script = f'"$0" scan --limit 0 --format {format} big.jsonl 2>err; echo $? > code'
    subprocess.run(["sh", "-c", f"({script}) | head -c 1 >/dev/null", at.program.path], cwd=at.folder)
    code, said = int((at / "code").read_text()), (at / "err").read_text()
    return None if code == 0 and "panicked" not in said else f"exit code {code}: {said[:200]}"


def page_to_pipe(at):
    os.mkfifo(at / "pipe")
    reader = subprocess.Popen(["cat", at / "pipe"], stdout=subprocess.PIPE)
    problem = at.scan("--html", "pipe", "in.json", hangs=30)
    page = reader.communicate()[0].decode()
    return problem or (None if PAGE in page and stat.S_ISFIFO((at / "pipe").stat().st_mode) else "the pipe does not get the page")


def read_only(at, command):
    """A user who may only read the file and its folder sees what is in it."""
    if os.getuid() != 0:
        return None
    at.scan("--db", "s.db", "in.json")
    # Others may not enter the folder of these tests.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="attacks-read-only-"))
    try:
        shutil.copy(at.program.path, folder / "inspector")
        shutil.copy(at / "s.db", folder)
        (folder / "s.db").chmod(0o444)
        folder.chmod(0o555)
        ran = subprocess.run(["./inspector", *command, "--db", "s.db", "--format", "json"], cwd=folder, user=65534, group=65534, extra_groups=[], capture_output=True)
        if ran.returncode:
            return ran.stderr.decode()[:200]
        json.loads(ran.stdout)
        return None
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
