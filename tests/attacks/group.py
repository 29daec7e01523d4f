"""Counts the cases of one group of attacks, and keeps the input of each that did not hold."""

import pathlib
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

# Failures of a group that are printed; all are counted, and the inputs of these are kept.
SHOWN_MAX = 20
# A longer input is not kept; the name of its case says how it is made.
KEPT_BYTES_MAX = 4 << 20


class Group:
    """One group: its name, the program, a folder for its files, how many cases it tries, and what came out."""

    def __init__(self, name, program, folder, kept, share, dice, events):
        self.name, self.program, self.folder, self.kept = name, program, folder, kept
        self.share, self.dice, self.events = share, dice, events
        self.cases = self.failed = 0
        self.failures = []
        self.notes = []
        self.lock = threading.Lock()

    def count(self, whole, least=1):
        """Returns how many of `whole` cases are tried: all, or the share of a short run."""
        return max(least, int(whole * self.share))

    def some(self, cases, least=12):
        """Returns all of a list of cases, or in a short run evenly spread ones."""
        cases = list(cases)
        wanted = self.count(len(cases), min(least, len(cases)))
        return [cases[number * len(cases) // wanted] for number in range(wanted)]

    def place(self, name):
        """Returns a new empty folder for one case."""
        folder = self.folder / re.sub(r"[^\w.-]+", "_", name)[:80]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def case(self, name, problem, *inputs):
        """Notes one case, and its problem (None if it held). `inputs` are files or bytes to keep if it did not hold."""
        with self.lock:
            self.cases += 1
            if not problem:
                return
            self.failed += 1
            if len(self.failures) < SHOWN_MAX:
                self.failures.append((name, problem, self.keep(name, inputs)))

    def keep(self, name, inputs):
        places = []
        for number, given in enumerate(inputs):
            stem = re.sub(r"[^\w.-]+", "_", f"{self.name}-{self.failed}-{name}")[:100]
            place = self.kept / (f"{stem}-{number}" if number else stem)
            self.kept.mkdir(parents=True, exist_ok=True)
            if isinstance(given, bytes):
                place.write_bytes(given)
            elif pathlib.Path(given).is_dir():
                copied(given, place)
            elif pathlib.Path(given).is_file() and is_short(given):
                shutil.copyfile(given, place)
            else:
                continue
            places.append(place)
        return places

    def side_by_side(self, work, cases):
        """Does `work` for each case, two at a time."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            for _ in pool.map(work, cases):
                pass

    def batched(self, size, cases, judge, name_of, inputs_of):
        """Judges cases in batches, each by as few runs as one case takes. A batch with a problem is halved until the case
        is found; `judge` returns the problem of a list of cases, or None."""
        cases = list(cases)
        batches = [cases[start : start + size] for start in range(0, len(cases), size)]
        self.side_by_side(lambda batch: self.halved(batch, judge, name_of, inputs_of), batches)

    def halved(self, batch, judge, name_of, inputs_of):
        problem = judge(batch)
        if problem is None or len(batch) == 1:
            for case in batch:
                self.case(name_of(case), problem, *inputs_of(case))
            return
        before = self.failed
        middle = len(batch) // 2
        self.halved(batch[:middle], judge, name_of, inputs_of)
        self.halved(batch[middle:], judge, name_of, inputs_of)
        if self.failed == before:
            # Only together they have the problem.
            self.case(f"{name_of(batch[0])} and the {len(batch) - 1} after it", problem, *inputs_of(batch[0]))


def is_short(path):
    """Whether a file is short enough to be kept; one of holes is not."""
    return path.lstat().st_size <= KEPT_BYTES_MAX


def copied(folder, place):
    """Copies the files of a folder that can be kept, and its links."""

    def left_out(at, names):
        entries = [pathlib.Path(at) / name for name in names]
        return [path.name for path in entries if not (path.is_symlink() or path.is_dir() or path.is_file() and is_short(path))]

    shutil.copytree(folder, place, symlinks=True, dirs_exist_ok=True, ignore=left_out)
