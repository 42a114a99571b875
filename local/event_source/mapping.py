"""An event source mapping as Lambda runs it: one thread polls, as many as may run at once invoke.

::

    poller ── receive ──▶ one batch waits ──▶ slot: invoke ──▶ worked ──▶ deleter ── delete ──▶
                                                    └── failed: stays in the queue
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from local.event_source.deleter import Deleter
from local.event_source.events import MalformedAnswer, failed_ids, sqs_event
from local.event_source.handover import Batch, Handover
from local.event_source.queue import SourceQueue
from local.invoke import InvocationFailed

if TYPE_CHECKING:
    from local.event_source.wire import Sqs
    from local.invoke import Invocable

logger = logging.getLogger(__name__)

# Lambda starts with five pollers where no maximum is set.
_DEFAULT_CONCURRENCY = 5
# A poll under way cannot be taken back without losing what it brings, so stopping waits for it.
_POLL_SECONDS = 2
_DELETE_SECONDS = 5.0


class MappingLike(Protocol):
    """What a template says about a mapping.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-eventsourcemapping.html
    """

    @property
    def queue_name(self) -> str:
        """The queue that is polled."""
        ...

    @property
    def batch_size(self) -> int:
        """The most messages of one invocation (BatchSize)."""
        ...

    @property
    def window(self) -> float:
        """Seconds that a batch may wait to become full (MaximumBatchingWindowInSeconds)."""
        ...

    @property
    def maximum_concurrency(self) -> int | None:
        """The most invocations at once (ScalingConfig); None: as many as Lambda starts with."""
        ...

    @property
    def report_batch_item_failures(self) -> bool:
        """Whether the answer says which messages failed (FunctionResponseTypes); else a batch fails as a whole."""
        ...


class EventSourceMapping:
    """Feeds one function from one queue.

    Messages that failed stay in the queue, invisible until their timeout (which the handler may have changed);
    receive counts and redrive are the queue's.
    """

    def __init__(self, function: Invocable, mapping: MappingLike, sqs: Sqs) -> None:
        self._function = function
        self._mapping = mapping
        self._stopping = threading.Event()
        self._source = SourceQueue(sqs, mapping.queue_name, self._stopping)
        self._handover = Handover()
        self._deleter = Deleter(self._source, f"delete-{mapping.queue_name}")
        self._poller = self._thread(self._poll, "poll")
        slots = mapping.maximum_concurrency or _DEFAULT_CONCURRENCY
        self._slots = [self._thread(self._slot, "invoke") for _ in range(slots)]

    def start(self) -> None:
        """Begin to poll. A queue that is not there yet is waited for."""
        for thread in (*self._slots, self._poller):
            thread.start()
        self._deleter.start()

    def stop(self, grace: float) -> bool:
        """Stop polling, give back what has not started, wait `grace` seconds for what has; True: all of it ended."""
        ends = time.monotonic() + grace
        self._stopping.set()
        if left := self._handover.close():
            self._source.give_back(left.receipts)
        for thread in self._slots:
            thread.join(max(0.0, ends - time.monotonic()))
        self._poller.join(max(_POLL_SECONDS + 1.0, ends - time.monotonic()))
        self._deleter.stop(_DELETE_SECONDS)
        return not any(thread.is_alive() for thread in self._slots)

    def _thread(self, target: Any, what: str) -> threading.Thread:
        return threading.Thread(target=target, name=f"{what}-{self._mapping.queue_name}", daemon=True)

    def _poll(self) -> None:
        while self._handover.wait_for_room():
            batch = self._collect()
            if batch.messages and not self._handover.put(batch):
                self._source.give_back(batch.receipts)

    def _collect(self) -> Batch:
        """A batch as full as what is in the queue makes it, or, with a window, as what comes before it closes.

        Senders send by tens: a batch of eight and one of two would each hold a slot for as long as the slowest call.
        """
        size = self._mapping.batch_size
        arn, messages = self._source.receive(size, _POLL_SECONDS)
        ends = time.monotonic() + self._mapping.window
        while messages and len(messages) < size and not self._stopping.is_set():
            left = ends - time.monotonic()
            wait = min(_POLL_SECONDS, max(1, int(left))) if left > 0 else 0
            more = self._source.receive(size - len(messages), wait)[1]
            messages += more
            if not more and not wait:
                break
        return Batch(arn, messages)

    def _slot(self) -> None:
        while (batch := self._handover.take()) is not None:
            began = time.monotonic()
            failed = self._invoke(batch)
            self._handover.worked(time.monotonic() - began)
            worked = [message for message in batch.messages if message["MessageId"] not in failed]
            self._deleter.add(message["ReceiptHandle"] for message in worked)

    def _invoke(self, batch: Batch) -> set[str]:
        """The ids that failed."""
        ids = {message["MessageId"] for message in batch.messages}
        try:
            answer = self._function.invoke_json(sqs_event(batch.messages, batch.arn))
            return failed_ids(answer, ids) if self._mapping.report_batch_item_failures else set()
        except InvocationFailed:
            return ids
        except MalformedAnswer as error:
            name = self._function.name
            logger.error(
                "[ERROR] %s: the whole batch of %d failed: %s (%s)", type(error).__name__, len(ids), error, name
            )
            return ids
