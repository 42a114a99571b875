"""Entity tags and If-None-Match."""

from __future__ import annotations

import pytest

from functions.api.caching import is_known, tag_of, weak_tag

TAG = '"a1"'


@pytest.mark.parametrize(
    "header", ['"a1"', 'W/"a1"', "*", ' "x" ,W/"a1"', '"x","a1","y"', '"a1",', ',, "a1"', '"a,b", "a1"', ' * ']
)  # fmt: skip
def test_a_client_that_names_the_tag_has_it(header: str) -> None:
    assert is_known(header, TAG)
    assert is_known(header, f"W/{TAG}")


@pytest.mark.parametrize(
    "header",
    [None, "", '"a2"', "a1", '"a1', 'w/"a1"', '"x" "a1"', '*, "a1"', '"A1"', 'W/ "a1"', '"x,a1"', ", ", '"é1"'],
)  # fmt: skip
def test_any_other_header_says_nothing(header: str | None) -> None:
    assert not is_known(header, TAG)


def test_a_header_of_the_largest_size_is_read_at_once() -> None:
    assert not is_known(" ," * 5_000 + "x", TAG)
    assert not is_known('"a",' * 2_500 + "x", TAG)


def test_tags_tell_bytes_and_facts_apart() -> None:
    assert tag_of(b"a") != tag_of(b"b")
    assert weak_tag(1, "a") == weak_tag(1, "a") != weak_tag("1", "a")
    assert weak_tag("\ud800").startswith('W/"')
    assert is_known(tag_of(b"a"), tag_of(b"a"))
