"""A provider's words never carry the document or a key into a message."""

from __future__ import annotations

import json

import pytest

from functions.core.providers.scrub import LONGEST, WITHHELD, scrub

TEXT = 'Call me Ishmael. Some years ago -\nnever mind "how long" precisely - having little or no money in my purse.'
KEY = "correct-horse-battery"


def scrubbed(words: str, text: str = TEXT) -> str:
    return scrub(words, secrets=(KEY, ""), text=text)


def test_words_that_give_nothing_away_stay_on_one_line() -> None:
    assert scrubbed("the model gpt-9 is\n overloaded,  try later") == "the model gpt-9 is overloaded, try later"


@pytest.mark.parametrize(
    "quote",
    [
        "Some years ago -\nneve",
        "some YEARS ago never mind",
        json.dumps('never mind "how long" precisely'),
        json.dumps(json.dumps('ago -\nnever mind "how long"')),
        "Some\\u0020years\\u0020ago\\u0020never",
    ],
)
def test_a_quote_of_the_text_withholds_the_words_however_it_is_written(quote: str) -> None:
    assert scrubbed(f"cannot process: {quote} is not allowed") == WITHHELD


def test_nineteen_characters_are_no_quote() -> None:
    assert scrubbed("not allowed: Some y. a. - never") == "not allowed: Some y. a. - never"


def test_a_short_text_counts_as_a_whole() -> None:
    assert scrubbed("bad input: PIN 4711", text=" PIN 4711\n") == WITHHELD


@pytest.mark.parametrize(
    "key", [KEY, "sk-proj-abc123", "sk-ant-a...wxyz", "AKIAIOSFODNN7EXAMPLE", "Bearer abc", "A1" * 24, "hf_abcdefgh"]
)
def test_a_key_is_taken_out(key: str) -> None:
    assert scrubbed(f"the key '{key}' is wrong") == "the key '[key]' is wrong"


def test_part_of_the_configured_key_withholds_the_words() -> None:
    assert scrubbed("the key correct-horse… is wrong") == WITHHELD


def test_a_request_id_stays() -> None:
    words = "request 123e4567-e89b-12d3-a456-426614174000 failed"
    assert scrubbed(words) == words


def test_words_are_cut() -> None:
    cut = scrubbed("too many words " * 1000)
    assert len(cut) == LONGEST
    assert cut.endswith("…")


@pytest.mark.parametrize("text", ["", "a", "   "])
def test_a_text_of_nothing_to_quote_withholds_nothing(text: str) -> None:
    assert scrubbed("a plain error", text=text) == "a plain error"
