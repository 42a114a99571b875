"""`python -m local.parameters Name=value …`: what CloudFormation would refuse, in a second and without an account."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from functions.core.errors import Misconfigured
from local.intrinsics import Loader, Values
from local.template import TEMPLATE


def refusals(given: Mapping[str, str], path: Path = TEMPLATE) -> list[str]:
    """A line for each parameter that breaks its own limits, or else for each Rule that the whole breaks."""
    template: Mapping[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - safe
    declared = template["Parameters"]
    unknown = [f"{name}: there is no such parameter" for name in given if name not in declared]
    values = {name: given.get(name, str(each.get("Default", ""))) for name, each in declared.items()}
    wrong = [line for name, each in declared.items() for line in _limits(name, each, values[name])]
    return [*unknown, *wrong] or list(_broken_rules(template.get("Rules", {}), Values(values, {}, {})))


def parsed(arguments: Sequence[str]) -> dict[str, str]:
    """Name=value, one an argument. Raises Misconfigured."""
    for argument in arguments:
        if "=" not in argument:
            raise Misconfigured(f"{argument!r} is not Name=value")
    return dict(argument.split("=", 1) for argument in arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 with the refusals on stderr."""
    try:
        lines = refusals(parsed(sys.argv[1:] if arguments is None else arguments))
    except Misconfigured as error:
        lines = [str(error)]
    for line in lines:
        print(f"parameters: {line}", file=sys.stderr)
    return 1 if lines else 0


def _limits(name: str, parameter: Mapping[str, Any], value: str) -> Iterator[str]:
    allowed = [str(each) for each in parameter.get("AllowedValues", ())]
    if allowed and value not in allowed:
        yield f"{name} is {value!r}; it may be {', '.join(allowed)}"
    elif (pattern := parameter.get("AllowedPattern")) and not re.fullmatch(pattern, value):
        yield f"{name} is {value!r}, which does not match {pattern}"
    elif parameter["Type"] == "Number" and not value.isdecimal():
        yield f"{name} is {value!r}, not a whole number"
    elif "MinValue" in parameter and int(value) < parameter["MinValue"]:
        yield f"{name} is {value}; it is at least {parameter['MinValue']}"
    elif "MaxValue" in parameter and int(value) > parameter["MaxValue"]:
        yield f"{name} is {value}; it is at most {parameter['MaxValue']}"


def _broken_rules(rules: Mapping[str, Any], values: Values) -> Iterator[str]:
    for rule in rules.values():
        if values.of(rule.get("RuleCondition", True)):
            for assertion in rule["Assertions"]:
                if not values.of(assertion["Assert"]):
                    yield assertion["AssertDescription"]


if __name__ == "__main__":
    sys.exit(main())
