"""One request of a client to the api room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from functions.core.errors import Rejected, Retryable
from local.simulation.story import Violation

if TYPE_CHECKING:
    from local.simulation.functions import Functions, Main

T = TypeVar("T")
_API_TIMEOUT = 29.0


class NoAnswer(Exception):
    """502, 503, or nothing at all: what was asked for may have happened or not."""


@dataclass
class Asking:
    """Whoever asks the api room."""

    functions: Functions

    async def ask(self, main: Main[T]) -> T:
        """One request. Raises NoAnswer, or Rejected as the api room does."""
        ended = await self.functions.invoke("api", _API_TIMEOUT, main)
        if isinstance(ended.error, Retryable) or ended.died:
            raise NoAnswer
        if isinstance(ended.error, Rejected):
            raise ended.error
        if ended.error is not None:
            raise Violation(f"the api room let out {ended.error!r}")
        return cast("T", ended.answer)  # it has not died
