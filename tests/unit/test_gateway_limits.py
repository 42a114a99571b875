"""The size of a payload, counted without making it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from local.gateway.limits import base64_length, escapes_within, to_base64


@given(st.text(st.characters(codec="utf-8")))
def test_the_escaped_length_is_what_json_makes(text: str) -> None:
    real = len(json.dumps(text, ensure_ascii=False).encode()) - 2
    assert escapes_within(text.encode(), real + 1)
    assert not escapes_within(text.encode(), real)


@given(st.binary(max_size=100))
def test_the_base_64_length_is_what_base_64_makes(data: bytes) -> None:
    assert base64_length(len(data)) == len(to_base64(data))
