"""Where the poller leaves a batch and a free slot takes it: at most one batch waits."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# While all slots are busy a batch is fetched ahead only where invocations are so short that it will not wait longer.
_SHORT = 1.0


@dataclass(frozen=True)
class Batch:
    """Messages of one invocation and the ARN of their queue."""

    arn: str
    messages: list[MessageTypeDef]

    @property
    def receipts(self) -> list[str]:
        """The receipt handles, in order."""
        return [message["ReceiptHandle"] for message in self.messages]


class Handover:
    """A place for one batch. Every method is safe from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: Batch | None = None
        self._free_slots = 0
        self._short = False
        self._closed = False

    def wait_for_room(self) -> bool:
        """Block until a batch may be fetched; False: no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room())
            return not self._closed

    def put(self, batch: Batch) -> bool:
        """Leave a batch; False: closed, it is the caller's to give back."""
        with self._changed:
            if not self._closed:
                self._waiting = batch
                self._changed.notify_all()
            return not self._closed

    def take(self) -> Batch | None:
        """Block until there is a batch; None: no more."""
        with self._changed:
            self._free_slots += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._waiting is not None)
            self._free_slots -= 1
            if self._closed:
                return None
            batch, self._waiting = self._waiting, None
            self._changed.notify_all()
            return batch

    def worked(self, seconds: float) -> None:
        """How long the last invocation took."""
        with self._changed:
            self._short = seconds < _SHORT

    def close(self) -> Batch | None:
        """Let nobody start any more; the batch that nobody took."""
        with self._changed:
            self._closed = True
            batch, self._waiting = self._waiting, None
            self._changed.notify_all()
            return batch

    def _has_room(self) -> bool:
        return self._waiting is None and (self._free_slots > 0 or self._short)
