from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any

from local.event_source import EventSourceMapping, Sqs
from local.invoke import Function


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A MappingLike."""

    queue_name: str = "work"
    batch_size: int = 8
    window: float = 0
    maximum_concurrency: int | None = 1
    report_batch_item_failures: bool = True


class Receives(Sqs):
    """An SQS that has so many messages for each receive, then none; keeps what it was asked for."""

    def __init__(self, *counts: int) -> None:
        super().__init__("http://nowhere", "us-east-1")
        self.counts = list(counts)
        self.asked: list[tuple[int, int]] = []
        self.over = threading.Event()

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        if action == "ReceiveMessage":
            return {"Messages": self._messages(parameters["MaxNumberOfMessages"], parameters["WaitTimeSeconds"])}
        return {"QueueUrl": "u", "Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:0:work"}}

    def _messages(self, limit: int, wait: int) -> list[dict[str, str]]:
        if not self.counts:
            self.over.wait()
            return []
        self.asked.append((limit, wait))
        number = len(self.asked)
        names = [f"{number}-{index}" for index in range(self.counts.pop(0))]
        return [{"MessageId": name, "ReceiptHandle": name, "MD5OfBody": "", "Body": name} for name in names]


def batches(sqs: Receives, count: int, **spec: Any) -> list[int]:
    """The sizes of the first batches that a function gets."""
    sizes: queue.Queue[int] = queue.Queue()
    function = Function(name="room", handler=lambda event, _: sizes.put(len(event["Records"])), timeout=60)
    mapping = EventSourceMapping(function, Spec(**spec), sqs)
    mapping.start()
    found = [sizes.get() for _ in range(count)]
    sqs.over.set()
    mapping.stop(grace=10)
    return found


def test_a_batch_is_filled_with_what_came_meanwhile() -> None:
    """Senders send by tens: what eight leave of one must not hold a slot alone while the next ten are there."""
    sqs = Receives(2, 4, 2, 8)
    assert batches(sqs, 2) == [8, 8]
    assert [limit for limit, _ in sqs.asked] == [8, 6, 2, 8]


def test_a_batch_waits_for_nothing_that_is_not_there() -> None:
    sqs = Receives(3, 0)
    assert batches(sqs, 1) == [3]
    assert [wait for _, wait in sqs.asked][1:] == [0]


def test_a_full_batch_asks_no_more() -> None:
    sqs = Receives(8)
    assert batches(sqs, 1) == [8]
    assert len(sqs.asked) == 1
