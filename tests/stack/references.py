"""Checks the references in a template without loops: each must name a parameter, a resource, a condition or a mapping.

AWS refuses a template with one missing name ("Unresolved resource dependencies"), even if a condition is false.
"""

import re

PSEUDO = {f"AWS::{name}" for name in ("AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix")}


def complaints(template):
    """Yields a complaint for each reference to a missing name in a template without loops."""
    resources, parameters = template["Resources"], template.get("Parameters", {})
    known = Known(resources, set(parameters) | PSEUDO, template.get("Conditions", {}), template.get("Mappings", {}))
    for name, made in resources.items():
        if not re.fullmatch("[A-Za-z0-9]{1,255}", name):
            yield f"{name} is not a valid resource name: only letters and digits are allowed"
        dependencies = made.get("DependsOn", [])
        for other in [dependencies] if isinstance(dependencies, str) else dependencies:
            if other not in resources:
                yield f"{name} has DependsOn {other}, which is not a resource"
    for section in ("Conditions", "Resources", "Outputs"):
        for name, made in template.get(section, {}).items():
            yield from (f"{name}: {complaint}" for complaint in known.complaints(made))
            if section != "Conditions" and made.get("Condition", "") not in {"", *known.conditions}:
                yield f"{name} has the condition {made['Condition']}, which does not exist"


class Known:
    """The names that a template defines."""

    def __init__(self, resources, parameters, conditions, mappings):
        self.resources, self.parameters, self.conditions, self.mappings = resources, parameters, conditions, mappings

    def complaints(self, value):
        """Yields a complaint for each missing name in a value."""
        if isinstance(value, list):
            for one in value:
                yield from self.complaints(one)
        elif isinstance(value, dict):
            if len(value) == 1:
                ((how, of),) = value.items()
                yield from self.of_function(how, of)
            for one in value.values():
                yield from self.complaints(one)

    def of_function(self, how, of):
        if how == "Ref" and of not in self.resources and of not in self.parameters:
            yield f"Ref {of} is neither a resource nor a parameter"
        if how == "Condition" and isinstance(of, str) and of not in self.conditions:
            yield f"Condition {of} does not exist"
        if how == "Fn::If" and of[0] not in self.conditions:
            yield f"Fn::If uses the condition {of[0]}, which does not exist"
        if how == "Fn::GetAtt":
            yield from self.of_attribute(of if isinstance(of, str) else ".".join(of), how)
        if how == "Fn::FindInMap" and isinstance(of[0], str) and of[0] not in self.mappings:
            yield f"Fn::FindInMap uses {of[0]}, which does not exist"
        if how == "Fn::Sub":
            text, names = of if isinstance(of, list) else (of, {})
            for name in re.findall(r"\$\{([^!}][^}]*)\}", text):
                if name in names or name in self.parameters or name in self.resources:
                    continue
                yield from self.of_attribute(name, "Fn::Sub")

    def of_attribute(self, name, how):
        resource, dot, _ = name.partition(".")
        if not dot or resource not in self.resources:
            yield f"{how} of {name} refers to nothing"
