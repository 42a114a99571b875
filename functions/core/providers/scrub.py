"""A provider's own words, made fit to be stored, shown and logged. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 300  # characters of a provider's words that are kept
WITHHELD = "(its words are withheld: they quote the document or a key)"

_READ = 2_000  # characters looked at; a provider's words can be a whole page
_QUOTE = 20  # so many characters in a row of the text are a quote
_FOLDED_QUOTE = 16  # the same, when only letters and digits are compared
_SECRET_QUOTE = 8
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|hf|xai|gsk|api|key)[-_][\w*.…-]{4,}"  # OpenAI, Anthropic and those who name keys like them
    r"|\b(?:AKIA|ASIA|ABSK)[\w+/=-]{8,}"  # AWS access keys and Bedrock API keys
    r"|\bBearer\s+[\w.~+/=-]+"
    r"|[A-Za-z0-9+/=_-]{40,}",  # tokens; longer than a UUID, which may stay
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def scrub(words: str, *, secrets: Iterable[str], text: str) -> str:
    """`words` on one line, without keys, at most 300 characters; `WITHHELD` instead when they quote `text` or a secret.

    A quote is 20 characters in a row of `text` (or all of a shorter one), also when case, spaces, punctuation or
    JSON escapes differ.
    """
    known = [secret for secret in secrets if secret]
    plain = _ESCAPE.sub(_unescaped, words[:_READ])
    for secret in known:
        plain = plain.replace(secret, "[key]")
    plain = " ".join(_KEY_LIKE.sub("[key]", plain).split())
    if any(_quotes(plain, secret, _SECRET_QUOTE) for secret in known) or _quotes_text(plain, text):
        return WITHHELD
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else " "


def _quotes_text(words: str, text: str) -> bool:
    return _quotes(words, text.strip(), _QUOTE) or _quotes(_folded(words), _folded(text), _FOLDED_QUOTE)


def _folded(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _quotes(words: str, source: str, length: int) -> bool:
    """Whether `length` characters in a row of `source` stand in `words`; a shorter source counts from 4 characters."""
    size = min(length, len(source))
    if size < 4:
        return False
    said = {words[at : at + size] for at in range(len(words) - size + 1)}  # the shorter of the two is kept
    return any(source[at : at + size] in said for at in range(len(source) - size + 1))
