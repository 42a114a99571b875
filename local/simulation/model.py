"""The model of a history: answers, errs, throttles, is silent, is away, or kills whoever calls it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from functions.core.errors import ProviderError
from functions.core.model import ModelAnswer, ModelCall
from local.simulation.faults import Fault, Faults
from local.simulation.story import Key, Story, answer_to

if TYPE_CHECKING:
    from local.simulation.calls import Calls
    from local.simulation.fate import Fate
    from local.simulation.outages import Outages
    from local.simulation.process import Process
    from local.simulation.trace import Trace

# What each kind of failure is called. Not read from the product's own table: that could be wrong.
_THROTTLED = ("rate_limited", "unavailable", "overloaded", "connection_refused")
_FAILED = ("server_error", "timeout", "connection_reset", "bad_response")
_REFUSED = ("invalid_request", "bad_credentials", "refused_content")
_SILENT = 100_000.0  # seconds: longer than anybody waits


class AdapterBug(Exception):
    """What a provider's adapter never should raise."""


@dataclass
class SimulatedModel:
    """Shared by all invocations. Some chunks are poisoned for ever; everything else is drawn call by call."""

    faults: Faults
    outages: Outages
    random: Random
    story: Story
    calls: Calls
    trace: Trace
    fate: Fate
    pace: float  # seconds, about
    poisoned: dict[Key, bool] = field(default_factory=dict)

    async def analyse(self, process: Process, call: ModelCall) -> ModelAnswer:
        """One call, from its start to whatever comes of it."""
        run = self.calls.begin(process, call)
        key = (call.job_id, call.chunk_index, run)
        self._count(key, 1)
        try:
            text = await self._answer(process, call)
        except ProviderError as error:
            self.trace.note(process.name, "model", f"{call.job_id}/{call.chunk_index} #{call.attempt}: {error.code}")
            self.story.outcomes[f"call {error.code}"] += 1
            if error.code in _THROTTLED:
                self._count(key, -1)  # a rate limit is not a failure
            raise
        self.trace.note(process.name, "model", f"{call.job_id}/{call.chunk_index} #{call.attempt}: answered")
        self.story.outcomes["call answered"] += 1
        return ModelAnswer(text)

    def _count(self, key: tuple[str, int, int], calls: int) -> None:
        self.story.calls[key] += calls
        self.story.all_calls[key[:2]] += calls

    async def _answer(self, process: Process, call: ModelCall) -> str:
        await asyncio.sleep(self.pace * self.random.uniform(0.01, 2.0))
        if self.faults.strikes(Fault.MODEL_SLOW):
            await asyncio.sleep(self.random.uniform(5, 118))
        if self.fate.turn_into_zombie(process, self.random.uniform(65, 115)):  # shorter than a call may take
            await asyncio.sleep(0)  # the next step is taken after the thaw
        await self._poison(process, (call.job_id, call.chunk_index))
        self._windows()
        match self.faults.one_of(*_PER_CALL):
            case Fault.MODEL_ERROR:
                raise self._error(_FAILED)
            case Fault.MODEL_PERMANENT:
                raise self._error(_REFUSED)
            case Fault.MODEL_THROTTLED:
                raise self._error(_THROTTLED)
            case Fault.MODEL_SILENT:
                await asyncio.sleep(_SILENT)
            case Fault.MODEL_BUG:
                raise AdapterBug(call.text)
        return answer_to(call.job_id, call.chunk_index, call.text)

    async def _poison(self, process: Process, key: Key) -> None:
        if key not in self.poisoned:
            self.poisoned[key] = self.faults.strikes(Fault.POISON)
        if self.poisoned[key]:
            self.fate.kill(process, Fault.POISON)
            await asyncio.sleep(_SILENT)  # the dead do not wake

    def _windows(self) -> None:
        if self.outages.now(Fault.MODEL_OUTAGE):
            raise self._error(_THROTTLED)
        if self.outages.now(Fault.MODEL_STORM) and self.random.random() < 0.8:
            raise ProviderError("rate_limited", "too many calls", retry_after=self.random.choice((None, 1, 40, 5000)))

    def _error(self, codes: tuple[str, ...]) -> ProviderError:
        wish = self.random.choice((None, None, 3.0, 600.0)) if codes is _THROTTLED else None
        return ProviderError(self.random.choice(codes), "simulated", retry_after=wish)


_PER_CALL = (
    Fault.MODEL_ERROR, Fault.MODEL_PERMANENT, Fault.MODEL_THROTTLED, Fault.MODEL_SILENT, Fault.MODEL_BUG,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelOf:
    """`functions.core.ports.Providers` and `Provider` of one invocation."""

    process: Process
    model: SimulatedModel

    def check(self, model: str) -> None:
        """Every model is one."""

    def open(self, model: str) -> ModelOf:  # noqa: ARG002
        """The one model there is."""
        return self

    async def analyse(self, call: ModelCall) -> ModelAnswer:
        """As the history has it."""
        return await self.model.analyse(self.process, call)

    async def aclose(self) -> None:
        """Nothing is held open."""
