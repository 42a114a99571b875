"""A model that follows a script: for each chunk a list of what to answer, call by call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from functions.core.errors import ProviderError
from functions.core.model import ModelAnswer, ModelCall


async def at_once(_call: ModelCall) -> None:
    """The default hook: answer without delay."""


@dataclass
class Script:
    """`Provider` and `Providers` in one. A chunk without lines, or past its last line, is answered with its text."""

    lines: dict[int, list[str | Exception]] = field(default_factory=dict)
    always: Exception | None = None
    during: Callable[[ModelCall], Awaitable[None]] = at_once
    calls: list[ModelCall] = field(default_factory=list)

    def check(self, model: str) -> None:
        """Every model is one."""

    def open(self, model: str) -> Script:
        """The same script for every model."""
        if model == "locked":
            raise ProviderError("bad_credentials", "no key")
        return self

    async def analyse(self, call: ModelCall) -> ModelAnswer:
        """The next line for this chunk."""
        self.calls.append(call)
        await self.during(call)
        lines = self.lines.get(call.chunk_index)
        line = lines.pop(0) if lines else self.always or f"<{call.text}>"
        if isinstance(line, Exception):
            raise line
        return ModelAnswer(line)

    async def aclose(self) -> None:
        """Nothing to close."""

    def times(self, chunk_index: int) -> int:
        """How often this chunk was analysed."""
        return sum(call.chunk_index == chunk_index for call in self.calls)
