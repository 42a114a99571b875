"""Query strings, parsed strictly: every name known and given once, every value in range."""

from __future__ import annotations

import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from functions.api.strict import MOST_ERRORS, STRICT, fault, faults, invalid

Q = TypeVar("Q", bound=BaseModel)


class NoQuery(BaseModel):
    """No parameters at all."""

    model_config = STRICT


def read_query(query: bytes, kind: type[Q]) -> Q:
    """The parameters. Raises Rejected (422) naming the one that is unknown, given twice or out of range."""
    given: dict[str, Any] = {}
    for name, value in _pairs(query):
        if name in given:
            raise invalid([fault(name, "is given more than once")])
        given[name] = _number(value) if _is_number(kind, name) else value
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise invalid(faults(error, kind)) from None


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_ERRORS)
    except ValueError:
        raise invalid([fault("query", "is not a short list of name=value in UTF-8, percent-encoded")]) from None


def _is_number(kind: type[BaseModel], name: str) -> bool:
    return name in kind.model_fields and kind.model_fields[name].annotation is int


def _number(value: str) -> int | str:
    """Plain ASCII digits; anything else stays text, which validation then refuses."""
    return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value) else value
