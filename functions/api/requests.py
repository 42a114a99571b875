"""What a request says, parsed strictly: nothing is guessed, and every refusal names the field and the way out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from functions.core.chunking import take_bom
from functions.core.errors import Rejected

JSON: Final = "application/json"
TEXT: Final = "text/plain"
_BOM_BYTES = 3  # U+FEFF in UTF-8
_MOST_ERRORS = 20  # named in one answer; a body may hold a hundred thousand unknown fields
_DOCUMENT = {"type": "string", "minLength": 1, "description": "The document: no NUL, no lone surrogates."}
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Options(BaseModel):
    """How a document is to be analysed."""

    model_config = _STRICT

    max_chunk_chars: int = Field(4000, ge=1, le=200_000, description="Most characters (code points) in a chunk.")
    max_attempts: int = Field(3, ge=3, le=10, description="Model calls a chunk may cost in all.")
    instructions: str | None = Field(None, max_length=10_000, description="What the model is asked to do.")
    model: str | None = Field(None, max_length=255, description="Which model; the deployment's own when left out.")


class AnalyzeRequest(Options):
    """The JSON body of POST /v1/analyze."""

    model_config = _STRICT

    raw_text: Annotated[bytes, WithJsonSchema(_DOCUMENT)]  # text in JSON; its UTF-8 is what is stored


@dataclass(frozen=True, slots=True)
class Submission:
    """A document and its options, checked; `data` is `text` in UTF-8, both without a leading BOM."""

    text: str
    data: bytes
    bom_removed: bool
    options: Options


def parse(headers: Mapping[str, str], query: bytes, body: bytes, *, max_body_bytes: int) -> Submission:
    """The document in a request. `headers` by lower-case name. Raises Rejected (400, 413, 415, 422)."""
    kind = _content_kind(headers)
    if len(body) > max_body_bytes:
        raise _too_large(len(body), max_body_bytes, kind)
    return _from_json(query, body) if kind == JSON else _from_text(query, body)


def accepts_json(accept: str | None) -> bool:
    """Whether an Accept header (RFC 9110, 12.5.1) lets us answer with JSON; the most specific range decides."""
    ranges: dict[str, bool] = {}
    for part in (accept or "*/*").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        ranges[name] = not any(re.fullmatch(r"q=0(\.0{0,3})?", parameter) for parameter in parameters)
    return next((ranges[name] for name in (JSON, "application/*", "*/*") if name in ranges), False)


def _content_kind(headers: Mapping[str, str]) -> Literal["application/json", "text/plain"]:
    given = headers.get("content-type", "")
    name, *parameters = (piece.strip().lower() for piece in given.split(";"))
    charsets = [value.strip('"') for key, _, value in (p.partition("=") for p in parameters) if key == "charset"]
    if any(charset not in ("utf-8", "utf8") for charset in charsets):
        raise _unsupported("The charset must be utf-8: convert the document, or leave the charset out.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("A compressed body is not taken: send it as it is, without Content-Encoding.")
    if name == JSON:
        return JSON
    if name == TEXT:
        return TEXT
    raise _unsupported(
        f"The body must be JSON or plain text{', but the request says ' + name[:100] if name else ''}. Add the header "
        "Content-Type: application/json, or Content-Type: text/plain to send a document as it is (curl: "
        "-H 'Content-Type: text/plain' --data-binary @book.txt)."
    )


def _unsupported(detail: str) -> Rejected:
    return Rejected(415, "unsupported-media-type", detail, headers={"accept-post": f"{JSON}, {TEXT}"})


def _too_large(size: int, limit: int, kind: str) -> Rejected:
    hint = "Send the document as text/plain, which needs no JSON escapes, or split" if kind == JSON else "Split"
    return Rejected(
        413,
        "body-too-large",
        f"The body has {size:,} bytes, and at most {limit:,} are taken. {hint} it into several documents and submit "
        "each as a job of its own.",
    )


def _invalid(errors: list[dict[str, str]]) -> Rejected:
    first = errors[0]
    more = f" (and {len(errors) - 1} more, see errors)" if len(errors) > 1 else ""
    return Rejected(422, "invalid-request", f"{first['field']}: {first['message']}{more}", errors=errors)


# -- JSON


def _from_json(query: bytes, body: bytes) -> Submission:
    if query:
        raise _invalid([_error("query", "a JSON request takes no query parameters; options are fields of the body")])
    try:
        request = AnalyzeRequest.model_validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid":
            raise _invalid(_errors(error)) from None
        request = _reread(body)
    return _submission("raw_text", request.raw_text, request)


def _reread(body: bytes) -> AnalyzeRequest:
    """A second opinion on what the fast parser refused: it cannot tell a lone surrogate's escape from broken JSON."""
    data = _loads(body)
    if not isinstance(data, dict):
        raise _invalid([_error("body", "must be a JSON object")])
    faults = []
    clean: dict[str, Any] = {}
    for name, value in data.items():
        at = _lone_surrogate(value) if isinstance(value, str) else None
        if at is not None:
            reason = f"has a lone surrogate at character {at} (counted from 0), which is no character"
            faults.append(_error(name, f"{reason}: remove it, or send the pair it belongs to"))
        clean[_printable(name)] = value if at is None else "removed"
    if isinstance(text := clean.get("raw_text"), str):
        clean["raw_text"] = text.encode()
    try:
        request = AnalyzeRequest.model_validate(clean)
    except ValidationError as error:
        raise _invalid(faults + _errors(error)) from None
    if faults:
        raise _invalid(faults)
    return request


