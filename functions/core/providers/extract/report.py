"""The analysis put together as plain text: a head line, quotes, phrases, names, figures, dates."""

from __future__ import annotations

from functions.core.providers.extract.kinds import kind_of
from functions.core.providers.extract.layout import fitted
from functions.core.providers.extract.letters import letters_of
from functions.core.providers.extract.look import look
from functions.core.providers.extract.reading import reading
from functions.core.providers.extract.scripts import LATIN, writing_of

_NOT_FOLLOWED = "Instructions not followed: this provider extracts, it has no model that could."
_FLOOR = 400  # characters; below, the answer may be longer than the text


def report(text: str, char_start: int, instructions: str | None) -> str:
    """What can be said of `text`, which begins at `char_start` of its document, in short lines.

    Each quote is a line `[start-end] "quote"`: `document[start:end]` with every run of white space shown as one
    space. ` ...` outside the quotation marks says that the sentence goes on. Never longer than a text of more than
    400 characters; storable whatever the text holds (no NUL, no lone surrogate).
    """
    letters = letters_of(text)
    writing = LATIN if letters.plain and not letters.cased.isspace() and text else writing_of(text)
    kind = kind_of(text, letters.data, writing)
    note = [_NOT_FOLLOWED] if instructions and instructions.strip() else []
    if kind.has_sentences:
        lines = reading(text, char_start, letters, writing, kind)
    else:
        lines = look(text, char_start, kind, writing)
    return fitted([lines[0], *note, *lines[1:]], max(_FLOOR, len(text)))
