"""The `local` provider on what is no prose, and on what nobody would send."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_local_provider import QUOTE, answer, quotes

_random = random.Random(7)

NO_PROSE = {
    "looks like a table, 121 rows": "name,age,city\n" + "".join(f"n{i},{i % 90},City{i % 7}\n" for i in range(120)),
    "looks like a table, 50 rows": "".join(f"{i}\t{i * i}\n" for i in range(50)),
    "looks like a table, 40 rows": "".join(f"item {i}     {i * 3}    {i * 7}\r\n" for i in range(40)),
    "looks like a table, 52 rows": "| a | b |\n|---|---|\n" + "".join(f"| x{i} | some words |\n" for i in range(50)),
    "numbers, 300 lines": "\n".join(str(_random.random()) for _ in range(300)),
    "numbers, 1 line": "1,2," * 900,
    "looks like a log, 60 lines": "".join(f"2024-05-01 12:00:{i} INFO request {i} from a host\n" for i in range(60)),
    "looks like code, markup or data, 80 lines": "function f(a, b) {\n  const x = a.map(i => i * 2);\n  y(x);\n}\n"
    * 20,
    "looks like code, markup or data, 20 lines": '<html><p>Hello there, reader.</p><a href="x">a</a></html>\n' * 20,
    "looks like code, markup or data, 1 line": json.dumps([{"a": i, "name": f"n{i}", "ok": True} for i in range(50)]),
    "encoded data (like base64 or hex)": base64.encodebytes(_random.randbytes(3000)).decode(),
    "nothing but white space": " \r\n\t\u3000\u2028" * 50,
    "symbols, no words": "\U0001f600\U0001f601\U0001f602\U0001f603" * 40,
    "little but one character repeated: 'a'": "a" * 400,
    "little but one character repeated: U+0000": "\0" * 400,
    "little but one character repeated: U+D800": "\ud800" * 400,
}


@pytest.mark.parametrize("what", NO_PROSE)
def test_what_is_no_prose_is_called_what_it_is(what: str) -> None:
    text = NO_PROSE[what]
    said = answer(text, 1_000)
    assert said.split("\n")[0] == f"Characters 1000-{1000 + len(text)} ({len(text):,}): {what}."
    assert not any(title in said for title in ("Key phrases", "Names", "Figures", "Weightiest"))


def test_the_first_and_the_last_line_of_a_table_are_quoted() -> None:
    assert [quote for _, _, quote in quotes(answer(NO_PROSE["looks like a table, 121 rows"]))] == [
        "name,age,city",
        "n119,29,City0",
    ]


def test_headings_are_short_lines() -> None:
    headings = "".join(
        f"CHAPTER {i}. The Harbour of {name}.\r\n\r\n" for i, name in enumerate(["Ulm", "Rom", "Ost"] * 9)
    )
    assert "short lines" in answer(headings)


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "a", "1", ".", "人", "\u0301", "\0", "\ud800", "\ufeff", "A.", "\r\n\r\n"]
)
def test_the_smallest_texts_have_an_answer(text: str) -> None:
    said = answer(text, 41, "Summarise.")
    assert said.startswith(f"Characters 41-{41 + len(text)} ({len(text)}): ")
    assert "Instructions not followed" in said


def test_what_cannot_be_stored_is_not_quoted() -> None:
    whole = "The keeper of the northern lighthouse wrote a long letter to his sister in the town. "
    broken = "The keeper of the \0 lighthouse \ud800 wrote \x1b[31m a long letter to the northern sister. "
    said = answer((whole + broken) * 4)
    assert said.encode("utf-8")
    assert "\0" not in said
    assert "\x1b" not in said
    assert quotes(said)


ALPHABETS = st.one_of(
    st.text(),
    st.text(alphabet=st.sampled_from("aA .,\n\r\t1\u0301\u200d"), max_size=600),
    st.text(alphabet=st.sampled_from('Mr. St"\u201c\u201d!? \nİßǅⅣ½²１'), max_size=400),
    st.lists(
        st.sampled_from(
            ["The ", "whale ", "Captain ", "Ahab ", "of ", "in 1851 ", "$5 ", "12 km ", "7,000,000 ", ". ", "\r\n",
             "\n\n", "。", "人权", "เสรี ", "हक़ ", "نص؟ ", "፡ሰው", "May 5 ", "\0", "\ud800", '"', "...", "(", "| ",
             "\t", "x" * 90]
        ),
        max_size=300,
    ).map("".join),
)  # fmt: skip


@given(before=st.text(max_size=20), text=ALPHABETS, instructions=st.none() | st.text(max_size=9))
def test_any_text_has_a_storable_answer_with_exact_quotes(before: str, text: str, instructions: str | None) -> None:
    document = before + text
    said = answer(text, len(before), instructions)
    said.encode("utf-8")
    assert "\0" not in said
    assert len(said) <= max(400, len(text))
    for line in said.split("\n"):
        if line.startswith("["):
            match = QUOTE.fullmatch(line)
            assert match
            assert " ".join(document[int(match[1]) : int(match[2])].split()) == match[3] != ""


HOSTILE = {
    "one letter": "a", "newlines": "\n", "digits": "1", "marks": ".", "combining": "\u0301", "accents": "a\u0301",
    "capital words": "Aa ", "capital sentences": "Aa. ", "commas": "1,", "titles": "Mr. ", "years": "in 1990 ",
    "figures": "word $1,000 ", "characters": "人权。", "quotes": '"', "dots": ". ", "spaces": "a   ",
    "lines": "word\n\n", "months": "January 1 ", "links": "Ahab of the ", "initials": "A. ", "letters as words": "a b ",
    "hyphens": "A-",
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_long_hostile_text_has_a_short_answer_with_exact_quotes(what: str) -> None:
    unit = HOSTILE[what]
    text = unit * (100_000 // len(unit))

    said = answer(text)

    assert len(said) < 2_000
    assert all(" ".join(text[start:end].split()) == quote for start, end, quote in quotes(said))
