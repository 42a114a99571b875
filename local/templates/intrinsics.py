"""CloudFormation's intrinsic functions, as far as one machine can work them out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Call:
    """`!Name argument` in a template; `!GetAtt A.B` has the argument `["A", "B"]`."""

    name: str
    argument: Any


@dataclass(frozen=True, slots=True)
class _Nothing:
    what: str


UNKNOWN: Final = _Nothing("only AWS has it")
ABSENT: Final = _Nothing("AWS::NoValue: as if it were not there")


@dataclass(frozen=True)
class Values:
    """Works values out.

    `named` tells what a resource or its attribute (None: the resource itself) is called on this machine, or UNKNOWN.
    """

    parameters: Mapping[str, object]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    named: Callable[[str, str | None], object] = field(default=lambda _id, _attribute: UNKNOWN)

    def of(self, value: object) -> Any:
        """The value with every call worked out; UNKNOWN where one of them is, ABSENT for AWS::NoValue."""
        if isinstance(value, Call):
            work = _FUNCTIONS.get(value.name)
            return UNKNOWN if work is None else work(self, value.argument)
        if isinstance(value, Mapping):
            found = {key: self.of(each) for key, each in value.items()}
            return {key: each for key, each in found.items() if each is not ABSENT}
        if isinstance(value, list):
            return [each for each in map(self.of, value) if each is not ABSENT]
        return value


def _ref(values: Values, name: str) -> object:
    if name == "AWS::NoValue":
        return ABSENT
    return values.parameters[name] if name in values.parameters else values.named(name, None)


def _get_att(values: Values, argument: Sequence[str]) -> object:
    return values.named(argument[0], argument[1])


def _find_in_map(values: Values, argument: Sequence[object]) -> object:
    found: object = values.mappings
    for key in map(values.of, argument):
        if not isinstance(found, Mapping):
            return UNKNOWN
        found = {str(name): each for name, each in found.items()}.get(str(key), UNKNOWN)  # YAML may read a number
    return found


def _if(values: Values, argument: Sequence[Any]) -> object:
    name, yes, no = argument
    holds = values.of(values.conditions.get(name, UNKNOWN))
    return UNKNOWN if holds is UNKNOWN else values.of(yes if holds else no)


def _equals(values: Values, argument: Sequence[object]) -> object:
    left, right = (values.of(each) for each in argument)
    return UNKNOWN if UNKNOWN in (left, right) else str(left) == str(right)


def _not(values: Values, argument: Sequence[object]) -> object:
    holds = values.of(argument[0])
    return UNKNOWN if holds is UNKNOWN else not holds


def _and(values: Values, argument: Sequence[object]) -> object:
    each = [values.of(one) for one in argument]
    return False if False in each else UNKNOWN if UNKNOWN in each else True


def _or(values: Values, argument: Sequence[object]) -> object:
    each = [values.of(one) for one in argument]
    return True if True in each else UNKNOWN if UNKNOWN in each else False


def _condition(values: Values, name: str) -> object:
    return values.of(values.conditions.get(name, UNKNOWN))


def _join(values: Values, argument: Sequence[Any]) -> object:
    parts = values.of(argument[1])
    return UNKNOWN if parts is UNKNOWN or UNKNOWN in parts else str(argument[0]).join(map(str, parts))


_FUNCTIONS: Mapping[str, Callable[[Values, Any], object]] = {
    "Ref": _ref,
    "GetAtt": _get_att,
    "FindInMap": _find_in_map,
    "If": _if,
    "Equals": _equals,
    "Not": _not,
    "And": _and,
    "Or": _or,
    "Condition": _condition,
    "Join": _join,
}
