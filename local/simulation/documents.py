"""What clients send: texts, the bytes that they are uploaded as, and how those are broken."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from functions.api.announcement import Announcement
from functions.api.requests import Options
from functions.core.chunking import split
from local.simulation.story import INSTRUCTIONS_MARK, TEXT_MARK, Broken

_GLYPHS = ("", "é", "語", "🙂")
_UTF16 = "text/plain; charset=utf-16"
_HALF_A_PAIR = b"\x00\xd8"


@dataclass(frozen=True, slots=True)
class Upload:
    """A text as it is uploaded; `broken`: why nobody can read it."""

    text: str
    data: bytes
    content_type: str
    parts: Mapping[int, bytes]  # by number; none for a single PUT
    broken: Broken | None = None

    @property
    def announcement(self) -> Announcement:
        """What is said of it beforehand."""
        said = {"parts": [_digest(part) for part in self.parts.values()]} if self.parts else _digest(self.data)
        return Announcement.model_validate({**said, "content_type": self.content_type})


def text_of(random: Random) -> str:
    """A document of a few words."""
    words = random.choice((1, 3, 6, 12, 20))
    return "".join(
        f"{TEXT_MARK}{random.choice(_GLYPHS)}{number}{random.choice((' ', '. ', chr(10) * 2))}"
        for number in range(words)
    )


def options_of(random: Random) -> Options:
    """How it is to be analysed."""
    return Options(
        max_chunk_chars=random.choice((6, 14, 30)),
        max_attempts=random.choice((3, 3, 5)),
        overlap_chars=random.choice((0, 0, 3, 40)),
        model=None,
        instructions=random.choice((None, f"{INSTRUCTIONS_MARK} sum it up")),
    )


def upload_of(random: Random) -> Upload:
    """A document in one of the encodings, whole or broken, in one piece or in parts."""
    text = text_of(random)
    data, content_type, broken = _written(text, random)
    cuts = sorted(random.sample(range(1, len(data)), min(len(data) - 1, random.choice((0, 0, 1, 3)))))
    pieces = [data[start:end] for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True)] if cuts else []
    return Upload(text, data, content_type, dict(enumerate(pieces, 1)), broken)


def too_many(upload: Upload, options: Options, limit: int) -> Broken | None:
    """Why its job must fail: it cannot be read, or makes more than `limit` chunks."""
    if upload.broken or len(split(upload.text, options.max_chunk_chars)) <= limit:
        return upload.broken
    return Broken("too_many_chunks", "max_chunk_chars")


def _written(text: str, random: Random) -> tuple[bytes, str, Broken | None]:
    data, wide = text.encode(), text.encode("utf-16-le")
    at = len(text[: random.randrange(len(text))].encode())  # between two characters
    wide_at = len(text[: random.randrange(len(text))].encode("utf-16-le"))
    plain = "text/plain; charset=utf-8"
    ways: tuple[tuple[bytes, str, Broken | None], ...] = (
        (data, plain, None),
        (data, "text/markdown", None),
        (codecs.BOM_UTF8 + data, plain, None),
        (codecs.BOM_UTF16_LE + wide, plain, None),
        (codecs.BOM_UTF16_BE + text.encode("utf-16-be"), _UTF16, None),
        (wide, f"{_UTF16}le", None),
        (codecs.BOM_UTF8, plain, Broken("document_empty", "empty")),
        (data[:at] + b"\xff" + data[at:], plain, Broken("document_unreadable", f"byte {at} ")),
        (data[:at] + b"\0" + data[at:], plain, Broken("document_unreadable", f"NUL at byte {at} ")),
        (
            wide[:wide_at] + _HALF_A_PAIR + wide[wide_at:],
            f"{_UTF16}le",
            Broken("document_unreadable", f"byte {wide_at} "),
        ),
        (codecs.BOM_UTF16_LE + wide + b"x", plain, Broken("document_unreadable", f"byte {2 + len(wide)}")),
    )
    return random.choice(ways[:6]) if random.random() < 0.75 else random.choice(ways[6:])


def _digest(data: bytes) -> dict[str, object]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
