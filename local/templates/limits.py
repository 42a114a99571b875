"""What a template's parameters may be, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.templates.intrinsics import UNKNOWN

GIVEN = "(only AWS has it)"
"""What a nested stack is handed where only AWS knows it: equal to nothing, and not empty."""

Declared = Mapping[str, Mapping[str, Any]]
"""A template's Parameters."""


def troubles(declared: Declared, given: Mapping[str, object]) -> list[str]:
    """A line for each name that is not declared, and for each value, given or by default, that breaks its limits."""
    unknown = [
        f"{name}: there is no such parameter; there are {', '.join(declared)}"
        for name in given.keys() - declared.keys()
    ]
    values = {name: given.get(name, each.get("Default")) for name, each in declared.items()}
    wrong = [line for name, value in values.items() for line in _outside(name, declared[name], value)]
    return [*sorted(unknown), *wrong]


def values_of(declared: Declared, given: Mapping[str, object]) -> dict[str, object]:
    """What each parameter is: the value given, or its default; UNKNOWN without either."""
    return {name: _value(each, given.get(name, each.get("Default", UNKNOWN))) for name, each in declared.items()}


def _value(parameter: Mapping[str, Any], value: object) -> object:
    is_list = parameter.get("Type") == "CommaDelimitedList" and isinstance(value, str)
    return str(value).split(",") if is_list and value != GIVEN else value


def _outside(name: str, parameter: Mapping[str, Any], value: object) -> Iterator[str]:
    if value is None or value == GIVEN:
        return
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    allowed = [str(each) for each in parameter.get("AllowedValues", ())]
    if allowed and text not in allowed:
        yield f"{name} is {text!r}; it may be {', '.join(allowed)}"
    elif (pattern := parameter.get("AllowedPattern")) and not re.fullmatch(pattern, text):
        yield f"{name} is {text!r}, which does not match {pattern}"
    elif parameter.get("Type") == "Number" and not text.isdecimal():
        yield f"{name} is {text!r}, not a whole number"
    elif "MinValue" in parameter and int(text) < parameter["MinValue"]:
        yield f"{name} is {text}; it is at least {parameter['MinValue']}"
    elif "MaxValue" in parameter and int(text) > parameter["MaxValue"]:
        yield f"{name} is {text}; it is at most {parameter['MaxValue']}"
