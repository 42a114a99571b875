"""A text reduced to its words: every other character blanked out, so that offsets stay what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Punctuation outside Latin-1 that ordinary Western typography uses; it ends a word, as anything unencodable does.
_TYPOGRAPHIC = "’”“—‘–…‐•\ufeff"

# What no word is made of, in any script: controls, digits, punctuation, symbols, surrogates, private use, emoji.
# ZWNJ and ZWJ (U+200C, U+200D) stand inside words of Persian and of Indian languages and are not in it.
_OUTSIDE_WORDS = re.compile(
    "[\\x00-\\x40\\x5b-\\x60\\x7b-\xbf×÷\u037e\u0387\u0589\u05be\u05c0\u05c3\u05f3\u05f4\u0600-\u060f\u061b-\u061f"
    "\u0660-\u066d\u06d4\u06dd\u06f0-\u06f9\u0964-\u0970\u0e3f\u0e4f-\u0e5b\u1360-\u137c\u2000-\u200b\u200e-\u2bff"
    "\u3000-\u3004\u3008-\u3020\u3030\u30fb\ud800-\uf8ff\ufe00-\ufe6f\ufeff-\uff20\uff3b-\uff40\uff5b-\uff65"
    "\uffe0-\uffff\U0001f000-\U0001faff\U000e0000-\U0010ffff]"
)


class _Blanking(dict[int, int]):
    """A translation table that fills itself: the interpreter's own loop, whatever share of the text is blanked."""

    def __missing__(self, code: int) -> int:
        blanked = 0x20 if _OUTSIDE_WORDS.match(chr(code)) else code
        if len(self) < _REMEMBERED:
            self[code] = blanked
        return blanked


_REMEMBERED = 20_000  # characters; no text needs more, and a hostile one shall not fill the memory of a process
_BLANKING = _Blanking()

_LATIN_1_LETTERS = {*range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0x100)} - {0xD7, 0xF7}
_BLANKED = bytes(code if code in _LATIN_1_LETTERS else 0x20 for code in range(256))
_LOWERED = bytes(ord(chr(code).lower()) if code in _LATIN_1_LETTERS else 0x20 for code in range(256))


@dataclass(frozen=True, slots=True)
class Letters:
    """The words of a text in place; all three are exactly as long as the text."""

    cased: str
    lower: str
    data: bytes  # the text in Latin-1, "?" for every other character: as long as the text too
    plain: bool  # Latin-1 and typographic marks: digits are ASCII, and no other script hides in it


def _is_plain(text: str) -> bool:
    strangers = 0 if text.isascii() else len(text) - len(text.encode("latin-1", "ignore"))
    for mark in _TYPOGRAPHIC:
        if strangers == 0:
            return True
        strangers -= text.count(mark)
    return strangers == 0


def letters_of(text: str) -> Letters:
    """Blank out what is not a word."""
    # Several times as fast as what follows, and most text is of this kind.
    data = text.encode("latin-1", "replace")
    if _is_plain(text):
        cased, lower = data.translate(_BLANKED).decode("latin-1"), data.translate(_LOWERED).decode("latin-1")
        return Letters(cased, lower, data, plain=True)
    cased = text.translate(_BLANKING)
    lower = cased.lower()
    # A few capitals become two characters in lower case (U+0130): better no folding than wrong offsets.
    return Letters(cased, lower if len(lower) == len(cased) else cased, data, plain=False)
