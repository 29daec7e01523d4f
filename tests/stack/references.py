"""What a template without loops names: each name has to be one of a parameter, a resource, a condition or a mapping.

AWS refuses the whole template for one that is none ("Unresolved resource dependencies"), whatever the conditions say.
"""

import re

PSEUDO = {f"AWS::{name}" for name in ("AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix")}


def complaints(template):
    """Yields a sentence for each name in a template without loops that is the name of nothing."""
    resources, parameters = template["Resources"], template.get("Parameters", {})
    known = Known(resources, set(parameters) | PSEUDO, template.get("Conditions", {}), template.get("Mappings", {}))
    for name, made in resources.items():
        if not re.fullmatch("[A-Za-z0-9]{1,255}", name):
            yield f"{name} is no name for a resource: letters and digits alone"
        waits = made.get("DependsOn", [])
        for other in [waits] if isinstance(waits, str) else waits:
            if other not in resources:
                yield f"{name} has DependsOn {other}, which is no resource"
    for section in ("Conditions", "Resources", "Outputs"):
        for name, made in template.get(section, {}).items():
            yield from (f"{name}: {complaint}" for complaint in known.complaints(made))
            if section != "Conditions" and made.get("Condition", "") not in {"", *known.conditions}:
                yield f"{name} has the condition {made['Condition']}, which there is not"


class Known:
    """What can be named."""

    def __init__(self, resources, parameters, conditions, mappings):
        self.resources, self.parameters, self.conditions, self.mappings = resources, parameters, conditions, mappings

    def complaints(self, value):
        """Yields what is named in a value and is nowhere."""
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
            yield f"Condition {of} is not there"
        if how == "Fn::If" and of[0] not in self.conditions:
            yield f"Fn::If asks for the condition {of[0]}, which is not there"
        if how == "Fn::GetAtt":
            yield from self.of_attribute(of if isinstance(of, str) else ".".join(of), how)
        if how == "Fn::FindInMap" and isinstance(of[0], str) and of[0] not in self.mappings:
            yield f"Fn::FindInMap looks into {of[0]}, which there is not"
        if how == "Fn::Sub":
            text, names = of if isinstance(of, list) else (of, {})
            for name in re.findall(r"\$\{([^!}][^}]*)\}", text):
                if name in names or name in self.parameters or name in self.resources:
                    continue
                yield from self.of_attribute(name, "Fn::Sub")

    def of_attribute(self, name, how):
        resource, dot, _ = name.partition(".")
        if not dot or resource not in self.resources:
            yield f"{how} of {name} names nothing"
