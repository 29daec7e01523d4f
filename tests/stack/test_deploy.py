"""Checks that the deployment pages name only existing parameters, outputs, resources, commands, files, headings and log lines."""

import os
import pathlib
import re
import subprocess
import unittest

from stack import ROOT, Stack

PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("deploy.md", "settings.md")}
# Words of AWS that are written like a parameter.
OTHERS = {"FAILED", "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ReadOnlyAccess"}
# The programs whose commands the pages may contain.
PROGRAMS = {"aws", "sam", "git", "make", "export", "install", "cloudtrail-inspector"}


def anchors(path):
    """Returns the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def commands(text):
    """Returns the command lines of a page, from code blocks and inline code."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    inline = re.findall(r"`((?:aws|sam|git|make|export|install|cloudtrail-inspector) [^`]+)`", re.sub(r"^```sh\n.*?^```", "", text, flags=re.M | re.S))
    every = [part.strip() for line in [*lines, *inline] for part in line.split("  #")[0].split("&&")]
    return [one for one in every if one]


class Deploy(unittest.TestCase):
    def test_words_in_code_are_parameters_or_outputs(self):
        stack = Stack(Topic="create", AlarmTopic="create")
        known = set(stack.source["Parameters"]) | set(stack.source["Outputs"]) | OTHERS
        source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.rs"))
        for page, text in PAGES.items():
            for name in re.findall(r"`([A-Z][A-Za-z]+)`", text):
                with self.subTest(page, name=name):
                    self.assertTrue(name in known or f'"{name}"' in source, f"there is no {name}")
        for name in re.findall(r"--topic-arn (\w+)", PAGES["deploy.md"]):
            self.assertIn(name, stack.source["Outputs"])
        self.assertTrue(any(name.startswith("Subscribe") for name in stack.of_type("AWS::Logs::SubscriptionFilter")))

    def test_log_words_exist_in_the_source(self):
        source = "".join((ROOT / "src" / "function" / name).read_text(encoding="utf-8") for name in ("ingest.rs", "deliver.rs", "inspect.rs"))
        self.assertIn("`delivered`", PAGES["deploy.md"])
        self.assertIn('"delivered"', source)
        for field in ("sent", "waiting", "suppressed"):
            self.assertIn(f"`{field}`", PAGES["deploy.md"])
            self.assertRegex(source, rf"\b{field} = ")

    def test_quoted_messages_are_in_the_template(self):
        (sentence,) = re.findall(r"such as `(must [^`]+)`", PAGES["deploy.md"])
        self.assertIn(sentence, Stack().source["Parameters"]["LogGroupNames"]["ConstraintDescription"])

    def test_linked_files_and_headings_exist(self):
        for page, text in PAGES.items():
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                if link.startswith("http"):
                    continue
                path, _, heading = link.partition("#")
                target = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / page
                with self.subTest(page, link=link):
                    self.assertTrue(target.exists(), f"there is no {target}")
                    if heading:
                        self.assertIn(heading, anchors(target))

    def test_commands_exist(self):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for page, text in PAGES.items():
            for line in commands(text):
                words = line.split()
                with self.subTest(page, line=line):
                    self.assertIn(words[0], PROGRAMS | {"sed"})
                    if words[0] == "make":
                        self.assertRegex(makefile, rf"(?m)^{words[1]}:")
                    if words[0] == "aws" and words[1] != "--version":
                        self.assertRegex(words[1], r"^(cloudtrail|cloudformation|iam|logs|sns|sts)$")
                    if words[0] == "cloudtrail-inspector":
                        self.assertTrue(self.is_command(words[1:]), "the command line does not have this command or option")

    def is_command(self, words):
        """Returns whether the command line has a command with these options; asks its help, does not run it."""
        program = os.environ.get("INSPECTOR")
        if not program or not pathlib.Path(program).exists():
            self.skipTest("no command line program was given")
        names = []
        for word in words:
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            names.append(word)
        done = subprocess.run([program, *names, "--help"], capture_output=True, text=True, timeout=60, check=False)
        options = [word for word in words if word.startswith("--")]
        return done.returncode == 0 and all(option in done.stdout for option in options)


if __name__ == "__main__":
    unittest.main()
