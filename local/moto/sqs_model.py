"""moto's queue with an index, so that no call's cost grows with the number of messages.

moto keeps a queue as one list, and walks it several times for every receive, send and delete, counting all messages
for each one it hands out: 327 ms for receive(10) at a depth of 1,000. Here what can be received lies in a heap in the
order of sending, what waits (delayed or in flight) in a heap by its time, and receipt handles in a dictionary.

Used by one thread only, the front's event loop; that is what makes it safe.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes

LONGEST_INVISIBLE_MS = 43_200_000
"""SQS: a message may be invisible for 12 hours in all."""


class LightMessage(Message):
    """moto keeps every instance of its models for its dashboard, for ever; a million messages are a leak."""

    def __new__(cls, *_: Any, **__: Any) -> LightMessage:
        """Not tracked."""
        return object.__new__(cls)


class _Entry:
    """A message's place in its queue. `record` is its one valid heap record; others found in a heap are stale."""

    __slots__ = ("handles", "message", "order", "record")

    def __init__(self, message: Any, order: int, handles: list[str]) -> None:
        self.message = message
        self.order = order
        self.handles = handles
        self.record: tuple[float, int, _Entry] | None = None

    @property
    def due(self) -> float:
        """Milliseconds of the epoch after which it can be received."""
        return float(max(self.message.visible_at, self.message.delayed_until))


class IndexedQueue(Queue):
    """A standard queue. `listeners` are called whenever a message may have become receivable, or will sooner."""

    delay_seconds: int
    maximum_message_size: int
    message_retention_period: int
    receive_message_wait_time_seconds: int
    visibility_timeout: int

    def __init__(self, name: str, region: str, account_id: str, **kwargs: Any) -> None:
        super().__init__(name, region, account_id, **kwargs)
        self.listeners: set[Callable[[], None]] = set()
        self.plain = True  # False once a message with attributes of its sender's choice was added
        self._serial = itertools.count(1)
        self._token = uuid.uuid4().hex
        self._issued = 0
        self.clear()

    def clear(self) -> None:
        """Forget all messages."""
        self._entries: dict[int, _Entry] = {}
        self._by_handle: dict[str, _Entry] = {}
        self._ready: list[tuple[float, int, _Entry]] = []
        self._waiting: list[tuple[float, int, _Entry]] = []

    # -- what moto's own code asks

    def is_created(self) -> bool:
        """For CloudFormation; abstract in moto."""
        return True

    @property
    def messages(self) -> list[Message]:
        """What can be received now."""
        now = _now()
        return [entry.message for entry in self._entries.values() if entry.due < now]

    @property
    def approximate_number_of_messages(self) -> int:
        """How many can be received now."""
        return len(self.messages)

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        """How many were sent with a delay that is not over."""
        now = _now()
        return sum(now < entry.message.delayed_until for entry in self._entries.values())

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        """How many are in flight."""
        now = _now()
        return sum(now <= entry.message.visible_at for entry in self._entries.values())

    def add_message(self, message: Message) -> None:
        """Put a message at the end."""
        self.adopt(message, [])

    def delete_message(self, receipt_handle: str) -> None:
        """Delete by any handle the message ever had. A handle of ours whose message is gone is no error, as on AWS."""
        entry = self._by_handle.get(receipt_handle)
        if entry is not None:
            self._forget(entry)
        elif not self.knows(receipt_handle):
            raise ReceiptHandleIsInvalid

    # -- what the front and the backend below ask

    def send(
        self,
        body: str,
        delay_seconds: int | None,
        group: str | None = None,
        system_attributes: dict[str, Any] | None = None,
    ) -> LightMessage:
        """Add a message; the caller has validated it. The group is kept and shown, and no queue here is fair."""
        message = LightMessage(str(uuid.uuid4()), body, system_attributes)
        message.group_id = group
        message.mark_sent(self.delay_seconds if delay_seconds is None else delay_seconds)
        self.add_message(message)
        return message

    def adopt(self, message: Message, handles: list[str]) -> None:
        """Put a message with a past at the end; `handles` go on working."""
        if message.message_attributes:
            self.plain = False
        entry = _Entry(message, next(self._serial), handles)
        self._entries[entry.order] = entry
        self._by_handle.update(dict.fromkeys(handles, entry))
        self._place(entry)

    def take(self, count: int, visibility_timeout: int) -> list[Message]:
        """Receive up to `count` messages, in the order of sending, for `visibility_timeout` seconds."""
        now = _now()
        taken: list[_Entry] = []
        for entry in self._receivable(now):
            if self._is_spent(entry.message):
                self._bury(entry)
                continue
            self._mark_received(entry, now, visibility_timeout)
            taken.append(entry)
            if len(taken) == count:
                break
        for entry in taken:  # after the loop: with a timeout of 0 a message is receivable again, by the next call
            self._place(entry)
        return [entry.message for entry in taken]

    def knows(self, receipt_handle: str) -> bool:
        """Whether this handle can be deleted by: ours are numbered, so that none of the past needs to be kept."""
        token, _, number = receipt_handle.partition("-")
        issued = token == self._token and number.isdecimal() and 0 < int(number) <= self._issued
        return issued or receipt_handle in self._by_handle

    def next_due(self) -> float | None:
        """Seconds until a waiting message can be received; None when none waits."""
        while self._waiting and self._waiting[0][2].record is not self._waiting[0]:
            heapq.heappop(self._waiting)
        return max(self._waiting[0][0] - _now(), 0.0) / 1000 if self._waiting else None

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        """Hide the message for `seconds` from now. Raises moto's ReceiptHandleIsInvalid, InvalidParameterValue."""
        entry = self._by_handle.get(receipt_handle)
        if entry is None:
            raise ReceiptHandleIsInvalid
        until = _now() + seconds * 1000
        if until - entry.message.sent_timestamp > LONGEST_INVISIBLE_MS:
            raise InvalidParameterValue(
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total "
                "VisibilityTimeout for the message is beyond the limit [43200 seconds]"
            )
        entry.message.visible_at = until
        self._place(entry)

    # -- the index

    def _place(self, entry: _Entry) -> None:
        """Put the entry where its times say; its former record becomes stale."""
        due = entry.due
        if due < _now():
            self._push(self._ready, entry.order, entry)
        else:
            self._push(self._waiting, due, entry)
        for listener in tuple(self.listeners):
            listener()

    def _push(self, heap: list[tuple[float, int, _Entry]], key: float, entry: _Entry) -> None:
        entry.record = (key, next(self._serial), entry)
        heapq.heappush(heap, entry.record)

    def _receivable(self, now: float) -> Iterator[_Entry]:
        """Entries out of the ready heap, oldest first; expired ones are dropped on the way."""
        while self._waiting and self._waiting[0][0] < now:
            record = heapq.heappop(self._waiting)
            if record[2].record is record:
                self._push(self._ready, record[2].order, record[2])
        oldest = now - self.message_retention_period * 1000
        while self._ready:
            record = heapq.heappop(self._ready)
            entry = record[2]
            if entry.record is not record:
                continue
            if entry.message.sent_timestamp <= oldest:
                self._forget(entry)
                continue
            yield entry

    def _is_spent(self, message: Message) -> bool:
        if self.dead_letter_queue is None or not self.redrive_policy:
            return False
        return bool(message.approximate_receive_count >= self.redrive_policy["maxReceiveCount"])

    def _bury(self, entry: _Entry) -> None:
        """Move the message to the dead letter queue, where its old handles work on, as in moto."""
        self._forget(entry)
        grave = self.dead_letter_queue
        assert isinstance(grave, IndexedQueue)
        grave.adopt(entry.message, entry.handles)

    def _mark_received(self, entry: _Entry, now: float, visibility_timeout: int) -> None:
        message = entry.message
        message.approximate_receive_count += 1
        message.approximate_first_receive_timestamp = message.approximate_first_receive_timestamp or int(now)
        if visibility_timeout:
            message.visible_at = now + visibility_timeout * 1000
        self._issued += 1
        message.receipt_handle = f"{self._token}-{self._issued}"
        entry.handles.append(message.receipt_handle)
        self._by_handle[message.receipt_handle] = entry

    def _forget(self, entry: _Entry) -> None:
        entry.record = None
        del self._entries[entry.order]
        for handle in entry.handles:
            del self._by_handle[handle]


