"""Checks the tables of docs/parameters.md against the template: parameters, defaults and the functions' environment."""

import unittest

from rules import table
from stack import ROOT, Stack


class ParameterTables(unittest.TestCase):
    def test_documented_parameters_match_the_template(self):
        parameters = Stack().source["Parameters"]
        documented = {name.strip("`"): default.strip("`") for name, default, _ in table("parameter")}
        self.assertEqual(set(documented), set(parameters))
        for name, how in parameters.items():
            with self.subTest(name):
                self.assertEqual(documented[name], str(how["Default"]))

    def test_documented_bounds_match_the_template(self):
        texts = {name.strip("`"): text for name, _, text in table("parameter")}
        for name, how in Stack().source["Parameters"].items():
            if "MinValue" in how:
                with self.subTest(name):
                    self.assertIn(f"{how['MinValue']} to {how['MaxValue']}", texts[name])

    def test_documented_variables_match_the_template(self):
        stack = Stack()
        for name, parameter, text, default in table("variable"):
            parameter = parameter.strip("`")
            if stack.values.get(parameter):
                with self.subTest(name):
                    self.assertEqual(default.strip("`"), stack.values[parameter])
                    how = stack.source["Parameters"][parameter]
                    if "MinValue" in how:
                        self.assertIn(f"{how['MinValue']} to {how['MaxValue']}", text)

    def test_the_source_reads_every_variable(self):
        files = [ROOT / "src" / "service" / "config.rs", *(ROOT / "src" / "service" / "config").glob("*.rs")]
        source = "".join(file.read_text(encoding="utf-8") for file in files)
        for function in ("IngestFunction", "InspectFunction", "DeliverFunction", "WidgetFunction"):
            for name in Stack(Topic="create").properties(function)["Environment"]["Variables"]:
                with self.subTest(name):
                    self.assertTrue(f'"{name}"' in source, "the source has no setting with this name")


if __name__ == "__main__":
    unittest.main()
