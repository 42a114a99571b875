"""Every line that the rooms log: none may quote a document, an instruction or an answer, or tell of a bug."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from functions.core.logs import logger
from local.simulation.story import ANSWER_MARK, INSTRUCTIONS_MARK, TEXT_MARK

_MARKS = (TEXT_MARK, ANSWER_MARK, INSTRUCTIONS_MARK)
_EXPECTED = frozenset({"StoreUnavailable", "AdapterBug"})  # logged with their traces though they are no bugs


class LogSink:
    """Where the log goes. `violations`: of the history that is being played."""

    def __init__(self) -> None:
        self.violations: list[str] = []

    def write(self, line: str) -> int:
        """One line."""
        for mark in _MARKS:
            if mark in line:
                self.violations.append(f"a log line quotes what it must not: {line.strip()}")
        if '"exception"' in line and json.loads(line)["exception"] not in _EXPECTED:
            self.violations.append(f"a bug: {line.strip()}")
        return len(line)

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def logged_to(sink: LogSink) -> Iterator[None]:
    """The rooms' log goes there."""
    handler = logger.registered_handler
    if not isinstance(handler, logging.StreamHandler):
        raise TypeError("the rooms' logger writes to a stream")
    before = handler.setStream(cast("TextIO", sink))  # as far as a handler uses one
    try:
        yield
    finally:
        if before is not None:
            handler.setStream(before)
