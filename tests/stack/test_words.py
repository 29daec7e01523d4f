"""Template texts, the help of the command line and the documents use the usual words of the field."""

import os
import pathlib
import re
import subprocess
import unittest

from stack import ROOT, parsed

# Unclear words, each with the usual word.
USUAL_WORDS = {
    r"(is|are|was|were|be|been) told|tells?": "alert, notify, report",
    r"loud(er|est)?": "severe",
    r"books": "totals",
    r"(take|takes|taken|taking) stock": "inspect",
    r"take[ns]? (back )?in": "process",
    r"folds?": "groups",
    r"hand(s|ed)? over": "sends",
    r"trouble": "incident",
    r"odd": "note",
    r"so (many|much)": "a number of",
    r"(some|any|no)body": "users, or the passive voice",
    r"whoever|whatever": "anyone, all",
    r"meanwhile": "in the meantime",
    r"of ours|of one's own": "our, your own",
    r"put right": "corrected",
    r"(made|make|makes) anew": "rebuilt",
    r"chronicle|census|dossier|enquiry|enquiries": "inspection state, snapshot, details, lookup",
    r"everybody": "all, all others",
}
# English texts with more than one Chinese text, each with the reason.
SEVERAL_CHINESE = {
    "{count} sensitive calls": "calls are counted with 次, groups of equal calls with 种, rows with 个",
    "1 sensitive call": "as above",
    "sensitive calls: {count}": "a sentence, and the head of a list",
    "{count} steps": "the end of a title, and a fact",
    "": "signs between words",
    "hour": "a length of time, and within how long",
    "day": "a length of time, and within how long",
    "new": "a status, and an entry of the history",
    "ongoing": "a status, and an entry of the history",
    "none": "no usual number, and no alert",
    "who": "the caller, and the identities of an actor",
    "from": "a network, and a time",
    "open": "a link, an incident and a cluster",
    "calls": "which calls, and how many",
    "watch": "the rule of a sensitive call, and their class",
    "events": "how many, and which events",
    "origin": "by what means a call was made, and all of where it came from",
    "all": "a sum, and a filter",
    "ok": "the end of an alert, and the state of a part of the stack",
    "what": "what a row is about, and a call with its error",
}
# Names of severities, statuses, classes and decisions in Chinese that stand for another English text, each with the reason.
SEVERAL_ENGLISH = {
    "再次出现": "the kind of an alert is `Back again`, the status `regressed`",
    "敏感操作": "the class is `watch`, people read `sensitive call`",
    "标为预期": "a decision and its button",
    "不存在": "no value",
    "其他": "a class and an origin",
}
LITERAL = r'"((?:[^"\\]|\\.)*)"'
TEMPLATES = ("template.yaml", "infra/member-role.yaml", "infra/subscription-destination.yaml")
DOCUMENTS = ("*.md", "docs/*.md", "docs/*/*.md")
# A text in English, then in Chinese.
IN_BOTH = re.compile("[A-Za-z].* / .*[\u4e00-\u9fff]", re.S)
# The keys of a template whose values are texts for people.
KEYS = {"Description", "ConstraintDescription", "AssertDescription", "AlarmDescription", "Says", "default"}


