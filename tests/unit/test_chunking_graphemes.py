"""No cut inside what a reader sees as one character, where the limit allows."""

from __future__ import annotations

import pytest

from functions.core.chunking import split
from functions.core.graphemes import cluster_end, last_boundary

CLUSTERS = {
    "crlf": "\r\n",
    "acute": "e\u0301",
    "zalgo": "Z" + "\u0301\u0328\u0489" * 4,
    "enclosing mark": "a\u20dd",
    "variation selector": "❤\ufe0f",
    "ideographic variation": "葛\U000e0100",
    "zero-width non-joiner": "ک\u200c",
    "skin tone": "👍\U0001f3fd",
    "family": "👨\u200d👩\u200d👧\u200d👦",
    "couple with skin tones": "👩\U0001f3fe\u200d❤\ufe0f\u200d💋\u200d👨\U0001f3fb",
    "flag": "🇩🇪",
    "flag of scotland": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "rainbow flag": "\U0001f3f3\ufe0f\u200d\U0001f308",
    "keycap": "1\ufe0f\u20e3",
    "hangul jamo": "\u1112\u1161\u11ab",
    "old hangul": "\u1107\u1109\u1100\u119e\u11ae\u11ba",
    "syllable and final": "하\u11ab",
    "devanagari vowel": "कि",
    "devanagari conjunct": "क्ष",
    "half form": "क्\u200dष",
    "bengali conjunct": "ন্দ্র",
    "tamil": "நி",
    "thai": "กำ",
    "hebrew points": "שּׁ",
    "arabic number sign": "\u0600١",
    "space with an accent": " \u0301",
    "musical": "\U0001d15e\U0001d165\U0001d16e",
}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_a_cluster_across_the_limit_goes_into_the_next_chunk(cluster: str) -> None:
    for inside in range(1, len(cluster)):
        text = "x" * 40 + cluster + "x" * 40
        ends = [span.char_end for span in split(text, 40 + inside)]
        assert ends[0] == 40


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_a_cluster_as_large_as_a_chunk_stays_whole(cluster: str) -> None:
    text = "x" + cluster * 3 + "x"
    ends = [span.char_end for span in split(text, len(cluster))]
    assert ends == [1, *(1 + len(cluster) * number for number in (1, 2, 3)), len(text)]


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_a_cluster_larger_than_a_chunk_is_cut_at_the_limit(cluster: str) -> None:
    limit = len(cluster) - 1
    assert split(cluster + "x", limit)[0].char_end == limit


NEIGHBOURS = [("👍", "👍"), ("🇩🇪", "🇫🇷"), ("한", "국"), ("क", "ष"), ("\n", "\u0301"), ("\r", "x")]


@pytest.mark.parametrize(("left", "right"), NEIGHBOURS)
def test_neighbours_are_not_one_cluster(left: str, right: str) -> None:
    text = left * 20 + right * 20
    assert last_boundary(text, 0, len(left) * 20) == len(left) * 20


def test_flags_are_counted_in_pairs_from_the_start_of_the_chunk() -> None:
    text = "🇩🇪🇫🇷🇮🇹🇪🇸🇯🇵"
    assert [span.char_end for span in split(text, 5)] == [4, 8, 10]
    assert [span.char_end for span in split("x" + text, 6)] == [5, 11]
    assert [span.char_end for span in split(text, 1)] == list(range(1, 11))
    assert [last_boundary(text, 1, at) for at in (2, 3, 4, 5)] == [1, 3, 3, 5]


def test_a_long_run_of_marks_is_cut_at_the_limit() -> None:
    text = "x" * 4 + "e" + "\u0301" * 30
    assert [span.char_end for span in split(text, 10)] == [10, 20, 30, 35]


def test_a_short_chunk_makes_room_for_a_cluster_that_fits() -> None:
    family = CLUSTERS["family"]
    assert [span.char_end for span in split("ab" + family + "c", len(family) + 1)] == [2, 2 + len(family) + 1]


def test_cr_and_lf_stay_together_from_two_characters_on() -> None:
    for limit in (2, 3, 4, 5):
        text = "x" * (limit - 1) + "\r\n\r\n" + "x" * limit
        assert all(text[span.char_end - 1 : span.char_end + 1] != "\r\n" for span in split(text, limit))
    assert len(split("\r\n", 1)) == 2


def test_each_cluster_ends_where_the_next_begins() -> None:
    for cluster in CLUSTERS.values():
        text = "x" + cluster + "\n" + cluster + "x"
        assert cluster_end(text, 1 + len(cluster), len(text)) == 2 + len(cluster)
        assert cluster_end(text, 2 + len(cluster), len(text)) == 2 + 2 * len(cluster)
