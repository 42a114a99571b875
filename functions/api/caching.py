"""Entity tags and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2). Pure."""

from __future__ import annotations

import hashlib
import re

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_LIST = re.compile(rf"[ \t,]*{_TAG.pattern}(?:[ \t]*,[ \t,]*{_TAG.pattern})*[ \t,]*")


def tag_of(body: bytes) -> str:
    """The strong tag of exactly these bytes."""
    return f'"{_digest(body)}"'


def weak_tag(*facts: object) -> str:
    """The weak tag of an answer that means the same as long as these facts do; each shows itself by `repr`."""
    return f'W/"{_digest(repr(facts).encode("utf-8", "surrogatepass"))}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has it already, by weak comparison; a header that is no list of tags says nothing."""
    given = (if_none_match or "").strip()
    if given == "*":
        return True
    if not _LIST.fullmatch(given):
        return False
    return tag.removeprefix("W/") in _TAG.findall(given)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
