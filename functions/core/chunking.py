"""Cut a document into chunks: lossless, with exact offsets, as a stream, in linear time whatever the text. Pure.

A chunk of text that goes on has at most `max_chars` characters and ends at the last place of the best kind there is:

1. after a paragraph: a blank line (LF, CRLF or CR; it may hold spaces), or U+2029;
2. after a line;
3. after a sentence, with its closing quotes, brackets and spaces. `. ! ?` and their like need a space behind them,
   the full stops of scripts that write none (`。`, danda, `؟`, `።`) do not. Abbreviations are not known;
4. after a space: any Unicode white space that allows a break, U+200B, the word separators of Ethiopic and Tibetan;
5. anywhere.

**No tiny chunks.** Kinds 1 to 4 count only where they leave the chunk at least half full (`max_chars / 2`, rounded up).
What ends a sentence or a blank line is recognised within a context of 100 characters before that half.

**No torn characters.** No cut falls inside a grapheme cluster (see `graphemes`) of at most `max_chars` characters,
counted from the start of the chunk: a cut of the last kind goes before it, even if that leaves less than half a chunk.
The next chunk then begins with a cluster that did not fit any more, so the two together have more than `max_chars`
characters, and `most_chunks` holds all the same. A longer cluster is cut at the limit.

**A stream.** A cut depends on nothing but the `2 * max_chars + 1` characters from the start of its chunk: the same
chunks come whatever the size of the blocks, and whoever knows where a chunk begins can go on from there.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from itertools import islice

from functions.core.cuts import best_cut
from functions.core.graphemes import cluster_end, last_boundary
from functions.core.model import Span

MAX_CHUNK_CHARS = 200_000
"""The largest `max_chars` there is; the smallest is 1."""

BOM = "\ufeff"
_CONTEXT = 100


class Chunker:
    """Takes a document in blocks of any size and gives its chunks as soon as they are certain, each with its SHA-256.

    `chunk_index`, `char` and `byte` say where the first block begins: a planner resumes at the end of any chunk.
    Holds at most `2 * max_chars` characters between calls. Raises ValueError for a `max_chars` out of range.
    """

    def __init__(self, max_chars: int, *, chunk_index: int = 0, char: int = 0, byte: int = 0) -> None:
        if not 1 <= max_chars <= MAX_CHUNK_CHARS:
            raise ValueError(f"max_chars must be 1 to {MAX_CHUNK_CHARS}, not {max_chars}")
        if min(chunk_index, char, byte) < 0:
            raise ValueError("chunk_index, char and byte must not be negative")
        self._max = max_chars
        self._index = chunk_index
        self._char = char
        self._byte = byte
        self._blocks: list[str] = []
        self._held = 0
        self._finished = False

    def feed(self, block: str) -> list[Span]:
        """The chunks that `block` made certain, if any. Raises ValueError after `finish` and for a lone surrogate."""
        if self._finished:
            raise ValueError("the document is finished")
        self._blocks.append(block)
        self._held += len(block)
        return self._take(2 * self._max + 1)

    def finish(self) -> list[Span]:
        """The chunks that are left: the document ends here. Raises ValueError for a lone surrogate."""
        self._finished = True
        return self._take(1)

    def _take(self, enough: int) -> list[Span]:
        """Chunks for as long as at least `enough` characters are held."""
        if self._held < enough:
            return []
        text = "".join(self._blocks)
        spans, start = [], 0
        for end in _cuts(text, self._max, enough):
            spans.append(self._span(text[start:end]))
            start = end
        self._blocks = [text[start:]]
        self._held = len(text) - start
        return spans

    def _span(self, chunk: str) -> Span:
        data = chunk.encode()
        end = self._char + len(chunk)
        digest = hashlib.sha256(data).hexdigest()
        span = Span(self._index, self._char, end, self._byte, self._byte + len(data), digest)
        self._index, self._char, self._byte = self._index + 1, span.char_end, span.byte_end
        return span


def split(text: str, max_chars: int) -> list[Span]:
    """The chunks of a whole document; none for an empty one. Raises ValueError as Chunker does."""
    chunker = Chunker(max_chars)
    return chunker.feed(text) + chunker.finish()


def fewest_chunks(chars: int, max_chars: int) -> int:
    """How many chunks a document of `chars` characters makes at least."""
    return -(-chars // max_chars)


def most_chunks(chars: int, max_chars: int) -> int:
    """How many chunks a document of `chars` characters makes at most: as if each were half full, rounded up."""
    return -(-chars // _half(max_chars))


def smallest_fitting(text: str, max_chunks: int) -> int:
    """A `max_chars` that cuts `text` into at most `max_chunks` chunks, while one less does not.

    The text is cut a few times over to find it: three or four where chunks are small, a dozen where they are large.
    Raises ValueError when `max_chunks` is not positive, or when not even MAX_CHUNK_CHARS is enough.
    """
    if max_chunks < 1 or _estimate(text, MAX_CHUNK_CHARS, max_chunks) > max_chunks:
        raise ValueError(f"no chunks of up to {MAX_CHUNK_CHARS} characters make at most {max_chunks} of this document")
    too_small = max(0, fewest_chunks(len(text), max_chunks) - 1)
    fits = max(1, min(2 * too_small + 2, MAX_CHUNK_CHARS))
    guess, tries = too_small * 5 // 4, 0
    while fits - too_small > 1:
        tries += 1
        guess = min(max(guess, too_small + 1), fits - 1) if tries % 3 else (too_small + fits) // 2
        chunks = _estimate(text, guess, max_chunks)
        if chunks <= max_chunks:
            fits = guess
        else:
            too_small = guess
        guess = math.ceil(guess * chunks / max_chunks)  # chunks are about as full at every size
    return fits


def take_bom(text: str) -> tuple[str, bool]:
    """`text` without one leading byte order mark, and whether there was one."""
    return (text[1:], True) if text.startswith(BOM) else (text, False)


def _half(max_chars: int) -> int:
    return (max_chars + 1) // 2


def _estimate(text: str, max_chars: int, max_chunks: int) -> float:
    """How many chunks `text` makes; above `max_chunks`, where counting stops, by what has been cut until then."""
    ends = list(islice(_cuts(text, max_chars, 1), max_chunks + 1))
    return len(ends) * len(text) / ends[-1] if ends else 0


def _cuts(text: str, max_chars: int, enough: int) -> Iterator[int]:
    """Where chunks end, one after the other, for as long as `enough` characters are left."""
    start = 0
    while len(text) - start >= enough:
        start = _cut(text, start, max_chars)
        yield start


def _cut(text: str, start: int, max_chars: int) -> int:
    """Where the chunk that begins at `start` ends."""
    limit = start + max_chars
    if len(text) <= limit:
        return len(text)
    deepest = max_chars - _half(max_chars) + 1
    back = best_cut(text[max(start, limit - deepest - _CONTEXT) : limit + 1], deepest)
    return _hard_cut(text, start, limit) if back is None else limit + 1 - back


def _hard_cut(text: str, start: int, limit: int) -> int:
    """Before the cluster that does not fit any more, if it fits into a chunk of its own; else at the limit."""
    cut = last_boundary(text, start, limit)
    beyond = cut + (limit - start) + 1
    return cut if start < cut and cluster_end(text, cut, beyond) < beyond else limit
