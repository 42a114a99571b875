"""What POST /v1/documents says: the size, the digest and the kind of a document that is to be uploaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, Field

from functions.api.accept import JSON
from functions.api.media import content_kind, media_of
from functions.api.query import NoQuery, read_query
from functions.api.requests import optional
from functions.api.strict import MOST_ERRORS, STRICT, Fault, fault, invalid, read, wrong
from functions.core.errors import Rejected
from functions.core.settings import Settings
from functions.core.uploads import PartSize

SMALLEST_PART: Final = 5 * 1024**2
"""Of every part but the last; S3's rule for multipart uploads."""
LARGEST: Final = 5 * 1024**3
"""S3 takes no more in one PUT; `max_document_bytes` may be less."""
MOST_PARTS: Final = 1_000
"""So that one answer holds their URLs; S3 takes 10,000."""

TYPES: Final = ("text/plain", "text/markdown")
CHARSETS: Final = ("utf-8", "utf-16", "utf-16le", "utf-16be")
_HINT = 'Send an object like {"bytes": 10485760, "sha256": "…", "content_type": "text/plain; charset=utf-8"}.'
_OTHER_KIND = (
    "The body must be JSON{}. Add the header Content-Type: application/json; the document itself goes to the URL that "
    "the answer names."
)


def _digest(given: str) -> str:
    if len(given) == 64 and given.isascii() and all(digit in "0123456789abcdefABCDEF" for digit in given):
        return given.lower()
    raise wrong("must be a SHA-256 in hexadecimal, 64 digits, as sha256sum prints it")


def _content_type(given: str) -> str:
    """The type and its charset in lower case: `text/plain; charset=utf-8`."""
    media = media_of(given)
    if media.name in TYPES and media.charsets in ([], *([known] for known in CHARSETS)) and not media.others:
        return "; charset=".join([media.name, *media.charsets])
    raise wrong(
        "must be {types}, with no parameter but a charset out of {charsets}: convert the document, or leave it out",
        types=" or ".join(TYPES),
        charsets=", ".join(CHARSETS),
    )


_SHA256: dict[str, Any] = {"pattern": "^[0-9a-fA-F]{64}$"}
Sha256 = Annotated[str, AfterValidator(_digest)]


class AnnouncedPart(BaseModel):
    """A part of a multipart upload."""

    model_config = STRICT

    size: int = Field(alias="bytes", ge=1)
    sha256: Sha256 = Field(description="In hexadecimal.", json_schema_extra=_SHA256)


class Announcement(BaseModel):
    """The JSON body of POST /v1/documents: `bytes` and `sha256` of one PUT, or `parts`."""

    model_config = {
        **STRICT,
        "json_schema_extra": {
            "oneOf": [
                {"required": ["bytes", "sha256"], "properties": {"parts": False}},
                {"required": ["parts"], "properties": {"bytes": False, "sha256": False}},
            ]
        },
    }

    size: int = Field(
        0, alias="bytes", ge=0, description="Of the document.", json_schema_extra=optional(minimum=1, maximum=LARGEST)
    )
    sha256: Sha256 = Field("", description="In hexadecimal.", json_schema_extra=optional(**_SHA256))
    parts: list[AnnouncedPart] = Field(
        [],
        description=f"2 to {MOST_PARTS:,}, each but the last of {SMALLEST_PART:,} bytes at least.",
        json_schema_extra=optional(minItems=2, maxItems=MOST_PARTS),
    )
    content_type: Annotated[str, AfterValidator(_content_type)] = Field(
        "text/plain; charset=utf-8",
        description=f"{' or '.join(TYPES)}; charset: {', '.join(CHARSETS)}, or none.",
        json_schema_extra={"pattern": f"^({'|'.join(TYPES)})(; charset=({'|'.join(CHARSETS)}))?$"},
    )

    @property
    def total(self) -> int:
        """Bytes of the whole document."""
        return sum(part.size for part in self.parts) if self.parts else self.size

    @property
    def part_sizes(self) -> tuple[PartSize, ...]:
        """The parts in order; none for a single PUT."""
        return tuple(PartSize(part.size, part.sha256) for part in self.parts)


def parse(headers: Mapping[str, str], query: bytes, body: bytes, settings: Settings) -> Announcement:
    """What is announced. `headers` by lower-case name. Raises Rejected (400, 413, 415, 422)."""
    content_kind(headers, (JSON,), _OTHER_KIND)
    if len(body) > settings.max_body_bytes:
        said = f"The body has {len(body):,} bytes, and at most {settings.max_body_bytes:,} are taken."
        raise Rejected(413, "body-too-large", f"{said} It announces a document; the document itself is no part of it.")
    read_query(query, NoQuery)
    announced = read(Announcement, body, hint=_HINT)
    if found := list(islice(_faults(announced), MOST_ERRORS)):
        raise invalid(found)
    if announced.total == 0:
        raise Rejected(422, "document-empty", "The document has no bytes: there is nothing to analyse.")
    _refuse_too_large(announced, settings.max_document_bytes)
    return announced


def _faults(announced: Announcement) -> Iterator[Fault]:
    given = announced.model_fields_set
    if "parts" not in given:
        yield from (_required(name) for name in ("bytes", "sha256") if _FIELDS[name] not in given)
        return
    for name in ("bytes", "sha256"):
        if _FIELDS[name] in given:
            yield fault(name, "cannot stand beside parts: each part has its own")
    if not 2 <= len(announced.parts) <= MOST_PARTS:
        yield fault("parts", f"must be 2 to {MOST_PARTS:,}, not {len(announced.parts):,}; one part alone is a PUT")
    for number, part in enumerate(announced.parts[:-1]):
        if part.size < SMALLEST_PART:
            yield fault(f"parts.{number}.bytes", f"must be at least {SMALLEST_PART:,}, in every part but the last")


_FIELDS = {"bytes": "size", "sha256": "sha256"}


def _required(name: str) -> Fault:
    return fault(name, "is required, or parts for an upload in several parts")


def _refuse_too_large(announced: Announcement, limit: int) -> None:
    if announced.total <= limit:
        return
    field, message = "parts" if announced.parts else "bytes", f"at most {limit:,} bytes are taken"
    raise Rejected(
        422,
        "document-too-large",
        f"The document has {announced.total:,} bytes, and {message}. Split it into several documents, each a job of "
        "its own.",
        errors=[fault(field, message)],
    )