class IndexedSqs(SQSBackend):
    """moto's SQS with indexed queues, for what the front leaves to moto."""

    def create_queue(self, name: str, tags: dict[str, str] | None = None, **kwargs: Any) -> Queue:
        """As moto's. Raises InvalidParameterValue for FIFO: nothing here uses it, and the index has no groups."""
        if str(kwargs.get("FifoQueue", "false")).lower() == "true":
            raise InvalidParameterValue("FIFO queues are not emulated here")
        kwargs.pop("region", None)
        if name not in self.queues:
            self.queues[name] = IndexedQueue(name, self.region_name, self.account_id, **kwargs)
        return super().create_queue(name, tags, **kwargs)

    def indexed(self, queue_name: str) -> IndexedQueue:
        """The queue. Raises moto's QueueDoesNotExist."""
        queue = self.get_queue(queue_name)
        assert isinstance(queue, IndexedQueue)
        return queue

    def get_queue_attributes(self, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
        """As moto's, which counts all messages several times for each attribute asked for; here once."""
        if not attribute_names or "All" in attribute_names:
            return super().get_queue_attributes(queue_name, attribute_names)
        known = super().get_queue_attributes(queue_name, [*attribute_names, "All"])
        return {name: known[name] for name in attribute_names if known.get(name) is not None}

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,  # noqa: ARG002 - waiting is the front's business; here it would stop the event loop
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """What is there now, as copies with the attributes asked for."""
        received = []
        for message in self.indexed(queue_name).take(count, visibility_timeout):
            light = copy.copy(message)
            _filter_message_attributes(light, message_attribute_names or [])
            received.append(light)
        return received

    def change_message_visibility(self, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        """As moto's."""
        self.indexed(queue_name).change_visibility(receipt_handle, int(visibility_timeout))

    def purge_queue(self, queue_name: str) -> None:
        """As moto's."""
        super().purge_queue(queue_name)
        self.indexed(queue_name).clear()


def _now() -> float:
    """Milliseconds of the epoch."""
    return time.time() * 1000
