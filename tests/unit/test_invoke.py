"""Functions invoked as Lambda does."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from local.invoke import Function, InvocationFailed, load_handler
from local.lambda_context import LambdaContext


def function(handler: Any, timeout: float = 60) -> Function:
    return Function(name="room", handler=handler, timeout=timeout, memory=512, region="eu-west-1")


def test_the_context_is_that_of_the_python_runtime() -> None:
    context: LambdaContext = function(lambda _event, context: context).invoke({})
    assert (context.function_name, context.function_version, context.memory_limit_in_mb) == ("room", "$LATEST", "512")
    assert context.invoked_function_arn == "arn:aws:lambda:eu-west-1:000000000000:function:room"
    assert context.log_group_name == "/aws/lambda/room"
    assert 0 < context.get_remaining_time_in_millis() <= 60_000


def test_every_invocation_has_an_id_of_its_own() -> None:
    room = function(lambda _event, context: context.aws_request_id)
    assert room.invoke({}) != room.invoke({})


def test_an_exception_is_one_line_with_the_trace_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    def handler(_event: Any, _context: Any) -> None:
        raise ValueError("first\nsecond")

    with pytest.raises(InvocationFailed):
        function(handler).invoke({})
    (record,) = caplog.records
    assert record.getMessage() == "[ERROR] ValueError: first second (room)"
    assert record.exc_info is not None


def test_a_handler_that_exits_fails_and_the_process_lives() -> None:
    with pytest.raises(InvocationFailed):
        function(lambda _event, _context: sys.exit(3)).invoke({})


def test_a_handler_past_its_deadline_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvocationFailed, match=r"Task timed out after 0\.00 seconds"):
        function(lambda _event, _context: "done", timeout=0.0).invoke({})
    assert "Task timed out" in caplog.text


def test_remaining_time_is_never_negative() -> None:
    context = LambdaContext(function_name="room", memory=128, region="eu-west-1", timeout=-5)
    assert context.get_remaining_time_in_millis() == 0


def test_json_is_what_comes_and_goes() -> None:
    assert function(lambda event, _context: event).invoke_json({"a": (1, 2), 3: None}) == {"a": [1, 2], "3": None}


def test_an_answer_that_is_no_json_is_a_failure() -> None:
    with pytest.raises(InvocationFailed):
        function(lambda _event, _context: object()).invoke_json({})


def test_a_handler_is_found_by_its_path() -> None:
    assert load_handler("json.decoder.scanstring") is sys.modules["json.decoder"].scanstring
