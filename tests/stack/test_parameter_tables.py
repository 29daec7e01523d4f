"""The tables of docs/parameters.md are those of the template: parameters with their defaults, and the functions' environment."""

import unittest

from rules import table
from stack import ROOT, Stack


class ParameterTables(unittest.TestCase):
    def test_the_table_of_parameters_is_that_of_the_template(self):
        parameters = Stack().source["Parameters"]
        told = {name.strip("`"): default.strip("`") for name, default, _ in table("parameter")}
        self.assertEqual(set(told), set(parameters))
        for name, how in parameters.items():
            if name != "FilterPattern":  # too long for a table
                with self.subTest(name):
                    self.assertEqual(told[name], str(how["Default"]))

    def test_the_table_of_bounds_is_that_of_the_template(self):
        means = {name.strip("`"): text for name, _, text in table("parameter")}
        for name, how in Stack().source["Parameters"].items():
            if "MinValue" in how:
                with self.subTest(name):
                    self.assertIn(f"{how['MinValue']} to {how['MaxValue']}", means[name])

    def test_the_table_of_variables_has_the_defaults_and_bounds_of_the_template(self):
        stack = Stack()
        for name, parameter, means, default in table("variable"):
            parameter = parameter.strip("`")
            if stack.values.get(parameter):
                with self.subTest(name):
                    self.assertEqual(default.strip("`"), stack.values[parameter])
                    how = stack.source["Parameters"][parameter]
                    self.assertIn(f"{how['MinValue']} to {how['MaxValue']}", means)

    def test_the_functions_take_every_variable(self):
        files = [ROOT / "src" / "service" / "config.rs", *(ROOT / "src" / "service" / "config").glob("*.rs")]
        source = "".join(file.read_text(encoding="utf-8") for file in files)
        for function in ("IngestFunction", "InspectFunction", "DeliverFunction", "WidgetFunction"):
            for name in Stack(Topic="create").properties(function)["Environment"]["Variables"]:
                with self.subTest(name):
                    self.assertTrue(f'"{name}"' in source, "no settings of the functions are named so")


if __name__ == "__main__":
    unittest.main()