def texts(value, key=None):
    """Yields the user-visible texts in a part of a template."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from texts(one, name if name in KEYS or not name.startswith("Fn::") else key)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one, key)
    elif isinstance(value, str) and (key in KEYS or '"markdown"' in value):
        yield value


def translations():
    """Returns the English and Chinese texts of all tables of words and of the terms, and the Chinese names of conclusions."""
    pairs = []
    for path in sorted(ROOT.glob("src/**/*.rs")):
        for table in re.findall(r"^(?:\w+::)?words! \{\n(.*?)^\}", path.read_text(encoding="utf-8"), re.S | re.M):
            pairs += re.findall(rf"\w+:\s*{LITERAL},\s*{LITERAL};", table)
    terms = (ROOT / "src/alerts/terms.rs").read_text(encoding="utf-8").partition("#[cfg(test)]")[0]
    named = re.findall(rf"(\w+)::(\w+)(?: \{{ \.\. \}})? => {LITERAL},", terms)
    pairs += [(re.sub(r"(?<!^)([A-Z])", r" \1", variant), chinese) for _, variant, chinese in named]
    pairs += re.findall(rf"=> \({LITERAL}, {LITERAL}\)", terms)
    severities = (ROOT / "src/alerts/severity.rs").read_text(encoding="utf-8")
    graded = re.findall(rf"(?:Severity|Self)::(\w+) => {LITERAL},", severities)
    pairs += [(english, chinese) for english, chinese in graded if not chinese.isascii()]
    conclusions = {chinese for of, _, chinese in named if of in ("Status", "Class", "Decision")}
    conclusions |= {chinese for _, chinese in graded if not chinese.isascii()}
    plain = [[re.sub(r"\\\n\s*", "", text).strip(" .:,。：，") for text in pair] for pair in pairs]
    return [(english.lower(), chinese) for english, chinese in plain], conclusions


def prose(document):
    """Returns a Markdown document without code blocks, code spans and link targets, whose names are not checked."""
    return re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", " ", document, flags=re.S)


def unusual(text):
    """Returns a message for each unclear word of a text, with its context and the usual word."""
    found = [(usual, one) for words, usual in USUAL_WORDS.items() for one in re.finditer(rf"\b({words})\b", text, re.I)]
    return [f"…{text[max(0, one.start() - 40) : one.end() + 40]}… has {one.group()!r}, not {usual}" for usual, one in found]


class Words(unittest.TestCase):
    def test_templates_use_the_usual_words(self):
        for name in TEMPLATES:
            with self.subTest(name):
                found = list(texts(parsed((ROOT / name).read_text(encoding="utf-8"))))
                self.assertGreater(len(found), 5)
                self.assertEqual([wrong for text in found for wrong in unusual(text)], [])

    def test_template_texts_are_in_both_languages(self):
        # CloudFormation limits a description to 4,000 characters, CloudWatch that of an alarm to 1,024.
        for name in TEMPLATES:
            source = parsed((ROOT / name).read_text(encoding="utf-8"))
            interface = source["Metadata"]["AWS::CloudFormation::Interface"]
            found = [of["Label"]["default"] for of in interface["ParameterGroups"]]
            found += [of["default"] for of in interface["ParameterLabels"].values()]
            found += [of["Description"] for part in ("Parameters", "Outputs") for of in source[part].values()]
            with self.subTest(name):
                self.assertEqual([text for text in found if not IN_BOTH.search(text)], [])
                self.assertLess(max(len(text) for text in found), 4000)
                # The description of a stack is shown by an API that has ASCII only.
                self.assertTrue(source["Description"].isascii())
        alarms = [line for line in (ROOT / "template.yaml").read_text(encoding="utf-8").splitlines() if "Says:" in line]
        self.assertGreater(len(alarms), 10)
        for line in alarms:
            self.assertRegex(line, IN_BOTH)
            self.assertLess(len(line), 1024)

    def test_documents_use_the_usual_words(self):
        found = [path for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern))]
        self.assertGreater(len(found), 20)
        for path in found:
            with self.subTest(path.name):
                text = prose(path.read_text(encoding="utf-8"))
                self.assertEqual(unusual(" ".join(text.split())), [])

    def test_the_help_of_each_command_uses_the_usual_words(self):
        program = os.environ.get("INSPECTOR")
        if not program or not pathlib.Path(program).exists():
            self.skipTest("no command line program was given")
        waiting, seen = [()], 0
        while waiting:
            command = waiting.pop()
            help_of = subprocess.run([program, *command, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
            seen += 1
            # Examples contain texts of users.
            described = help_of.split("\nExample")[0]
            with self.subTest(" ".join(command)):
                self.assertEqual(unusual(" ".join(described.split())), [])
            listed = re.search(r"^Commands:\n((?:  .*\n|\n(?=  ))*)", help_of, re.M)
            names = re.findall(r"^  ([a-z-]+)", listed.group(1), re.M) if listed else []
            waiting.extend((*command, name) for name in names if name != "help")
        self.assertGreater(seen, 20)

    def test_one_word_has_one_translation(self):
        pairs, conclusions = translations()
        self.assertGreater(len(pairs), 500)
        self.assertGreater(len(conclusions), 20)
        chinese_of, english_of = {}, {}
        for english, chinese in pairs:
            chinese_of.setdefault(english, set()).add(chinese)
            english_of.setdefault(chinese, set()).add(english)
        several = {english: of for english, of in chinese_of.items() if len(of) > 1 and english not in SEVERAL_CHINESE}
        self.assertEqual(several, {})
        back = {chinese: english_of[chinese] for chinese in conclusions if len(english_of[chinese]) > 1 and chinese not in SEVERAL_ENGLISH}
        self.assertEqual(back, {})

    def test_advice_and_messages_use_the_usual_words(self):
        seen = 0
        for path in sorted(ROOT.glob("src/alerts/**/*.rs")):
            source = path.read_text(encoding="utf-8").partition("#[cfg(test)]\nmod tests {")[0]
            if path.name == "tests.rs":
                continue
            literals = [re.sub(r"\\\n\s*", "", text) for text in re.findall(LITERAL, re.sub(r"^\s*//.*$", "", source, flags=re.M))]
            sentences = [text for text in literals if text.count(" ") > 2]
            seen += len(sentences)
            with self.subTest(path.name):
                self.assertEqual([wrong for text in sentences for wrong in unusual(text)], [])
        self.assertGreater(seen, 300)

    def test_unclear_words_are_found(self):
        self.assertEqual(len(unusual("Tells nobody how loud it is")), 3)
        (found,) = unusual(prose("`clusters told` is ```code nobody``` and [odd](loud.md)"))
        self.assertIn("has 'odd'", found)
        self.assertEqual(unusual("Details: which alerts are sent, and how severe they are"), [])


if __name__ == "__main__":
    unittest.main()
