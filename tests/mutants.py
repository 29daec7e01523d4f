#!/usr/bin/env python3
"""Breaks the program in one place after the other, and checks that the property test for this place fails.

The property tests run in their short form, as in `make test`, so this shows that the short form is enough. The tree is
copied into TARGET/mutants and changed there; the working tree is not changed.

Usage: mutants.py TARGET [NAME…]    TARGET is Cargo's folder; without names, all mutants
       mutants.py --check           checks only that each place exists exactly once
       mutants.py --list            prints the mutants and the tests that must fail
Exit codes: 0 all mutants were killed; 1 a mutant survived, or the table is wrong; 2 wrong usage.
"""

import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A test that runs longer counts as failed.
TIMEOUT_SECONDS = 900
BUILD_SECONDS = 7200

# No shrinking, which only helps people, and no saved seeds, which would help the test of the next mutant.
QUIET = {"PROPTEST_MAX_SHRINK_ITERS": "0", "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1"}
# Settings of other tests must not change these, and mutants are not checked with clippy.
UNSET = ("EFFORT", "PROPTEST_CASES", "PROPTEST_RNG_SEED", "AWS_ENDPOINT_URL", "RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS")

IT = ("--test", "it")
RECORDS = ("-p", "records", "--lib")
CLUSTERS = ("-p", "clusters", "--lib")
SERVICE = ("-p", "service", "--lib")

Mutant = collections.namedtuple("Mutant", "name file text instead suite test")

