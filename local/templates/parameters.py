"""`python -m local.templates.parameters Name=value …`: what CloudFormation would refuse, without an account."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from functions.core.errors import Misconfigured
from local.templates.limits import troubles
from local.templates.stack import Stack, open_stack
from local.templates.written import TEMPLATE, read_template


def refusals(given: Mapping[str, str], path: Path = TEMPLATE) -> list[str]:
    """A line for each parameter that breaks its own limits, or else for each Rule that the whole breaks.

    Raises Misconfigured when the template cannot be read.
    """
    declared = read_template(path).parameters
    missing = [
        f"{name} has no default: give it" for name in declared.keys() - given.keys() if "Default" not in declared[name]
    ]
    return [*sorted(missing), *troubles(declared, given)] or list(_broken_rules(open_stack(path, given)))


def parsed(arguments: Sequence[str]) -> dict[str, str]:
    """Name=value, one an argument. Raises Misconfigured."""
    given: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise Misconfigured(f"{argument!r} is not Name=value")
        if name in given:
            raise Misconfigured(f"{name} is given twice: {given[name]!r} and {value!r}")
        given[name] = value
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 with the refusals on stderr."""
    try:
        lines = refusals(parsed(sys.argv[1:] if arguments is None else arguments))
    except Misconfigured as error:
        lines = [str(error)]
    for line in lines:
        print(f"parameters: {line}", file=sys.stderr)
    return 1 if lines else 0


def _broken_rules(stack: Stack) -> Iterator[str]:
    for rule in stack.template.raw.get("Rules", {}).values():
        if stack.values.of(rule.get("RuleCondition", True)):
            for assertion in rule["Assertions"]:
                if not stack.values.of(assertion["Assert"]):
                    yield assertion["AssertDescription"]


if __name__ == "__main__":
    sys.exit(main())
