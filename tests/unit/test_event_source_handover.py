"""The place between the poller and the slots."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from local.event_source.handover import Batch, Handover

T = TypeVar("T")


def batch(number: int) -> Batch:
    message: Any = {"ReceiptHandle": f"r{number}"}
    return Batch("arn", [message])


def in_thread(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()
    threading.Thread(target=lambda: future.set_result(call()), daemon=True).start()
    return future


def test_a_batch_goes_to_a_free_slot() -> None:
    handover = Handover()
    taken = in_thread(handover.take)
    assert handover.wait_for_room()
    handover.put(batch(1))
    assert taken.result() == batch(1)


def test_nothing_is_fetched_while_no_slot_is_free() -> None:
    handover = Handover()
    room = in_thread(handover.wait_for_room)
    assert not room.done()
    handover.close()
    assert room.result() is False


def test_one_batch_is_fetched_ahead_where_invocations_are_short() -> None:
    handover = Handover()
    handover.worked(0.2)
    assert handover.wait_for_room()
    handover.put(batch(1))
    room = in_thread(handover.wait_for_room)
    assert not room.done()
    assert handover.take() == batch(1)
    assert room.result()


def test_none_is_fetched_ahead_where_they_are_long() -> None:
    handover = Handover()
    handover.worked(0.2)
    handover.worked(5.0)
    room = in_thread(handover.wait_for_room)
    assert not room.done()
    handover.close()
    assert room.result() is False


def test_closing_returns_what_nobody_took_and_lets_everyone_go() -> None:
    handover = Handover()
    handover.put(batch(1))
    assert handover.close() == batch(1)
    assert handover.take() is None
    assert handover.put(batch(2)) is False
    assert not handover.wait_for_room()


def test_a_waiting_slot_starts_nothing_after_the_close() -> None:
    handover = Handover()
    taken = in_thread(handover.take)
    assert handover.wait_for_room()
    handover.close()
    assert taken.result() is None
