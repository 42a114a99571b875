"""What a template's expressions stand for, in short names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.templates.intrinsics import Call

_SUBSTITUTED = re.compile(r"\$\{([^!}][^}]*)\}")


def walk(part: Any) -> Iterator[Any]:
    """Everything inside, intrinsic functions included."""
    yield part
    inside = part.argument if isinstance(part, Call) else part
    if isinstance(part, Call):
        yield from walk(inside)
    elif isinstance(inside, Mapping):
        for each in inside.values():
            yield from walk(each)
    elif isinstance(inside, list):
        for each in inside:
            yield from walk(each)


def named(value: Any) -> set[str]:
    """What an expression may be, in short: `ChunkQueue` for its Arn, `Documents/results/*`, a parameter's name.

    `!If` may be either of two; what a `!Sub` takes from AWS itself (partition, region, account) is left out.
    """
    match value:
        case Call("If", [_, then, otherwise]):
            return named(then) | named(otherwise)
        case Call("Ref", "AWS::NoValue"):
            return set()
        case Call("Ref", str(name)):
            return {name}
        case Call("Split", [_, text]):
            return named(text)
        case Call("GetAtt", [str(name), str(attribute)]):
            return {name if attribute == "Arn" else f"{name}.{attribute}"}
        case Call("Sub", argument):
            text, given = (argument, {}) if isinstance(argument, str) else argument
            return {_short(text, given)}
        case list():
            return set().union(*map(named, value))
        case str():
            return {value}
    return {repr(value)}


def _short(text: str, given: Mapping[str, Any]) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if name in given:
            return "|".join(sorted(named(given[name])))
        return "" if name.startswith("AWS::") else name.removesuffix(".Arn")

    return _SUBSTITUTED.sub(replaced, text)
