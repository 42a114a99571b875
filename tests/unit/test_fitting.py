"""The function's answer as Lambda takes it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from functions.api.fitting import MOST_BYTES, fitted
from functions.core.settings import Settings

LAMBDAS = 6_291_556  # bytes


def answer(body: str, status: int = 200) -> dict[str, Any]:
    """As Mangum makes it."""
    return {"statusCode": status, "headers": {"content-type": "text/plain"}, "body": body, "isBase64Encoded": False}


@pytest.mark.parametrize("character", ["a", '"', "\n", "\x01", "ü", "😀", "\\"])
def test_a_body_of_the_largest_size_fits_whatever_it_is_made_of(character: str) -> None:
    text = character * (MOST_BYTES // len(character.encode()))
    made = fitted(answer(text))
    assert len(json.dumps(made, ensure_ascii=False).encode()) + 10_000 < LAMBDAS
    body = made["body"]
    assert (base64.b64decode(body).decode() if made["isBase64Encoded"] else body) == text


def test_no_setting_lets_a_result_be_larger() -> None:
    (bound,) = (each.le for each in Settings.model_fields["response_bytes"].metadata if hasattr(each, "le"))
    assert bound <= MOST_BYTES


def test_a_body_that_fits_as_text_stays_text() -> None:
    assert not fitted(answer("a" * 4_000_000))["isBase64Encoded"]


@pytest.mark.parametrize(("status", "typed"), [(200, True), (202, True), (204, False), (304, False), (404, True)])
def test_an_answer_without_a_body_says_no_type_of_it(status: int, typed: bool) -> None:
    assert ("content-type" in fitted(answer("", status))["headers"]) == typed