MUTANTS = [
    # Events count once, in any order and with any repetitions.
    Mutant(
        "one-id-last-one-wins",
        "src/clusters/lib.rs",
        "if sighting < *stored.get() {",
        "if sighting != *stored.get() {",
        IT,
        "laws::one_id_with_two_contents_counts_once_in_any_order",
    ),
    Mutant(
        "one-id-counts-anew",
        "src/clusters/sightings.rs",
        "match self.seen.entry(id) {",
        "let other = id.bytes().map(|byte| byte ^ u8::from(self.seen.contains_key(&id)));\n"
        "        match self.seen.entry(EventId::from_bytes(other)) {",
        IT,
        "laws::order_duplicates_cuts_and_crashes_change_nothing",
    ),
    Mutant(
        "first-seen-is-last-asked",
        "src/clusters/lib.rs",
        "(Some(one), Some(other)) => Some(one.min(other)),",
        "(Some(_), Some(other)) => Some(other),",
        IT,
        "laws::order_duplicates_cuts_and_crashes_change_nothing",
    ),
    Mutant(
        "last-seen-is-last-asked",
        "src/clusters/lib.rs",
        "self.last_seen = self.last_seen.max(other.last_seen);",
        "self.last_seen = other.last_seen;",
        IT,
        "laws::order_duplicates_cuts_and_crashes_change_nothing",
    ),
    Mutant(
        "samples-first-come",
        "src/clusters/sample.rs",
        "self.0.pop_last();",
        "self.0.remove(&rank);",
        IT,
        "laws::order_duplicates_cuts_and_crashes_change_nothing",
    ),
    Mutant(
        "manifest-in-any-order",
        "src/clusters/segment.rs",
        "hour.sort_unstable_by(in_order);",
        "",
        IT,
        "dynamodb::a_fault_at_any_call_changes_nothing_once_the_batch_comes_again",
    ),
    Mutant(
        "first-seen-stays",
        "src/aws/dynamodb/commit.rs",
        "let is_earlier = |at: &Timestamp| cluster_item.first.is_none_or(|first| *at < first);",
        "let is_earlier = |_: &Timestamp| cluster_item.first.is_none();",
        IT,
        "pipeline::whatever_comes_too_late_counts_once_and_no_life_is_out_of_order",
    ),
    # A record has the same meaning in every notation.
    Mutant(
        "repeat-in-spite-of-its-end",
        "src/records/record_template.rs",
        "let is_same = rest == self.text.get(from..)? && !self.free.is_empty();",
        "let is_same = !self.free.is_empty();",
        IT,
        "laws::what_is_remembered_changes_nothing",
    ),
    # The episodes of a cluster follow one another.
    Mutant(
        "opened-at-the-watermark",
        "src/aws/dynamodb/commit.rs",
        "comes_back && Some(*at) > cluster_item.watermark;",
        "comes_back && Some(*at) >= cluster_item.watermark;",
        IT,
        "dynamodb::a_recovered_cluster_comes_back_for_a_later_event_alone_and_once",
    ),
    Mutant(
        "opened-by-a-late-event",
        "src/clusters/inspection_state/cluster_history.rs",
        ".find(|occurrence| self.recovered.is_none_or(|of| occurrence.at > of));",
        ".find(|_| true);",
        IT,
        "pipeline::whatever_comes_too_late_counts_once_and_no_life_is_out_of_order",
    ),
    Mutant(
        "the-same-life-again",
        "src/aws/dynamodb/commit.rs",
        "writes.extend(self.episode_writes(*cluster, episode + 1, at));",
        "writes.extend(self.episode_writes(*cluster, episode, at));",
        IT,
        "pipeline::whatever_goes_wrong_and_is_made_up_for_in_time_changes_nothing",
    ),
    Mutant(
        "recovered-unseen",
        "src/clusters/inspection_state/cluster_history.rs",
        "let blind = (blind_hours - self.blind_hours) * 3600;",
        "let blind = 0 * (blind_hours - self.blind_hours);",
        IT,
        "pipeline::whatever_goes_wrong_and_is_made_up_for_in_time_changes_nothing",
    ),
    # There is one outbox row for each alert and sink.
    Mutant(
        "one-id-for-all-episodes",
        "src/alerts/alert.rs",
        "let number = subject.number().to_string();",
        "let number = subject.number().min(1).to_string();",
        IT,
        "pipeline::whatever_goes_wrong_and_is_made_up_for_in_time_changes_nothing",
    ),
    Mutant(
        "sent-without-a-lease",
        "src/service/deliver/sink_run.rs",
        "let is_leased = store.lease(&row, lease).await?;",
        "let is_leased = store.lease(&row, lease).await? || row.leased_until.is_none();",
        IT,
        "deliver::two_runs_side_by_side_send_no_row_twice",
    ),
    # Missed events are processed later.
    Mutant(
        "removed-before-it-is-committed",
        "src/service/ingest/redrive.rs",
        "match replay_input.take(event.get().as_bytes()).await {",
        "replay_input.bucket.remove(&object.key).await?;\n        match replay_input.take(event.get().as_bytes()).await {",
        IT,
        "redrive::redrives_that_break_off_anywhere_lose_nothing",
    ),
    Mutant(
        "half-an-hour-is-read",
        "src/service/ingest/backfill.rs",
        "until: end,",
        "until: end.after(-1800).unwrap_or(end),",
        IT,
        "redrive::whatever_redrives_and_backfills_run_in_whatever_way_each_event_counts_once",
    ),
    # Sent text is read back unchanged.
    Mutant(
        "backslash-in-a-field",
        "src/alerts/guance/line_protocol.rs",
        "'\"' | '\\\\' => quoted.extend(['\\\\', c]),",
        "'\"' => quoted.extend(['\\\\', c]),",
        IT,
        "wire::random_points_come_back_as_they_were_written",
    ),
    Mutant(
        "comma-in-a-tag",
        "src/alerts/safe.rs",
        "'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '.'",
        "'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | ',' | '.'",
        IT,
        "wire::random_points_come_back_as_they_were_written",
    ),
    # Secrets are removed, and messages that differ only in values have one template.
    Mutant(
        "a-word-for-a-secret",
        "src/records/redact.rs",
        '    "password",\n    "passwd",',
        '    "passwort",\n    "passwd",',
        RECORDS,
        "redact::tests::a_secret_after_its_label_never_survives",
    ),
    Mutant(
        "masked-once",
        "src/records/redact.rs",
        "Some(changed) if changed != text => text = changed.into(),",
        "Some(changed) => return changed.into(),",
        RECORDS,
        "redact::tests::card_numbers_in_a_row_are_all_masked",
    ),
    # A cluster continues in all clusters that hold its events.
    Mutant(
        "first-successor-alone",
        "src/clusters/carry.rs",
        "successors.entry(cluster).or_default().insert(successor);",
        "successors.entry(cluster).or_insert_with(|| BTreeSet::from([successor]));",
        CLUSTERS,
        "carry::tests::neither_order_nor_repetition_nor_cuts_change_what_is_carried",
    ),
    # Of two decisions the later one stays.
    Mutant(
        "the-last-import-wins",
        "src/service/configuration/import.rs",
        "(present.at, present.encode()) > (other.at, other.encode())",
        "(present.at, present.encode()) == (other.at, other.encode())",
        IT,
        "configuration::decisions_are_the_same_whatever_the_order_of_imports",
    ),
    # The archive is a set of lines.
    Mutant(
        "archived-under-a-short-name",
        "src/service/ingest/archive.rs",
        "const HASH_DIGITS: usize = 32;",
        "const HASH_DIGITS: usize = 1;",
        SERVICE,
        "archive::tests::order_repetition_and_cuts_change_nothing",
    ),
    # A ledger is a set, and nothing of an incident is left out before.
    Mutant(
        "ledger-first-one-stays",
        "src/sqlite/write.rs",
        "if *sighting < stored {",
        "if *sighting > stored {",
        IT,
        "laws::a_ledger_is_the_same_in_any_order_with_duplicates_cuts_and_crashes",
    ),
    Mutant(
        "children-apart-from-their-makers",
        "src/clusters/incident/sieve.rs",
        "groups.join(*maker, actor);",
        "groups.join(*maker, *maker);",
        CLUSTERS,
        "incident::tests::what_is_left_out_before_is_missed_by_no_incident",
    ),
    # Hours are hours of UTC.
    Mutant(
        "hours-begin-later",
        "src/records/time.rs",
        "Window(self.0.div_euclid(3600))",
        "Window((self.0 - 1).div_euclid(3600))",
        IT,
        "clocks::an_hour_a_day_a_month_and_a_year_end_with_their_last_second",
    ),
    Mutant(
        "leap-day-after-its-month",
        "src/records/time.rs",
        "let leap_days = (year + 3) / 4 + if month > 2 { leap_day } else { 0 };",
        "let leap_days = (year + 3) / 4 + if month > 3 { leap_day } else { 0 };",
        RECORDS,
        "time::tests::the_usual_form_is_read_like_any_form",
    ),
    # The guard limits the number of new clusters.
    Mutant(
        "one-more-than-the-limit",
        "src/clusters/guard.rs",
        "if *used < limit {",
        "if *used <= limit {",
        IT,
        "store::",
    ),
    # `doctor` names the first broken link and checks none behind it.
    Mutant(
        "links-behind-the-broken-one",
        "src/service/doctor.rs",
        "Some(broken) => Verdict::not_checked(format!(\"because {broken} is broken\")),\n            None => match judge(facts) {",
        "_ => match judge(facts) {",
        SERVICE,
        "doctor::tests::the_first_broken_link",
    ),
]


