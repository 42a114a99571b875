"""What a `Content-Type` says (RFC 9110, 8.3), and which of them a body may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from functions.core.errors import Rejected


class Media(NamedTuple):
    """A media type in lower case; the charset utf8 goes by its name, utf-8."""

    name: str
    charsets: list[str]  # one, unless the header is odd
    others: list[str]  # names of what other parameters there are


def media_of(content_type: str) -> Media:
    """The media type as it is written; nothing is checked."""
    name, *rest = (piece.strip().lower() for piece in content_type.split(";"))
    pairs = [(key, value.strip('"')) for key, _, value in (piece.partition("=") for piece in rest)]
    charsets = ["utf-8" if value == "utf8" else value for key, value in pairs if key == "charset"]
    return Media(name, charsets, [key for key, _ in pairs if key != "charset"])


def content_kind(headers: Mapping[str, str], taken: Sequence[str], way_out: str) -> str:
    """Which of the media types `taken` the body is of. Raises Rejected (415): any other, not UTF-8, or compressed."""
    media = media_of(headers.get("content-type", ""))
    if any(charset != "utf-8" for charset in media.charsets):
        raise _refusal(taken, "The charset must be utf-8: convert the body, or leave the charset out.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _refusal(taken, "A compressed body is not taken: send it as it is, without Content-Encoding.")
    if media.name not in taken:
        raise _refusal(taken, way_out.format(f", but the request says {media.name[:100]}" if media.name else ""))
    return media.name


def _refusal(taken: Sequence[str], said: str) -> Rejected:
    return Rejected(415, "unsupported-media-type", said, headers={"accept-post": ", ".join(taken)})
