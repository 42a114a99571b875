"""What POST /v1/analyze says: a document, or the id of one that was uploaded, and how to analyse it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, WithJsonSchema

from functions.api.accept import JSON
from functions.api.media import content_kind
from functions.api.query import read_query
from functions.api.strict import STRICT, Fault, fault, invalid, read
from functions.core.chunking import take_bom
from functions.core.errors import Rejected

TEXT: Final = "text/plain"
_BOM_BYTES = 3  # U+FEFF in UTF-8
_DOCUMENT = {"type": "string", "minLength": 1, "description": "The document: no NUL, no lone surrogates."}
_HINT = (
    "Send an object with raw_text, or with the document_id of an upload (POST /v1/documents), or the document itself "
    "as text/plain."
)


def optional(**more: Any) -> Callable[[dict[str, Any]], None]:
    """For the schema of a field that has no value when it is left out: its place holder is no part of the contract."""

    def mend(schema: dict[str, Any]) -> None:
        schema.pop("default", None)
        schema.update(more)

    return mend


class Options(BaseModel):
    """How a document is to be analysed."""

    model_config = STRICT

    max_chunk_chars: int = Field(4000, ge=1, le=200_000, description="Most characters (code points) in a chunk.")
    max_attempts: int = Field(3, ge=3, le=10, description="Model calls a chunk may cost in all.")
    overlap_chars: int = Field(
        0, ge=0, le=10_000, description="Characters before and after a chunk that its model sees as context."
    )
    instructions: str | None = Field(None, max_length=10_000, description="What the model is asked to do.")
    model: str | None = Field(None, max_length=255, description="Which model; the deployment's own when left out.")


class AnalyzeRequest(Options):
    """The JSON body of POST /v1/analyze: `raw_text` or `document_id`, and options."""

    model_config = {
        **STRICT,
        "json_schema_extra": {"oneOf": [{"required": ["raw_text"]}, {"required": ["document_id"]}]},
    }

    raw_text: Annotated[bytes, WithJsonSchema(_DOCUMENT)] = Field(  # text in JSON; its UTF-8 is what is stored
        b"", json_schema_extra=optional()
    )
    document_id: str = Field(
        "", description="An upload's, from POST /v1/documents.", json_schema_extra=optional(), max_length=64
    )


@dataclass(frozen=True, slots=True)
class Submission:
    """A document and its options, checked; `data` is `text` in UTF-8, both without a leading BOM."""

    text: str
    data: bytes
    bom_removed: bool
    options: Options


@dataclass(frozen=True, slots=True)
class UploadSubmission:
    """An upload and how to analyse it; whether there is one is not known yet."""

    document_id: str
    options: Options


def parse(
    headers: Mapping[str, str], query: bytes, body: bytes, *, max_body_bytes: int
) -> Submission | UploadSubmission:
    """The document in a request, or which. `headers` by lower-case name. Raises Rejected (400, 413, 415, 422)."""
    kind = content_kind(headers, (JSON, TEXT), _OTHER_KIND)
    if len(body) > max_body_bytes:
        raise _too_large(len(body), max_body_bytes, kind)
    return _from_json(query, body) if kind == JSON else _from_text(query, body)


_OTHER_KIND = (
    "The body must be JSON or plain text{}. Add the header Content-Type: application/json, or Content-Type: text/plain "
    "to send a document as it is (curl: -H 'Content-Type: text/plain' --data-binary @book.txt)."
)


def _too_large(size: int, limit: int, kind: str) -> Rejected:
    hint = ", or send it as text/plain, which needs no JSON escapes" if kind == JSON else ""
    return Rejected(
        413,
        "body-too-large",
        f"The body has {size:,} bytes, and at most {limit:,} are taken. Upload the document (POST /v1/documents), and "
        f"submit its document_id{hint}.",
    )


# -- JSON


def _from_json(query: bytes, body: bytes) -> Submission | UploadSubmission:
    if query:
        raise invalid([fault("query", "a JSON request takes no query parameters; options are fields of the body")])
    request = read(AnalyzeRequest, body, hint=_HINT)
    given = request.model_fields_set & {"raw_text", "document_id"}
    if not given:
        raise invalid([fault("raw_text", "is required, or document_id for a document that was uploaded")])
    if len(given) == 2:
        raise invalid([fault("document_id", "cannot stand beside raw_text: send the document, or its id")])
    if "raw_text" in given:
        return _submission("raw_text", request.raw_text, request)
    _check_texts(request)
    return UploadSubmission(request.document_id, request)


# -- plain text, options in the query string


def _from_text(query: bytes, body: bytes) -> Submission:
    return _submission("body", body, read_query(query, Options))


# -- what all forms share


def _check_texts(options: Options) -> None:
    for name, value in (("instructions", options.instructions), ("model", options.model)):
        if value is not None and "\0" in value:
            raise invalid([_nul(name, value)])


def _submission(field: str, data: bytes, options: Options) -> Submission:
    _check_texts(options)
    try:
        raw = data.decode()
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 at byte {error.start} (counted from 0)"
        raise invalid([fault(field, f"{reason}: convert the document, for example with iconv -t UTF-8")]) from None
    if b"\0" in data:  # in bytes: a search for NUL in a str of two-byte characters is twenty times slower
        raise invalid([_nul(field, raw)])
    text, bom_removed = take_bom(raw)
    if not text:
        raise invalid([fault(field, "must not be empty (a byte order mark alone is no text)")])
    return Submission(text, data[_BOM_BYTES:] if bom_removed else data, bom_removed, options)


def _nul(name: str, text: str) -> Fault:
    at = text.index("\0")
    return fault(name, f"has a NUL (U+0000) at character {at} (counted from 0), which cannot be stored: remove it")