def table_problems():
    """Returns the problems of the table."""
    problems = []
    for name, count in collections.Counter(mutant.name for mutant in MUTANTS).items():
        if count > 1:
            problems.append(f"{name}: {count} mutants have this name")
    for mutant in MUTANTS:
        path = ROOT / mutant.file
        count = path.read_text(encoding="utf-8").count(mutant.text) if path.exists() else 0
        if count != 1:
            problems.append(f"{mutant.name}: {mutant.file} has its text {count} times, not once: {mutant.text!r}")
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [f"| `{mutant.name}` | `{mutant.file}` | `{mutant.test}` |" for mutant in MUTANTS]
    problems.extend(f"CONTRIBUTING.md lacks the row {row}" for row in rows if row not in page)
    return problems


def copy_tree(folder):
    """Copies the working tree to a folder; unchanged files keep their modification time."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
    for old in [path for path in folder.rglob("*") if path.is_file()]:
        if str(old.relative_to(folder)) not in names:
            old.unlink()
    for name in sorted(names):
        path, to = ROOT / name, folder / name
        if path.is_file():
            write_if_changed(to, path.read_bytes())
            to.chmod(path.stat().st_mode)


def write_if_changed(path, content):
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Tests:
    """The tests of the copied tree, with their own build folder."""

    def __init__(self, target):
        self.tree = target / "mutants" / "tree"
        self.environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.environment |= QUIET | {"CARGO_TARGET_DIR": str(target / "mutants" / "target")}
        copy_tree(self.tree)

    def cargo(self, arguments, seconds):
        """Runs cargo test; returns its exit code, or None after the time limit, and its output."""
        command = ["cargo", "test", "--locked", *arguments]
        with subprocess.Popen(
            command,
            cwd=self.tree,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return None, ""
            return process.returncode, output

    def build(self, suite):
        """Builds a suite; returns the error, or None."""
        code, output = self.cargo([*suite, "--no-run"], BUILD_SECONDS)
        if code == 0:
            return None
        errors = [line for line in output.splitlines() if line.startswith("error")]
        return errors[0] if errors else f"cargo printed {output.strip()[-300:]!r}"

    def run(self, mutants):
        """Returns the number of passed tests and the names of failed ones, or a message if the tests did not end."""
        [suite] = {mutant.suite for mutant in mutants}
        code, output = self.cargo([*suite, "--", *{mutant.test for mutant in mutants}], TIMEOUT_SECONDS)
        failed = re.findall(r"^test (\S+)(?: - .*)? \.\.\. FAILED$", output, re.MULTILINE)
        if code is None:
            failed = [f"not finished within {TIMEOUT_SECONDS} s"]
        passed = sum(int(count) for count in re.findall(r"(\d+) passed", output))
        if code not in (None, 0) and not failed:
            failed = ["the tests were aborted"]
        return passed, failed


def check_unbroken(tests, mutants):
    """Runs the tests without a mutant; returns the problems."""
    problems = []
    for suite in {mutant.suite for mutant in mutants}:
        of_suite = [mutant for mutant in mutants if mutant.suite == suite]
        reason = tests.build(suite)
        if reason:
            return [reason]
        passed, failed = tests.run(of_suite)
        problems += [f"{name} fails without a mutant" for name in failed]
        if passed < len({mutant.test for mutant in of_suite}):
            problems.append(f"only {passed} of the tests for the mutants exist")
    return problems


def outcome(tests, mutant):
    """Applies a mutant and runs its test; returns the result as text, and whether the mutant was killed."""
    path = tests.tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(mutant.text, mutant.instead), encoding="utf-8")
    try:
        reason = tests.build(mutant.suite)
        if reason:
            return f"CANNOT BE BUILT: {reason}", False
        _, failed = tests.run([mutant])
    finally:
        path.write_text(whole, encoding="utf-8")
    if failed:
        return f"killed by {', '.join(failed)}", True
    return f"SURVIVED {mutant.test}", False


def main(arguments):
    if arguments == ["--list"]:
        for mutant in MUTANTS:
            print(f"{mutant.name}\t{mutant.file}\t{mutant.test}")
        return 0
    problems = table_problems()
    for line in problems:
        print(line)
    if problems or arguments == ["--check"]:
        return 1 if problems else 0
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    target, names = pathlib.Path(arguments[0]).resolve(), arguments[1:]
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        print(f"no such mutant: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    mutants = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    tests = Tests(target)
    problems = check_unbroken(tests, mutants)
    for line in problems:
        print(line)
    if problems:
        return 1
    all_killed = True
    for mutant in mutants:
        started = time.monotonic()
        output, is_killed = outcome(tests, mutant)
        all_killed &= is_killed
        print(f"{mutant.name}: {output} ({time.monotonic() - started:.0f} s)", flush=True)
    return 0 if all_killed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
