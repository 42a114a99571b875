"""The way from an invocation to a service: a Runner on which time passes, and on which the invocation may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, TypeVar

from local.simulation.aws import S3, SQS, Outcome, away
from local.simulation.database import Crash, Freeze, SimulatedDatabase, lost
from local.simulation.faults import Fault, Faults

if TYPE_CHECKING:
    from local.simulation.fate import Fate
    from local.simulation.outages import Outages
    from local.simulation.process import Process

T = TypeVar("T")


class Way:
    """`functions.core.ports.Runner` of one process for one service.

    The effect itself is one moment. Before it and after it the process waits, and there it may crash or freeze: with
    nothing done, or with everything done and nobody told.
    """

    def __init__(
        self, process: Process, fate: Fate, outages: Outages, outage: Fault, random: Random, faults: Faults
    ) -> None:
        self._faults = faults
        self._process = process
        self._fate = fate
        self._outages = outages
        self._outage = outage
        self._random = random

    async def __call__(self, call: Callable[[], T]) -> T:
        """The answer of `call`, performed once, or what the driver raises."""
        await asyncio.sleep(self._latency())
        if self._outages.now(self._outage):
            self._process.blows += 1
            await asyncio.sleep(self._random.uniform(0.01, 3.0))
            raise self.gone()
        try:
            answer = self.perform(call)
        except Crash:
            self._fate.kill(self._process, Fault.CRASH_IN_TRANSACTION)
            answer = await self._never()
        except Freeze:
            self._fate.freeze(self._process, Fault.FREEZE_IN_TRANSACTION)
            await asyncio.sleep(0)  # the next step is taken after the thaw
            raise lost("the server ended an idle session") from None
        except Exception:
            self._process.blows += 1
            raise
        await asyncio.sleep(self._latency())
        return answer

    def perform(self, call: Callable[[], T]) -> T:
        """The effect, and what may become of it."""
        raise NotImplementedError

    def gone(self) -> Exception:
        """What is raised while the service is away."""
        raise NotImplementedError

    def _latency(self) -> float:
        draw = self._random.random()
        if self._faults.strikes(Fault.SLOW):
            return 2.0 + 6.0 * draw  # no longer than the drivers wait
        return 0.001 + 0.01 * draw if draw < 0.9 else 2.0 * (draw - 0.9) * 10

    async def _never(self) -> T:
        forever: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        return await forever


class WayToDatabase(Way):
    """Whose every commit is looked at."""

    def __init__(
        self, process: Process, fate: Fate, outages: Outages, random: Random, faults: Faults,
        database: SimulatedDatabase, look: Callable[[Process], None],
    ) -> None:  # fmt: skip
        super().__init__(process, fate, outages, Fault.DATABASE_OUTAGE, random, faults)
        self._database = database
        self._look = look

    def perform(self, call: Callable[[], T]) -> T:
        """One transaction."""
        try:
            return self._database.perform(call, self._faults, self._random)
        finally:
            self._look(self._process)

    def gone(self) -> Exception:
        """The driver's error."""
        return lost("no route to host")


class WayToAws(Way):
    """To SQS or S3."""

    def __init__(
        self, process: Process, fate: Fate, outages: Outages, random: Random, faults: Faults, outcome: Outcome
    ) -> None:
        super().__init__(process, fate, outages, _OUTAGES[outcome], random, faults)
        self._outcome = outcome

    def perform(self, call: Callable[[], T]) -> T:
        """One request."""
        return self._outcome.perform(call, self._faults)

    def gone(self) -> Exception:
        """botocore's error."""
        return away()


_OUTAGES = {SQS: Fault.SQS_OUTAGE, S3: Fault.S3_OUTAGE}
