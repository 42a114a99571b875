"""Lambda: invocations with a deadline, event source mappings with batches and partial failures, and a schedule."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from functions.chunk_worker.handler import respond as work
from functions.core.wiring import Parts
from functions.dead_letter.handler import respond as bury
from functions.finalizer.handler import respond as finalize
from functions.planner.handler import respond as plan
from functions.reconciler.handler import respond as reconcile
from local.simulation.faults import Fault, Faults
from local.simulation.process import OUTSIDE, Process

if TYPE_CHECKING:
    from functions.core.ports import Deadline
    from local.simulation.carried import Carried
    from local.simulation.fate import Fate
    from local.simulation.loop import SimulatedLoop
    from local.simulation.queue import Message, SimulatedQueue
    from local.simulation.trace import Trace
    from local.templates.deployment import FunctionSpec, MappingSpec

T = TypeVar("T")
Main = Callable[[Parts, "Deadline"], Awaitable[T]]
ROOMS: dict[str, Callable[[Parts, dict[str, Any], Deadline], Awaitable[Any]]] = {
    "functions.chunk_worker.handler.handler": work,
    "functions.planner.handler.handler": plan,
    "functions.finalizer.handler.handler": finalize,
    "functions.dead_letter.handler.handler": bury,
    "functions.reconciler.handler.handler": reconcile,
}
_PAUSE = 1.0  # seconds until Lambda tries again where it had no room


@dataclass(frozen=True, slots=True)
class SimulatedDeadline:
    """`functions.core.ports.Deadline`, by the invocation's own clock."""

    process: Process
    clock: Callable[[], float]
    ends: float

    def remaining(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, (self.ends - self.clock()) * self.process.rate)


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What became of an invocation: an answer, an error, or (both None) nothing, for it died."""

    process: Process
    answer: T | None = None
    error: BaseException | None = None
    died: bool = False


@dataclass
class Functions:
    """Starts invocations. `parts_of` wires a process; `carried` is told what ends."""

    loop: SimulatedLoop
    faults: Faults
    fate: Fate
    random: Random
    trace: Trace
    parts_of: Callable[[Process], Parts]
    carried: Carried
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    running: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    async def invoke(self, name: str, seconds: float, main: Main[T]) -> Ended[T]:
        """Run `main` as one invocation, until it ends, dies, or is killed when its `seconds` are over."""
        if self.faults.strikes(Fault.COLD_START):
            await asyncio.sleep(self.random.uniform(0.5, 8))
        rate = self.random.uniform(0.9, 1.1) if self.faults.strikes(Fault.SKEW) else 1.0
        process = Process(f"{name}#{next(self.numbers)}", rate=rate)
        self.counts[f"invocation {name}"] += 1
        ended: asyncio.Future[Ended[T]] = self.loop.create_future()
        deadline = SimulatedDeadline(process, lambda: self.loop.now, self.loop.now + seconds)
        task = self.loop.create_task(_run(main, self.parts_of(process), deadline), context=process.context())
        task.add_done_callback(lambda done: _tell(ended, process, done), context=OUTSIDE.context())
        self.fate.when_killed(process, lambda: _give(ended, Ended(process, died=True)))
        timer = self.loop.call_later(seconds, self._time_out, process)
        self.running += 1
        try:
            return await ended
        finally:
            self.running -= 1
            timer.cancel()
            self.fate.forget(process)
            self.loop.call_soon(self._rest)  # once whoever waits for this one has acknowledged its messages

    def _rest(self) -> None:
        if not self.running:
            self.carried.at_rest()

    def _time_out(self, process: Process) -> None:
        if process.alive:
            self.faults.struck(Fault.TIMEOUT)
            self.fate.kill(process, Fault.TIMEOUT)


async def _run(main: Main[T], parts: Parts, deadline: Deadline) -> T:
    return await main(parts, deadline)


def _tell(ended: asyncio.Future[Ended[T]], process: Process, done: asyncio.Task[T]) -> None:
    error = done.exception()
    _give(ended, Ended(process, error=error) if error else Ended(process, answer=done.result()))


def _give(ended: asyncio.Future[Ended[T]], what: Ended[T]) -> None:
    if not ended.done():
        ended.set_result(what)


@dataclass
class Mapping:
    """An event source mapping: brings batches of a queue to a function, and acknowledges what it has taken."""

    queue: SimulatedQueue
    function: FunctionSpec
    spec: MappingSpec
    functions: Functions
    concurrency: int
    busy: int = 0
    room: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Bring messages for ever."""
        loop = self.functions.loop
        while True:
            while self.busy >= self.concurrency:
                self.room.clear()
                await self.room.wait()
            batch = await self.queue.receive(self.functions.random.randint(1, self.spec.batch_size))
            if self.functions.faults.strikes(Fault.THROTTLED_FUNCTION):
                await asyncio.sleep(_PAUSE)
                continue  # the messages come back after their visibility timeout
            self.busy += 1
            loop.spawn(self.deliver(batch))

    async def deliver(self, batch: list[Message]) -> None:
        """One invocation with these messages."""
        try:
            ended = await self.functions.invoke(self.function.logical_id, self.function.timeout, self._main(batch))
        finally:
            self.busy -= 1
            self.room.set()
        if ended.error is not None:
            raise ended.error  # no room lets an exception out
        if ended.answer is None:
            return  # it died: nothing is acknowledged
        stay = {item["itemIdentifier"] for item in ended.answer["batchItemFailures"]}
        taken = [message for message in batch if message.message_id not in stay]
        for message in taken:
            if not self.functions.faults.strikes(Fault.DELETE_LOST):
                self.queue.delete(message.receipt)
        self.functions.carried.acknowledged([message.body for message in taken])

    def _main(self, batch: list[Message]) -> Main[dict[str, list[dict[str, str]]]]:
        event = {"Records": [_record(message) for message in batch]}
        room = ROOMS[self.function.handler]

        async def main(parts: Parts, deadline: Deadline) -> dict[str, list[dict[str, str]]]:
            answer: dict[str, list[dict[str, str]]] = await room(parts, event, deadline)
            return answer

        self.functions.trace.note(self.function.logical_id, "receives", str([message.body for message in batch]))
        return main


def _record(message: Message) -> dict[str, Any]:
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receive_count)},
    }
