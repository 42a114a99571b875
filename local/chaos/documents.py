"""Documents for a stack under chaos: of several sizes, some uploaded, some with pages that the model refuses. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

POISON = "hemlock"
"""A chunk whose text contains it always fails."""

MARK = "quillwort"
"""Each sentence of a document has it, and nothing else that this project writes: a log that has it has quoted."""

_WORDS = ("sea", "whale", "été", "naïve", "海", "ship", "log", "\N{SPOUTING WHALE}", "harbour", "\N{ANCHOR}")
# Weight, fewest and most chunks, about: the first are planned in the API, the others by the planner.
_SIZES = ((60, 1, 20), (32, 21, 60), (8, 100, 200))
_UPLOADED = 0.4
# Those that may be uploaded: as it is, with a byte order mark, and in another encoding, which is transcoded.
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")


@dataclass(frozen=True, slots=True)
class Document:
    """A text to submit; `label` travels as the job's instructions, so that a row tells what it was made from.

    `upload` is what is uploaded of it; None: it is sent in the request.
    """

    number: int
    text: str
    max_chunk_chars: int
    label: str
    upload: bytes | None = None


def document(seed: int, number: int) -> Document:
    """The document of that number."""
    random = Random(f"{seed}/{number}")
    [(_, fewest, most)] = random.choices(_SIZES, weights=[weight for weight, _, _ in _SIZES])
    limit = random.randint(80, 200)
    poisoned = random.random() < 0.15
    size, text = random.randint(fewest, most) * limit * 3 // 4, ""
    while len(text) < size:
        text += _sentence(random, poison=poisoned and random.random() < 0.1)
    upload = text.encode(random.choice(_ENCODINGS)) if random.random() < _UPLOADED else None
    return Document(number, text, limit, f"chaos document {number}", upload)


def _sentence(random: Random, *, poison: bool) -> str:
    words = [MARK, *random.choices(_WORDS, k=random.randint(2, 6)), *([POISON] if poison else [])]
    random.shuffle(words)
    return " ".join(words) + random.choice((". ", ".\n\n"))
