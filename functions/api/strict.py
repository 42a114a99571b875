"""JSON bodies read strictly: nothing is guessed, and every refusal names the field and the way out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, LiteralString, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from functions.core.errors import Rejected

MOST_ERRORS: Final = 20  # named in one answer; a body may hold a hundred thousand unknown fields
STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

M = TypeVar("M", bound=BaseModel)
Fault = dict[str, str]  # a field, and what is wrong with it
_OURS: Final = "ours"


def read(model: type[M], body: bytes, *, hint: str) -> M:
    """The body as that model. Raises Rejected: 400 with `hint` when it is not JSON, 422 naming the fields."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid":
            raise invalid(faults(error, model)) from None
        return _reread(model, body, hint)


def invalid(found: Sequence[Fault]) -> Rejected:
    """The 422 for fields that are wrong."""
    first = found[0]
    more = f" (and {len(found) - 1} more, see errors)" if len(found) > 1 else ""
    return Rejected(422, "invalid-request", f"{first['field']}: {first['message']}{more}", errors=list(found))


def fault(field: str, message: str) -> Fault:
    """One field that is to blame; `body` and `query` stand for the whole of them."""
    return {"field": _printable(field)[:100], "message": message}


def wrong(message: LiteralString, **named: object) -> PydanticCustomError:
    """What a validator of ours raises, so that its message is answered as it stands; `{name}` in it is filled in."""
    return PydanticCustomError(_OURS, message, named)


def faults(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """What pydantic found, in our words."""
    found = error.errors(include_url=False, include_input=False)[:MOST_ERRORS]
    return [fault(".".join(map(str, each["loc"])) or "body", _message(each, model)) for each in found]


def _message(found: ErrorDetails, model: type[BaseModel]) -> str:
    if found["type"] == _OURS:
        return found["msg"]
    if found["type"] == "extra_forbidden":
        return "is not known" if len(found["loc"]) > 1 else f"is not known; the fields are {_names(model)}"
    return _MESSAGES.get(found["type"], "is not what belongs here").format(**found.get("ctx", {}))


def _names(model: type[BaseModel]) -> str:
    return ", ".join(field.alias or name for name, field in model.model_fields.items()) or "none"


_MESSAGES = {
    "enum": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must be at most {max_length} characters",
    "missing": "is required",
    "string_type": "must be text",
    "bytes_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing_size": "is out of range",
    "list_type": "must be a list",
    "model_type": "must be a JSON object",
}


def _reread(model: type[M], body: bytes, hint: str) -> M:
    """A second opinion on what the fast parser refused: it cannot tell a lone surrogate's escape from broken JSON."""
    data = _loads(body, hint)
    if not isinstance(data, dict):
        raise invalid([fault("body", "must be a JSON object")])
    found = []
    clean: dict[str, Any] = {}
    for name, value in data.items():
        at = _lone_surrogate(value) if isinstance(value, str) else None
        if at is not None:
            reason = f"has a lone surrogate at character {at} (counted from 0), which is no character"
            found.append(fault(name, f"{reason}: remove it, or send the pair it belongs to"))
        clean[_printable(name)] = value if at is None else "removed"
    for name, field in model.model_fields.items():
        if field.annotation is bytes and isinstance(text := clean.get(name), str):
            clean[name] = text.encode()
    try:
        read_again = model.model_validate(clean)
    except ValidationError as error:
        raise invalid(found + faults(error, model)) from None
    if found:
        raise invalid(found)
    return read_again


def _loads(body: bytes, hint: str) -> Any:
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise _unreadable(f"It is not UTF-8 at byte {error.start} (counted from 0).", hint) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno} (character {error.pos}, counted from 0)"
        raise _unreadable(f"{error.msg}: {where}.", hint) from None
    except (RecursionError, ValueError):
        raise _unreadable("It is nested too deeply, or has a number of thousands of digits.", hint) from None


def _unreadable(reason: str, hint: str) -> Rejected:
    return Rejected(400, "unreadable-body", f"The body is not JSON. {reason} {hint}")


def _lone_surrogate(text: str) -> int | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
