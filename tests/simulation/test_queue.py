"""The simulated SQS does what SQS promises, and no more."""

from __future__ import annotations

from random import Random

import pytest

from local.simulation.faults import Faults
from local.simulation.loop import SimulatedLoop
from local.simulation.queue import Message, SimulatedQueue


@pytest.fixture
def loop() -> SimulatedLoop:
    return SimulatedLoop(Random(1), lambda _: False)


@pytest.fixture
def queue(loop: SimulatedLoop) -> SimulatedQueue:
    faults = Faults(Random(1), lambda: loop.now, end=-1.0)
    dead = SimulatedQueue("dead", 360, loop, faults, Random(1))
    return SimulatedQueue("queue", 100, loop, faults, Random(1), dead_letters=dead, most_receives=2)


def taken(queue: SimulatedQueue, at: float) -> list[Message]:
    queue.loop.now = at
    return queue.take(10)


def test_a_message_in_flight_comes_back_after_its_visibility_timeout(queue: SimulatedQueue) -> None:
    queue.send("a")
    [message] = taken(queue, 1)
    assert message.receive_count == 1
    assert taken(queue, 50) == []
    assert [again.receive_count for again in taken(queue, 102)] == [2]


def test_a_delayed_message_waits(queue: SimulatedQueue) -> None:
    queue.send("a", delay=30)
    assert queue.depth() == (0, 0, 1)
    assert taken(queue, 29) == []
    assert [message.body for message in taken(queue, 31)] == ["a"]


def test_an_acknowledged_message_is_gone(queue: SimulatedQueue) -> None:
    queue.send("a")
    [message] = taken(queue, 1)
    queue.delete(message.receipt)
    assert taken(queue, 1_000) == []


def test_an_old_receipt_hides_nothing(queue: SimulatedQueue) -> None:
    queue.send("a")
    [first] = taken(queue, 1)
    old = first.receipt
    taken(queue, 102)
    queue.hide(old, 1_000)
    assert queue.messages[first.message_id].visible_at == 202


def test_a_message_received_too_often_is_a_dead_letter(queue: SimulatedQueue) -> None:
    queue.send("a")
    taken(queue, 1)
    taken(queue, 102)
    assert taken(queue, 300) == []
    assert queue.dead_letters is not None
    assert [message.body for message in queue.dead_letters.messages.values()] == ["a"]


def test_the_depth_tells_visible_from_in_flight(queue: SimulatedQueue) -> None:
    for body in "abc":
        queue.send(body)
    queue.loop.now = 1
    queue.take(1)
    assert queue.depth() == (2, 1, 0)
