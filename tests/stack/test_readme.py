"""The README's tables are the template's: parameters with their defaults, and the function's environment."""

import re
import unittest

from rules import OF_PARAMETERS
from stack import ROOT, Stack

README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(first_column):
    """Returns the rows of the table with this first column, as lists of cells."""
    rows = README.split(f"| {first_column} |", 1)[1].splitlines()[2:]
    cells = []
    for row in rows:
        if not row.startswith("|"):
            return cells
        cells.append([cell.strip() for cell in row.strip("|").split("|")])
    return cells


class Readme(unittest.TestCase):
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

    def test_the_table_of_variables_is_the_function_s_environment(self):
        stack = Stack()
        environment = stack.properties("IngestFunction")["Environment"]["Variables"]
        rows = table("variable")
        self.assertEqual([row[0].strip("`") for row in rows], list(environment))
        for name, parameter, means, default in rows:
            parameter = parameter.strip("`")
            if stack.values.get(parameter):
                with self.subTest(name):
                    self.assertEqual(default.strip("`"), stack.values[parameter])
                    self.assertEqual(environment[name.strip("`")], stack.values[parameter])
                    how = stack.source["Parameters"][parameter]
                    self.assertIn(f"{how['MinValue']} to {how['MaxValue']}", means)

    def test_the_table_of_further_variables_is_what_the_inspection_has_beside(self):
        stack = Stack()
        environment = dict(stack.properties("InspectFunction")["Environment"]["Variables"])
        for name in stack.properties("IngestFunction")["Environment"]["Variables"]:
            environment.pop(name)
        rows = {row[0].strip("`"): row[1].strip("`") for row in table("further variable")}
        self.assertEqual(list(rows), list(environment))
        for name, parameter in rows.items():
            if parameter:
                with self.subTest(name):
                    self.assertEqual(environment[name], stack.values[parameter])

    def test_the_table_of_settings_is_the_environment_of_what_tells(self):
        environment = Stack(Topic="create").properties("DeliverFunction")["Environment"]["Variables"]
        rows = {row[0].strip("`"): row[1].strip("`") for row in table("setting")}
        self.assertEqual(list(rows), list(environment))
        for name, parameter in rows.items():
            self.assertEqual(parameter, OF_PARAMETERS.get(name, "Topic" if name == "TOPIC_ARN" else ""))

    def test_the_table_of_what_shows_is_its_environment(self):
        environment = Stack().properties("WidgetFunction")["Environment"]["Variables"]
        rows = {row[0].strip("`"): row[1].strip("`") for row in table("variable of the widget")}
        self.assertEqual(list(rows), list(environment))

    def test_the_functions_take_every_variable(self):
        files = [ROOT / "src" / "service" / "config.rs", *(ROOT / "src" / "service" / "config").glob("*.rs")]
        source = "".join(file.read_text(encoding="utf-8") for file in files)
        for function in ("IngestFunction", "InspectFunction", "DeliverFunction", "WidgetFunction"):
            for name in Stack(Topic="create").properties(function)["Environment"]["Variables"]:
                with self.subTest(name):
                    self.assertTrue(f'"{name}"' in source, "no settings of the functions are named so")


if __name__ == "__main__":
    unittest.main()
