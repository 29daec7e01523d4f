"""Checks README.md and docs: links resolve, commands exist, and figures agree with the page that they come from."""

import os
import re
import subprocess
import tempfile
import unittest

from stack import ROOT

README = ROOT / "README.md"
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INSPECTOR = os.environ.get("INSPECTOR")


def read(path):
    return path.read_text(encoding="utf-8")


def anchors(page):
    """Returns the anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.*)", FENCED.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page):
    """Returns the command lines of the program in the shell blocks of a page."""
    for language, block in FENCED.findall(read(page)):
        if language in ("sh", "console"):
            for line in block.replace("\\\n", " ").splitlines():
                line = re.sub(r"\s#\s.*", "", line)
                yield from re.findall(r"cloudtrail-inspector (?!\W*$)([^|&;]+)", line)


def help_of(words):
    """Returns the help of the longest command among the words; options end a command."""
    path = []
    for word in words:
        if not re.fullmatch(r"[a-z]+", word):
            break
        path.append(word)
    while path:
        done = subprocess.run([INSPECTOR, *path, "--help"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        path.pop()
    return None


def printed(found, folder):
    """Returns a command and its excerpt, as found in a page, with what the command prints now, without links.

    The message is the first with the same title up to its numbers. An excerpt that begins with the title keeps its length.
    """
    command, words, shown = found.groups()
    done = subprocess.run([INSPECTOR, *command.split()], cwd=folder, check=True, capture_output=True, text=True)
    title = re.search(r"^\[.*?(?:（|：自)", shown, re.M)[0]
    message = next(one for one in re.split(r"^=== .*\n", done.stdout, flags=re.M) if f"\n{title}" in one)
    lines = [re.sub(r"，[^，]*: https://\S+$", "", line) for line in message.splitlines()]
    lines = [line for line in lines if "https://" not in line and not re.match(r"[a-z_]+: ", line)]
    if shown.startswith("["):
        first = next(place for place, line in enumerate(lines) if line.startswith(title))
        lines = lines[first : first + shown.count("\n")]
    parts = "\n".join(lines).strip() + "\n"
    return f"`cloudtrail-inspector {command}`{words}```text\n{parts}```"


class Docs(unittest.TestCase):
    def test_the_readme_is_short(self):
        self.assertLessEqual(len(read(README).splitlines()), 250)

    def test_relative_links_resolve(self):
        for page in PAGES:
            for link in LINK.findall(FENCED.sub("", read(page))):
                if "://" in link or link.startswith("mailto:"):
                    continue
                with self.subTest(page=page.name, link=link):
                    path, _, anchor = link.partition("#")
                    target = (page.parent / path).resolve() if path else page
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(target))

    def test_every_page_is_reached_from_the_readme(self):
        linked = {(README.parent / link.partition("#")[0]).resolve() for link in LINK.findall(read(README))}
        for page in (ROOT / "docs").glob("*.md"):
            with self.subTest(page.name):
                self.assertIn(page.resolve(), linked)

    def test_the_rust_version_is_in_one_place_and_is_that_of_cargo(self):
        version = re.search(r'^rust-version = "(.+)"', read(ROOT / "Cargo.toml"), re.MULTILINE)[1]
        self.assertIn(f"Rust {version} or later", read(README))
        for page in PAGES:
            if page not in (README, ROOT / "CHANGELOG.md"):
                with self.subTest(page.name):
                    self.assertNotRegex(read(page), r"Rust 1\.\d+")

    def test_make_targets_exist(self):
        targets = set(re.findall(r"^([a-zA-Z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
        for page in [README, ROOT / "README.zh.md", *(ROOT / "docs").glob("*.md")]:
            text = read(page)
            blocks = "\n".join(block for _, block in FENCED.findall(text))
            target = r"make ([a-z]+(?:-[a-z]+)*)(?![\w-])"
            for target in re.findall(f"`{target}", text) + re.findall(f"^{target}", blocks, re.MULTILINE):
                with self.subTest(page=page.name, target=target):
                    self.assertIn(target, targets)

    @unittest.skipUnless(INSPECTOR, "no command line program was given")
    def test_commands_and_their_options_exist(self):
        helps = {}
        for page in [README, ROOT / "README.zh.md", *(ROOT / "docs").glob("*.md")]:
            for line in commands(page):
                words = line.split()
                if not re.match("[a-z]", words[0]):  # a path, or an option of the program itself
                    continue
                with self.subTest(page=page.name, command=line):
                    key = tuple(words[:2])
                    if key not in helps:
                        helps[key] = help_of(words)
                    self.assertIsNotNone(helps[key], "there is no such command")
                    for option in re.findall(r"(?<=\s)--[a-z-]+", line):
                        self.assertRegex(helps[key], rf"{option}\b")

    @unittest.skipUnless(INSPECTOR, "no command line program was given")
    def test_the_messages_in_the_guide_for_guance_are_those_of_the_demo(self):
        guide = ROOT / "docs" / "guance.zh.md"
        text = read(guide)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([INSPECTOR, "generate", "demo"], cwd=folder, check=True, capture_output=True)
            changed = re.sub(r"`cloudtrail-inspector (notify [^`]*demo/)`([^`]*)```text\n(.*?)```", lambda found: printed(found, folder), text, flags=re.S)
        if os.environ.get("UPDATE_EXPECT"):
            guide.write_text(changed, encoding="utf-8")
            return
        self.assertEqual(text.count("```text"), 2)
        self.assertEqual(changed, text, "UPDATE_EXPECT=1 writes the page")

    def test_the_costs_in_the_readme_agree_with_the_cost_page(self):
        page = read(ROOT / "docs" / "cost.md")
        rows = [re.search(rf"\| \**{name}\** \| (.*) \|", page)[1].split(" | ") for name in ("sum with dashboard and alarms", "sum without both")]
        table = read(README).split("| dollars a month |", 1)[1].splitlines()[2:5]
        self.assertEqual([row.strip("| ").split(" | ")[1:] for row in table], [list(pair) for pair in zip(*rows, strict=True)])

    def test_the_tables_of_metrics_name_each_metric_of_the_source(self):
        source = read(ROOT / "src" / "clusters" / "report.rs")
        constants = dict(re.findall(r'const (\w+): &str = "(\w+)"', source))
        listed = re.search(r"pub const METRICS: [^=]*= \[(.*?)\];", source, re.DOTALL)[1]
        written = {name.strip('"') if '"' in name else constants[name] for name in re.findall(r'"?\w+"?', listed)}
        tables = re.findall(r"^\| metric of .*\n\|---\|---\|\n((?:\|.*\n)+)", read(ROOT / "docs" / "function.md"), re.MULTILINE)
        rows = [row.split(" | ")[0] for table in tables for row in table.splitlines()]
        named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
        # One row is for all classes of errors.
        self.assertEqual({name for name in written ^ named if not re.match("Errors.", name)}, set())
        self.assertTrue(any("one for each class of errors" in row for row in rows), rows)

    def test_the_speeds_in_the_readme_agree_with_the_benchmark_page(self):
        page, readme = read(ROOT / "docs" / "benchmarks.md"), " ".join(read(README).split())
        gain, measured = page.split("<!-- bench -->")
        for tool, in_readme in (("ClickHouse", "ClickHouse's engine"), ("Polars", "Polars"), ("Python", "Python")):
            times = re.search(rf"\| {tool}[^|]*\| ([\d.]+)", measured)[1]
            with self.subTest(tool):
                self.assertIn(f"{times} times", " ".join(gain.split()))
                self.assertIn(f"{in_readme} {float(times):.1f} times", readme)
        micros, memory = re.search(r"\| larger trail files \| table \| ([\d.]+) µs .*?\| (\d+) MB", measured).groups()
        self.assertIn(f"records take {float(micros):.1f} µs of CPU each and {memory} MB", readme)


if __name__ == "__main__":
    unittest.main()
