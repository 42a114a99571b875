"""Where a text is cut: after a paragraph, else a line, else a sentence, else a space, else anywhere."""

from __future__ import annotations

import pytest

from functions.core.chunking import split


def first(text: str, max_chars: int) -> str:
    return text[: split(text, max_chars)[0].char_end]


BODY = "x" * 30
LATER = "xxxx\nxxxx. xxxx xxxx xxxxxxxxxxxxxxxxxx"


@pytest.mark.parametrize(
    "end",
    ["\n\n", "\r\n\r\n", "\r\r", "\n\r\n", "\u2029", "\n \t\n", "\r\n  \r\n", "\n\u3000\n", "\n\n\n\n", "\u2028\u2028"],
    ids=ascii,
)
def test_a_paragraph_comes_before_a_line(end: str) -> None:
    assert first(BODY + end + LATER, 60) == BODY + end


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028"], ids=ascii)
def test_a_line_comes_before_a_sentence(end: str) -> None:
    assert first(BODY + end + "xxxx. xxxx xxxx " + BODY, 50) == BODY + end


def test_a_crlf_is_one_line_end_and_no_blank_line() -> None:
    assert first(BODY + "\r\nxxxx\nxxxx" + BODY, 50) == BODY + "\r\nxxxx\n"


SENTENCES = {
    "english": ("It was a dark and stormy night. ", "Then it rained on and on and on"),
    "question": ("Was it a dark and stormy night? ", "Yes it was and it went on"),
    "interrobang": ("Was it a dark, stormy night?! ", "Yes it was and it went on"),
    "ellipsis": ("It was a dark and stormy night\u2026 ", "Then it rained on and on"),
    "closing quotes": ('He said: "It was a dark night." ', "Then it rained on and on"),
    "curly quotes": ("He said: “It was a dark night.” ", "Then it rained on and on"),
    "german quotes": ("Er sprach: „Die Nacht war schwarz.“ ", "Dann kam der Regen und blieb"),
    "french quotes": ("Il dit : «\xa0La nuit fut noire.\xa0» ", "Puis la pluie tomba sur nous"),
    "brackets": ("It was (a dark and stormy night.) ", "Then it rained on and on"),
    "markdown": ("It was **a dark and stormy night.** ", "Then it rained on and on"),
    "many spaces": ("It was a dark and stormy night.    ", "Then it rained on and on"),
    "chinese": ("這是一個黑暗而暴風雨的夜晚而且很冷。", "雨下了整整一夜然後又下了一天，我們都"),
    "chinese quotes": ("他說：「這是一個黑暗而暴風雨的夜晚。」", "雨下了整整一夜然後又下了一天我們都"),
    "japanese": ("それは暗い嵐の夜でしたか、そうですか？！", "雨が一晩中ずっと降っていました、そして"),
    "ideographic space": ("それは暗い嵐の夜でした、そして寒い！\u3000", "雨が一晩中ずっと降っていました、そし"),
    "hindi": ("वह एक अंधेरी और तूफानी रात थी। ", "फिर बारिश होने लगी और होती रही"),
    "hindi without a space": ("वह एक अंधेरी और तूफानी रात थी॥", "फिर बारिश होने लगी और होती"),
    "arabic": ("هل كانت ليلة مظلمة وعاصفة جدا؟ ", "ثم هطل المطر طوال الليل"),
    "urdu": ("وہ ایک اندھیری اور طوفانی رات تھی۔ ", "پھر بارش ہونے لگی اور"),
    "amharic": ("ጨለማና ማዕበል የበዛበት ሌሊት ነበር። ", "ከዚያም ሌሊቱን ሙሉ ዘነበ እና"),
    "amharic wordspace": ("ጨለማና፡ማዕበል፡የበዛበት፡ሌሊት፡ነበር።፡", "ከዚያም፡ሌሊቱን፡ሙሉ፡ዘነበ፡እና"),
    "armenian": ("Մութ ու փոթորկոտ գիշեր էր։ ", "Հետո ամբողջ գիշեր անձրև"),
    "khmer": ("វាជាយប់ងងឹតនិងមានព្យុះ។ ", "បន្ទាប់មកភ្លៀងធ្លាក់"),
    "burmese": ("မှောင်မဲသောညတစ်ညဖြစ်သည်။", "ထို့နောက်မိုးရွာသည်"),
    "tibetan": ("མཚན་མོ་མུན་པ་ཞིག་རེད།", "དེ་ནས་ཆར་པ་བབས་སོ"),
}


