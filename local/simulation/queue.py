"""A standard SQS queue: at least once, in no order, with visibility, delay, receive counts and redrive."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from local.simulation.faults import Fault, Faults

if TYPE_CHECKING:
    from local.simulation.loop import SimulatedLoop


@dataclass(slots=True)
class Message:
    """A message; its receipt handle is new at each receive."""

    message_id: str
    body: str
    visible_at: float
    delayed: bool
    receive_count: int = 0
    receipt: str = ""


@dataclass
class SimulatedQueue:
    """One queue. `dead_letters`: where a message goes that was received `most_receives` times."""

    name: str
    visibility: float
    loop: SimulatedLoop
    faults: Faults
    random: Random
    dead_letters: SimulatedQueue | None = None
    most_receives: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    ever: list[str] = field(default_factory=list)  # what was redriven into it, for an operator to send back
    waiting: asyncio.Future[None] | None = None

    def send(self, body: str, delay: float = 0.0) -> None:
        """Take a message; SQS may hand it out twice, and late."""
        copies = 2 if self.faults.strikes(Fault.DUPLICATE) else 1
        for _ in range(copies):
            late = self.random.choice((1, 20, 70, 400)) if self.faults.strikes(Fault.LATE) else 0
            number = f"{self.name}-{next(self.numbers)}"
            due = self.loop.now + delay + late + self.random.uniform(0, 0.05)
            self.messages[number] = Message(number, body, due, delayed=delay > 0)
        self._wake()

    async def receive(self, most: int) -> list[Message]:
        """One to `most` messages, as soon as there are any; in flight for the visibility timeout."""
        while True:
            batch = self.take(most)
            if batch:
                return batch
            self.waiting = self.loop.create_future()
            due = min((message.visible_at for message in self.messages.values()), default=None)
            timer = self.loop.call_at(due, self._wake) if due is not None else None
            await self.waiting
            if timer:
                timer.cancel()

    def take(self, most: int) -> list[Message]:
        """What is visible now, a random choice of it; messages received too often go to the dead letters."""
        visible = [message for message in self.messages.values() if message.visible_at <= self.loop.now]
        self.random.shuffle(visible)
        batch = []
        for message in visible:
            if self.dead_letters is not None and self._is_dead(message):
                del self.messages[message.message_id]
                self.dead_letters.send(message.body)
                self.dead_letters.ever.append(message.body)
                continue
            self._hand_out(message)
            batch.append(message)
            if len(batch) == most:
                break
        return batch

    def _is_dead(self, message: Message) -> bool:
        return message.receive_count >= self.most_receives or self.faults.strikes(Fault.DEAD_LETTER)

    def _hand_out(self, message: Message) -> None:
        message.receive_count += 1
        message.receipt = f"{message.message_id}/{message.receive_count}"
        message.delayed = False
        again = self.faults.strikes(Fault.DUPLICATE)  # "on rare occasions": a copy that nobody knows is in flight
        message.visible_at = self.loop.now + (self.random.uniform(0, 5) if again else self.visibility)

    def delete(self, receipt: str) -> None:
        """Acknowledge: the message goes, whichever receipt of it is given."""
        self.messages.pop(receipt.partition("/")[0], None)

    def hide(self, receipt: str, seconds: float) -> None:
        """ChangeMessageVisibility, with the newest receipt."""
        message = self.messages.get(receipt.partition("/")[0])
        if message and message.receipt == receipt:
            message.visible_at = self.loop.now + seconds
            self._wake()

    def purge(self) -> None:
        """Everything in it is gone."""
        self.messages.clear()

    def show_all(self) -> None:
        """Whatever is delayed or in flight is visible now."""
        for message in self.messages.values():
            message.visible_at = self.loop.now
        self._wake()

    def depth(self) -> tuple[int, int, int]:
        """(visible, in flight, delayed)."""
        ahead = [message for message in self.messages.values() if message.visible_at > self.loop.now]
        delayed = sum(message.delayed for message in ahead)
        return len(self.messages) - len(ahead), len(ahead) - delayed, delayed

    def _wake(self) -> None:
        if self.waiting and not self.waiting.done():
            self.waiting.set_result(None)
