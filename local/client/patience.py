"""How long a client puts up with what may pass: a server that is started again, a database that fails over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from local.client.errors import ClientError

T = TypeVar("T")

_LONGEST_PAUSE = 8.0


@dataclass(frozen=True, slots=True)
class Time:
    """The one switch of a client's waiting: seconds that only rise, and a way to let some pass."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Patience:
    """Waits between attempts, a little longer each time, until `seconds` have gone by without any success."""

    def __init__(self, seconds: float, time: Time) -> None:
        self._seconds = seconds
        self._time = time
        self.renew()

    def renew(self) -> None:
        """Something went well."""
        self._since = self._time.clock()
        self._pause = 1.0

    def wait(self, error: ClientError) -> None:
        """Let time pass, as much as the server wishes if it said so. Raises `error` when there is no more to spend."""
        pause = min(error.retry_after or self._pause, self._seconds)
        if not pause or self._time.clock() - self._since + pause > self._seconds:
            raise error
        self._time.sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def patiently(call: Callable[[], T], patience: Patience) -> T:
    """What the call gives, after as many attempts as there is patience for. Raises what will not pass, or did not."""
    while True:
        try:
            return call()
        except ClientError as error:
            if not error.passing:
                raise
            patience.wait(error)
