"""The `local` provider: quotes with exact offsets, what it finds in English, and what it says of other scripts."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from functions.core.model import ModelCall
from functions.core.ports import Provider
from functions.core.providers.local import LocalProvider

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
QUOTE = re.compile(r'\[(\d+)-(\d+)\] (?:\.\.\. )?"(.*)"(?: \.\.\.)?')

STORY = (
    "Mr. Starbuck paid $1.5 million for the Pequod on December 25, 2008. It was 12.5% more than in July 1805.\r\n"
    "Nobody on the quay believed that Captain Ahab would bring the\r\n"
    "white whale home, and the white whale did not believe it either.\r\n\r\n"
    "They had 32 barrels of oil, 1,234,567 dollars of debt, and in 1851 the owners of the Pequod wrote to Ahab again. "
    "The white whale, says Dr. Bunger of the Samuel Enderby, was seen off Java on 2024-02-29. "
    "Then Starbuck laughed.\r\n"
)

WRAPPED = (
    "Nobody on the quay believed that Captain Ahab would bring the\r\n"
    "white whale home, and the white whale did not believe it either.\r\n\r\n"
    "So it went.\r\n"
)


def answer(text: str, char_start: int = 0, instructions: str | None = None) -> str:
    provider: Provider = LocalProvider()
    call = ModelCall("job", 0, 1, text, char_start, instructions)
    return asyncio.run(provider.analyse(call)).text


def quotes(said: str) -> list[tuple[int, int, str]]:
    found = [QUOTE.fullmatch(line) for line in said.split("\n") if line.startswith("[")]
    return [(int(match[1]), int(match[2]), match[3]) for match in found if match]


def line_of(said: str, title: str) -> str:
    return next((line for line in said.split("\n") if line.startswith(f"{title}:")), "")


def sample(name: str) -> str:
    return (SAMPLES / f"udhr_{name}.txt").read_text(encoding="utf-8")


def assert_exact(said: str, document: str) -> None:
    assert quotes(said)
    for start, end, quote in quotes(said):
        assert " ".join(document[start:end].split()) == quote
        assert document[start:end] == document[start:end].strip()


# -- quotes


@pytest.mark.parametrize("name", sorted(path.stem.removeprefix("udhr_") for path in SAMPLES.glob("udhr_*.txt")))
@pytest.mark.parametrize("size", [300, 700, 4000])
def test_quotes_are_where_they_say_in_the_document(name: str, size: int) -> None:
    document = sample(name)
    for start in range(0, len(document), size):
        assert_exact(answer(document[start : start + size], start), document)


def test_quotes_are_exact_in_crlf_text_and_show_line_breaks_as_spaces() -> None:
    document = "x" * 77 + WRAPPED
    said = answer(WRAPPED, 77)
    assert_exact(said, document)
    assert "bring the white whale home" in said
    assert "(white space runs shown as one space)" in said


def test_a_book_is_quoted_exactly_in_every_chunk() -> None:
    book = (ROOT / "local" / "samples" / "moby-dick.txt").read_bytes().decode("utf-8")[:120_000]
    for start in range(0, len(book), 4_000):
        chunk = book[start : start + 4_000]
        said = answer(chunk, start)
        assert_exact(said, book)
        assert len(said) <= 1_200


def test_quotes_are_in_document_order_and_do_not_overlap() -> None:
    said = quotes(answer(sample("eng")))
    assert [start for start, _, _ in said] == sorted(start for start, _, _ in said)
    assert all(first[1] <= second[0] for first, second in pairwise(said))


def test_the_same_sentence_is_not_quoted_twice() -> None:
    twin = "The white whale destroyed the northern fishing fleet without any mercy. "
    other = "Insurance companies in Nantucket raised their yearly premium for every vessel. "
    assert [quote for _, _, quote in quotes(answer((twin * 5 + other) * 9))].count(twin.strip()) == 1


def test_a_long_sentence_is_cut_at_a_word_and_says_so() -> None:
    document = (
        "The harbour " + ", ".join(f"keeper number{'x' * (i % 7)} counted barrels" for i in range(14)) + ". Done."
    )
    said = answer(document)
    start, end, quote = quotes(said)[0]
    assert document[start:end] == quote
    assert len(quote) <= 220
    assert said.split("\n")[2].endswith('" ...')
    assert not document[end].isalnum()


def test_boilerplate_gives_way_to_text() -> None:
    notice = "Copyright 2020 harpoon harpoon whale whale, all rights reserved by the harpoon whale publishers. "
    said = answer(notice + STORY + "The harpoon missed the whale, and the whale went down with the harpoon in it. ")
    assert not any("Copyright" in quote for _, _, quote in quotes(said))


def test_mister_and_initials_end_no_sentence() -> None:
    said = answer("Mr. J. R. Brown met Mrs. Grey near St. Ives at noon. They talked about the price of herring there. ")
    assert "2 sentences" in said


# -- findings


def test_names_keep_their_titles() -> None:
    names = line_of(answer(STORY * 4), "Names")
    assert "Captain Ahab" in names
    assert "Pequod (8)" in names
    assert "They" not in names
    assert "Nobody" not in names


def test_figures_have_their_units_and_separators() -> None:
    figures = line_of(answer(STORY * 8), "Figures")
    for figure in ("$1.5 million", "12.5%", "32 barrels", "1,234,567 dollars"):
        assert f"{figure} (8)" in figures


def test_dates_are_found_in_many_forms() -> None:
    dates = line_of(answer(STORY * 8), "Dates")
    for date in ("December 25, 2008", "July 1805", "1851", "2024-02-29"):
        assert f"{date} (8)" in dates


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        (
            "Das war am 10. Dezember 1948 und nicht im Jahr 1933, als die Gesetze der Republik fielen.",
            "10. Dezember 1948",
        ),
        ("C’est le 14 juillet 1789 que la Bastille est prise par les Parisiens dans la ville.", "14 juillet 1789"),
        ("Это было 10 декабря 1948 года, и все люди с тех пор равны по закону и в правах.", "10 декабря 1948"),
        ("La séance du 1948.12.10 est la dernière de la session, et les pays sont tous dans la salle.", "1948.12.10"),
        ("2008年12月25日、東京で会議が開かれた。参加者はそこにいた。", "2008年12月25日"),
    ],
)
def test_dates_of_other_languages(text: str, dates: str) -> None:
    assert dates in line_of(answer(text * 3), "Dates")


def test_key_phrases_come_back_and_are_no_function_words() -> None:
    phrases = line_of(answer(STORY * 2), "Key phrases")
    assert "white whale (6)" in phrases
    assert "the" not in phrases.removeprefix("Key phrases: ").split()


def test_lists_are_bounded_and_say_how_many_are_left_out() -> None:
    people = "".join(
        f"It was there that we met {name}{end} and his dog. " for name in ("Tom", "Bob") for end in "abcdefgh"
    )
    assert re.fullmatch(r"Names: (?:\w+, ){3}\w+ and 12 more", line_of(answer(people), "Names"))


# -- the head line, and what it does not pretend


def test_the_head_line_says_where_how_long_and_what() -> None:
    assert (
        answer(STORY, 12_000)
        .split("\n")[0]
        .startswith(f"Characters 12000-{12_000 + len(STORY)} ({len(STORY)}): English prose; ")
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("eng", "English prose"), ("deu", "German prose"), ("fra", "French prose"), ("rus", "Russian prose"),
        ("zho", "Chinese characters, "), ("jpn", "Japanese writing, "), ("kor", "Hangul (Korean), "),
        ("ara", "Arabic script, "), ("heb", "Hebrew script, "), ("hin", "Devanagari script, "),
        ("tha", "Thai script, "), ("amh", "Ethiopic script, "),
    ],
)  # fmt: skip
def test_script_and_language_are_told(name: str, what: str) -> None:
    assert f": {what}" in answer(sample(name)).split("\n")[0]


@pytest.mark.parametrize("name", ["zho", "jpn", "tha"])
def test_no_words_are_made_up_where_a_script_has_no_spaces(name: str) -> None:
    said = answer(sample(name))
    assert "words and names are not told apart" in said
    assert not any(line_of(said, title) for title in ("Key phrases", "Repeated words", "Names"))


@pytest.mark.parametrize("name", ["ara", "heb", "hin", "kor", "amh"])
def test_only_repeated_words_where_the_language_is_not_known(name: str) -> None:
    said = answer(sample(name))
    assert line_of(said, "Repeated words")
    assert not any(line_of(said, title) for title in ("Key phrases", "Names"))


def test_german_nouns_are_not_taken_for_names() -> None:
    assert not line_of(answer(sample("deu")), "Names")


def test_nouns_of_an_unknown_language_are_not_taken_for_names() -> None:
    luxembourgish = "D'Kanner sinn am Haus mat hirem Papp, well de Reen op d'Strooss an d'Wisen fält, soot Mamm Anna. "
    assert not line_of(answer(luxembourgish * 6), "Names")


@pytest.mark.parametrize(("name", "marks"), [("zho", "。,，;”"), ("hin", "।,"), ("ara", ".،؛"), ("amh", "።፤")])
def test_sentences_end_at_the_marks_of_their_script(name: str, marks: str) -> None:
    said = answer(sample(name))
    lines = [line for line in said.split("\n") if line.startswith("[")]
    assert all(line.endswith('" ...') or line[-2] in marks for line in lines)


def test_instructions_are_not_followed_and_it_says_so() -> None:
    assert "Instructions not followed" in answer(STORY, instructions="Translate it.")
    assert "Instructions" not in answer(STORY, instructions="  ")
    assert "Instructions" not in answer(STORY)


# -- one answer everywhere


def test_every_process_gives_the_same_answer() -> None:
    code = (
        "import sys; from pathlib import Path; from functions.core.providers.extract.report import report\n"
        "for path in sorted(Path('tests/samples').glob('*.txt')):\n"
        "    sys.stdout.buffer.write(report(path.read_text(encoding='utf-8'), 5, 'x').encode())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, stdout=-1
        ).stdout
        for seed in ("0", "1", "42")
    }
    assert len(outputs) == 1


def test_closing_it_closes_nothing() -> None:
    provider = LocalProvider()
    asyncio.run(provider.aclose())
    call = ModelCall("job", 0, 1, STORY, 0, None)
    assert asyncio.run(provider.analyse(call)) == asyncio.run(provider.analyse(call))
