"""Chunking: the stream, its offsets and its bounds. Where cuts fall is in test_chunking_cuts and _graphemes."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.chunking import (
    MAX_CHUNK_CHARS,
    Chunker,
    fewest_chunks,
    most_chunks,
    smallest_fitting,
    split,
    take_bom,
)
from functions.core.graphemes import cluster_end
from functions.core.model import Span

TOKENS = [
    *("a", "b", "word", " ", "  ", ". ", "!", "3.14", '"', ")", "\xa0", "\u3000"),
    *("\n", "\n\n", "\r\n", "\r", "\r\n\r\n", "\n \n", "\u2029", "\u2028"),
    *(
        "é",
        "e\u0301",
        "\u0301",
        "漢",
        "。",
        "」",
        "“",
        "”",
        "؟ ",
        "।",
        "한",
        "\u1112\u1161\u11ab",
        "क्ष",
        "कि",
        "\u0600",
    ),
    *(
        "👨\u200d👩\u200d👧\u200d👦",
        "👍\U0001f3fd",
        "🇩🇪",
        "🇫",
        "1\ufe0f\u20e3",
        "\u200d",
        "\U0001f3f4\U000e0067\U000e007f",
    ),
]
texts = st.lists(st.sampled_from(TOKENS), max_size=40).map("".join) | st.text(max_size=60)
limits = st.integers(1, 24)
quick = settings(max_examples=200, deadline=None, derandomize=True)


def in_blocks(text: str, max_chars: int, size: int) -> list[Span]:
    chunker = Chunker(max_chars)
    spans = [span for at in range(0, len(text), size) for span in chunker.feed(text[at : at + size])]
    return spans + chunker.finish()


def pieces(text: str, max_chars: int) -> list[str]:
    return [text[span.char_start : span.char_end] for span in split(text, max_chars)]


def clusters(text: str, start: int) -> list[tuple[int, int]]:
    found = []
    while start < len(text):
        end = cluster_end(text, start, len(text))
        found.append((start, end))
        start = end
    return found


@quick
@given(texts, limits)
def test_chunks_tile_the_document_with_exact_offsets(text: str, max_chars: int) -> None:
    spans = split(text, max_chars)
    char = byte = 0
    for index, span in enumerate(spans):
        chunk = text[span.char_start : span.char_end]
        assert 1 <= len(chunk) <= max_chars
        assert span == Span(index, char, char + len(chunk), byte, byte + len(chunk.encode()))
        char, byte = span.char_end, span.byte_end
    assert (char, byte) == (len(text), len(text.encode()))


@quick
@given(texts, limits, st.integers(1, 9))
def test_the_size_of_the_blocks_does_not_matter(text: str, max_chars: int, size: int) -> None:
    assert in_blocks(text, max_chars, size) == split(text, max_chars)


@quick
@given(texts, limits)
def test_a_planner_can_go_on_at_the_end_of_any_chunk(text: str, max_chars: int) -> None:
    spans = split(text, max_chars)
    for number, span in enumerate(spans, start=1):
        chunker = Chunker(max_chars, chunk_index=number, char=span.char_end, byte=span.byte_end)
        assert chunker.feed(text[span.char_end :]) + chunker.finish() == spans[number:]


@quick
@given(texts, limits)
def test_no_cut_tears_a_cluster_that_fits(text: str, max_chars: int) -> None:
    for span in split(text, max_chars):
        torn = [(a, b) for a, b in clusters(text, span.char_start) if a < span.char_end < b]
        assert all(b - a > max_chars for a, b in torn)
        assert not torn or span.char_end - span.char_start == max_chars


syllables = st.sampled_from(["a", "o\u0301", "e\u0323\u0302", "क\u093f", "x\u20dd", " ", ". ", "\n"])
accented = st.lists(syllables, max_size=60)


@quick
@given(accented.map("".join), st.integers(3, 24))
def test_no_chunk_begins_with_a_combining_mark(text: str, max_chars: int) -> None:
    """The same promise without our own idea of a cluster."""
    for chunk in pieces(text, max_chars):
        assert unicodedata.category(chunk[0])[0] != "M"


@quick
@given(texts, limits)
def test_the_number_of_chunks_is_within_its_bounds(text: str, max_chars: int) -> None:
    assert fewest_chunks(len(text), max_chars) <= len(split(text, max_chars)) <= most_chunks(len(text), max_chars)


@quick
@given(texts, limits)
def test_a_chunk_less_than_half_full_makes_room_for_a_cluster(text: str, max_chars: int) -> None:
    for span, following in pairwise(split(text, max_chars)):
        if (span.char_end - span.char_start) * 2 < max_chars:
            assert following.char_end - span.char_start > max_chars
            assert cluster_end(text, span.char_end, len(text)) - span.char_start > max_chars


@quick
@given(texts, limits)
def test_a_cut_depends_on_nothing_beyond_two_chunks(text: str, max_chars: int) -> None:
    for span in split(text, max_chars):
        seen = text[span.char_start : span.char_start + 2 * max_chars + 1]
        if len(seen) > 2 * max_chars:
            assert split(seen + "x" * max_chars, max_chars)[0].char_end == span.char_end - span.char_start


@quick
@given(texts.filter(bool), st.integers(1, 30))
def test_the_smallest_fitting_limit_fits_and_one_less_does_not(text: str, max_chunks: int) -> None:
    limit = smallest_fitting(text, max_chunks)
    assert len(split(text, limit)) <= max_chunks
    assert limit == 1 or len(split(text, limit - 1)) > max_chunks


def test_the_smallest_fitting_limit_of_a_longer_text() -> None:
    text = "It was a dark and stormy night. The rain fell in torrents.\n\n" * 400
    for max_chunks in (1, 7, 100, 1000):
        limit = smallest_fitting(text, max_chunks)
        assert len(split(text, limit)) <= max_chunks < len(split(text, limit - 1))


def test_smallest_fitting_of_what_fits_anyway_and_of_what_never_does() -> None:
    assert smallest_fitting("", 1) == 1
    assert smallest_fitting("abc", 3) == 1
    assert smallest_fitting("x" * MAX_CHUNK_CHARS, 1) == MAX_CHUNK_CHARS
    with pytest.raises(ValueError, match="at most 1 of this"):
        smallest_fitting("x" * (MAX_CHUNK_CHARS + 1), 1)
    with pytest.raises(ValueError, match="at most 0 of this"):
        smallest_fitting("x", 0)


def test_an_empty_document_has_no_chunks() -> None:
    assert split("", 10) == []
    assert (fewest_chunks(0, 10), most_chunks(0, 10)) == (0, 0)


def test_bounds_are_reached() -> None:
    assert len(split("x" * 1000, 10)) == fewest_chunks(1000, 10) == 100
    assert len(split("xxxx " * 3, 8)) == most_chunks(15, 8) - 1 == 3


@pytest.mark.parametrize("max_chars", [0, -1, MAX_CHUNK_CHARS + 1])
def test_a_limit_out_of_range_is_refused(max_chars: int) -> None:
    with pytest.raises(ValueError, match="max_chars must be 1 to 200000"):
        Chunker(max_chars)


@pytest.mark.parametrize("name", ["chunk_index", "char", "byte"])
def test_a_negative_start_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Chunker(10, **{name: -1})


def test_nothing_may_follow_the_end() -> None:
    chunker = Chunker(10)
    chunker.feed("the end")
    assert chunker.finish() == [Span(0, 0, 7, 0, 7)]
    assert chunker.finish() == []
    with pytest.raises(ValueError, match="finished"):
        chunker.feed("and yet")


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        split("a\ud800b", 10)


def test_chunks_come_as_soon_as_they_are_certain() -> None:
    chunker = Chunker(10)
    assert chunker.feed("x" * 20) == []
    assert chunker.feed("x") == [Span(0, 0, 10, 0, 10)]
    assert len(chunker.feed("x" * 1000)) == 100


def test_a_stream_is_held_no_longer_than_two_chunks() -> None:
    chunker = Chunker(100)
    emitted = fed = 0
    for _ in range(500):
        fed += 7
        for span in chunker.feed("a b c d"):
            emitted = span.char_end
        assert fed - emitted <= 200


def test_one_byte_order_mark_is_taken() -> None:
    assert take_bom("\ufefftext") == ("text", True)
    assert take_bom("\ufeff\ufefftext") == ("\ufefftext", True)
    assert take_bom("te\ufeffxt") == ("te\ufeffxt", False)
    assert take_bom("") == ("", False)


HOSTILE = [
    *("a", '"', "\n", "\r\n", "\r", "a\n", "\n" + " " * 300, " ", ". ", "。", " \u0301", ".  \u0301"),
    *("\u0301", "e" + "\u0301" * 300, "\u200d", "\u0915\u094d", "\u1112", "\u0600"),
    *("🇩", "👍\U0001f3fd", "👨\u200d", "👨" + "\ufe0f" * 300 + "\u200d"),
]


@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_texts_of_one_thing_only(unit: str) -> None:
    """What makes other splitters quadratic: the same promises hold at 10 MB each takes well under a second."""
    text = unit * (4_000 // len(unit))
    for max_chars in (1, 7, 250):
        spans = split(text, max_chars)
        assert "".join(pieces(text, max_chars)) == text
        assert fewest_chunks(len(text), max_chars) <= len(spans) <= most_chunks(len(text), max_chars)
        assert in_blocks(text, max_chars, 977) == spans