def _loads(body: bytes) -> Any:
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise _unreadable(f"It is not UTF-8 at byte {error.start} (counted from 0).") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno} (character {error.pos}, counted from 0)"
        raise _unreadable(f"{error.msg}: {where}.") from None
    except (RecursionError, ValueError):
        raise _unreadable("It is nested too deeply, or has a number of thousands of digits.") from None


def _unreadable(reason: str) -> Rejected:
    return Rejected(
        400,
        "unreadable-body",
        f"The body is not JSON. {reason} Send an object with raw_text, or the document itself as text/plain.",
    )


def _lone_surrogate(text: str) -> int | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


# -- plain text, options in the query string


def _from_text(query: bytes, body: bytes) -> Submission:
    return _submission("body", body, _options(query))


def _options(query: bytes) -> Options:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_ERRORS)
    except ValueError:
        raise _invalid([_error("query", "is not a list of name=value in UTF-8, percent-encoded")]) from None
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name in given:
            raise _invalid([_error(name, "is given more than once")])
        given[name] = _number(value) if name in ("max_chunk_chars", "max_attempts") else value
    try:
        return Options.model_validate(given)
    except ValidationError as error:
        raise _invalid(_errors(error)) from None


def _number(value: str) -> int | str:
    """Plain ASCII digits; anything else stays text, which validation then refuses."""
    return int(value) if re.fullmatch(r"-?[0-9]{1,9}", value) else value


# -- what both forms share


def _submission(field: str, data: bytes, options: Options) -> Submission:
    for name, value in (("instructions", options.instructions), ("model", options.model)):
        if value is not None and "\0" in value:
            raise _invalid([_nul(name, value)])
    try:
        raw = data.decode()
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 at byte {error.start} (counted from 0)"
        raise _invalid([_error(field, f"{reason}: convert the document, for example with iconv -t UTF-8")]) from None
    if b"\0" in data:  # in bytes: a search for NUL in a str of two-byte characters is twenty times slower
        raise _invalid([_nul(field, raw)])
    text, bom_removed = take_bom(raw)
    if not text:
        raise _invalid([_error(field, "must not be empty (a byte order mark alone is no text)")])
    return Submission(text, data[_BOM_BYTES:] if bom_removed else data, bom_removed, options)


def _nul(name: str, text: str) -> dict[str, str]:
    at = text.index("\0")
    return _error(name, f"has a NUL (U+0000) at character {at} (counted from 0), which cannot be stored: remove it")


# -- what is wrong with a field

_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": f"is not known; the fields are {', '.join(AnalyzeRequest.model_fields)}",
    "string_type": "must be text",
    "bytes_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing_size": "is out of range",
    "model_type": "must be a JSON object",
}


def _errors(error: ValidationError) -> list[dict[str, str]]:
    found = error.errors(include_url=False, include_input=False)[:_MOST_ERRORS]
    return [
        _error(".".join(map(str, item["loc"])) or "body", _MESSAGES.get(item["type"], item["msg"])) for item in found
    ]


def _error(field: str, message: str) -> dict[str, str]:
    return {"field": _printable(field)[:100], "message": message}


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