@pytest.mark.parametrize(("sentence", "rest"), SENTENCES.values(), ids=SENTENCES.keys())
def test_a_sentence_comes_before_a_space_and_keeps_its_quotes_and_spaces(sentence: str, rest: str) -> None:
    assert first(sentence + rest + " " + rest * 3, len(sentence) + len(rest) // 2) == sentence


@pytest.mark.parametrize("stop", ["3.14", "x.x", "x!x", '."x'])
def test_a_weak_full_stop_needs_a_space(stop: str) -> None:
    assert first(BODY + " " + stop + BODY, 40) == BODY + " "


def test_an_opening_quote_goes_with_the_next_sentence() -> None:
    assert first('It was a dark and stormy night. "Indeed"' + BODY, 36) == "It was a dark and stormy night. "
    assert first("這是一個黑暗而暴風雨的夜晚。「確實如此」" + "雨" * 30, 18) == "這是一個黑暗而暴風雨的夜晚。"


@pytest.mark.parametrize(
    ("text", "max_chars"),
    [("One two three. Four five six.  Seven", 30), ("一二三四五六。七八九十一二三。」四五六", 14)],
)
def test_a_sentence_whose_end_does_not_fit_is_passed_over(text: str, max_chars: int) -> None:
    assert first(text * 2, max_chars) in ("One two three. ", "一二三四五六。")


SPACES = [0x09, 0x20, 0x1680, *range(0x2000, 0x2007), *range(0x2008, 0x200C), 0x205F, 0x3000, 0x1361, 0x0F0B]


@pytest.mark.parametrize("code", SPACES, ids=hex)
def test_a_space_comes_before_a_hard_cut(code: int) -> None:
    assert first(BODY + chr(code) + BODY, 40) == BODY + chr(code)


@pytest.mark.parametrize("code", [0xA0, 0x2007, 0x202F, 0x2060, 0xFEFF], ids=hex)
def test_a_no_break_space_is_no_place_to_cut(code: int) -> None:
    assert first(BODY + chr(code) + BODY, 40) == (BODY + chr(code) + BODY)[:40]


def test_a_space_under_a_combining_mark_is_no_place_to_cut() -> None:
    assert first(BODY + " xx \u0301" + BODY, 40) == BODY + " "
    assert first(BODY + ". xx. \u0301" + BODY, 40) == BODY + ". "


def test_the_last_place_of_a_kind_is_taken() -> None:
    assert first("xxxxx xxxxx xxxxx xxxxx", 20) == "xxxxx xxxxx xxxxx "
    assert first("xxxx\n\nxxxx\n\nxxxx\n\nxxxx", 20) == "xxxx\n\nxxxx\n\nxxxx\n\n"


@pytest.mark.parametrize("end", ["\n\n", "\n", ". ", " "])
def test_a_place_right_at_the_limit_counts(end: str) -> None:
    assert first(BODY + end + BODY, len(BODY + end)) == BODY + end


@pytest.mark.parametrize(("better", "worse"), [("\n\n", "\n"), ("\n", ". "), (". ", " "), ("।", " ")])
def test_a_better_place_loses_when_it_leaves_less_than_half_a_chunk(better: str, worse: str) -> None:
    half_full = "x" * (50 - len(better)) + better
    rest = "x" * 20 + worse + "x" * 80
    assert first(half_full + rest, 100) == half_full
    assert first(half_full[1:] + rest, 100) == half_full[1:] + "x" * 20 + worse


def test_half_a_chunk_is_rounded_up() -> None:
    assert first("xx xxxxx", 5) == "xx "
    assert first("x xxxxxx", 5) == "x xxx"


def test_what_fits_is_not_cut() -> None:
    assert first("One.\n\nTwo.", 10) == "One.\n\nTwo."


def test_without_any_place_the_cut_is_at_the_limit() -> None:
    assert [span.char_end for span in split("x" * 25, 10)] == [10, 20, 25]
