"""Unrolls `Fn::ForEach` as CloudFormation does, by published measurements in real accounts.

Sources, read 2026-11-29:
- https://github.com/ministackorg/ministack/issues/1739, the table "AWS behaviour (measured)"
- https://github.com/aws-cloudformation/cfn-language-discussion/issues/162: logical ids that a loop creates cannot be referenced
- https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2150: the same
AWS's page about Fn::ForEach documents more; this module does not rely on that.

| construct in a loop over Item                        | result in AWS                                            |
|------------------------------------------------------|----------------------------------------------------------|
| `${Item}` in the key of a resource                   | the value                                                |
| `&{Item}` in the key of a resource                   | the letters and digits of the value                      |
| `Ref: Item`                                          | the value                                                |
| `${Item}` in the text of `Fn::Sub`                   | the value                                                |
| a list, `Ref` of a list parameter, `Fn::FindInMap`   | allowed as the collection of the loop                    |
| everything else                                      | is not replaced, or has not been measured                |

`of_loop` implements only this table; `complaints` reports each construct that is not in it.
"""

import re

LOOP = "Fn::ForEach::"
LIST_TYPES = ("CommaDelimitedList",)


def complaints(template):
    """Yields a complaint for each construct in a loop whose result in AWS is not known."""
    for section, content in template.items():
        loops = {name: made for name, made in content.items() if name.startswith(LOOP)} if isinstance(content, dict) else {}
        for name, loop in loops.items():
            if section != "Resources":
                yield f"{name} is in {section}; loops there have not been measured; write it out or move it to Resources"
            yield from _of_loop(name, loop, template)
        rest = {name: made for name, made in content.items() if name not in loops} if isinstance(content, dict) else content
        if LOOP in repr(rest) and section != "Transform":
            yield f"{section} has a nested loop; move it directly under Resources"


def _of_loop(name, loop, template):
    if not (isinstance(loop, list) and len(loop) == 3 and isinstance(loop[2], dict)):
        yield f"{name} is not a list of an item, a collection, and resources"
        return
    item, collection, body = loop
    if not re.fullmatch("[A-Za-z0-9]+", item) or item in template.get("Parameters", {}) or item in template["Resources"]:
        yield f"{name} has the item name {item!r}; use a unique name of letters and digits"
    if not _is_valid_collection(collection, template.get("Parameters", {})):
        yield f"{name} has the collection {collection!r}; use a list, Ref of a CommaDelimitedList, or Fn::FindInMap"
    for key, made in body.items():
        if key.startswith(LOOP):
            yield f"{name} contains the loop {key}; nested loops have not been measured"
            continue
        if not _placeholders(key, item) or not re.fullmatch("[A-Za-z0-9]+", re.sub(r"[$&]\{\w+\}", "x", key)):
            yield f"{name} has the key {key!r}; use only letters and digits with ${{{item}}} or &{{{item}}} in it"
        yield from (f"{name} in {key}: {complaint}" for complaint in _of_value(made, item))


def _is_valid_collection(collection, parameters):
    if isinstance(collection, list):
        return all(isinstance(one, str) for one in collection)
    if not isinstance(collection, dict) or len(collection) != 1:
        return False
    ((how, of),) = collection.items()
    return how == "Fn::FindInMap" or (how == "Ref" and parameters.get(of, {}).get("Type") in LIST_TYPES)


def _of_value(value, item):
    """Yields complaints about a value within a resource of a loop."""
    if isinstance(value, list):
        for one in value:
            yield from _of_value(one, item)
    elif isinstance(value, dict):
        for key, one in value.items():
            if _placeholders(key, item):
                yield f"the key {key!r} is nested, so AWS does not replace the item; use it only in the key of the resource"
            if value == {"Ref": item}:
                continue
            yield from _of_sub(one, item) if value.keys() == {"Fn::Sub"} else _of_value(one, item)
    elif isinstance(value, str) and _placeholders(value, item):
        yield f"the text {value!r} is plain, so AWS does not replace the item; use !Sub, or in DependsOn a resource outside of loops"


def _of_sub(given, item):
    text, names = given if isinstance(given, list) else (given, {})
    if f"&{{{item}}}" in text:
        yield f"!Sub {text!r} has &{{{item}}}, which AWS does not replace; use ${{{item}}}"
    if item in names:
        yield f"!Sub {text!r} gives ${{{item}}} another meaning; use another name"
    if re.search(rf"\$\{{[^}}]*\$\{{{item}\}}", text):
        yield f"!Sub {text!r} has ${{{item}}} within another name, which AWS refuses"
    yield from _of_value(names, item)


def _placeholders(text, item):
    return [sign for sign in "$&" if f"{sign}{{{item}}}" in text]


def of_loop(item, values, body):
    """Returns the resources of a loop, with the item replaced by each value; ValueError if two have the same key."""
    made = {}
    for value in values:
        for name, resource in body.items():
            key = _in_key(name, item, value)
            if key in made:
                raise ValueError(f"two resources have the name {key}; the letters and digits of each {item} must be different")
            made[key] = _in_values(resource, item, value)
    return made


def _in_key(name, item, value):
    return name.replace(f"${{{item}}}", value).replace(f"&{{{item}}}", re.sub("[^A-Za-z0-9]", "", value))


def _in_values(made, item, value):
    if isinstance(made, list):
        return [_in_values(one, item, value) for one in made]
    if not isinstance(made, dict):
        return made
    if made == {"Ref": item}:
        return value
    if list(made) == ["Fn::Sub"]:
        text, *names = made["Fn::Sub"] if isinstance(made["Fn::Sub"], list) else [made["Fn::Sub"]]
        text = text.replace(f"${{{item}}}", value)
        return {"Fn::Sub": [text, *_in_values(names, item, value)] if names else text}
    return {name: _in_values(one, item, value) for name, one in made.items()}
