"""SIGINT, SIGTERM and SIGHUP as one exception in the main thread, once; a second one hurries."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """The user, or whoever runs us, wants an end. Carries the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def stoppable(hurry: Callable[[], None]) -> Iterator[None]:
    """Raise Stopped at the first signal, wherever the body is; call `hurry` at each further one."""

    def again(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        hurry()

    def first(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        for each in _SIGNALS:
            signal.signal(each, again)
        raise Stopped(number)

    before = {number: signal.signal(number, first) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
