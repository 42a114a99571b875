"""Deletes what has been worked, on a thread of its own: no slot waits for it."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from local.event_source.queue import SQS_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.event_source.queue import SourceQueue


class Deleter:
    """Messages of several invocations go into one call where they are ready at the same time."""

    def __init__(self, source: SourceQueue, name: str) -> None:
        self._source = source
        self._receipts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, receipts: Iterable[str]) -> None:
        """Have messages deleted soon."""
        for receipt in receipts:
            self._receipts.put(receipt)

    def stop(self, timeout: float) -> None:
        """Delete what has been added, for at most `timeout` seconds."""
        self._receipts.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (first := self._receipts.get()) is not None:
            ended = self._delete_with(first)
            if ended:
                return

    def _delete_with(self, first: str) -> bool:
        """Delete `first` and what else is there; True when the end was among it."""
        receipts = [first]
        ended = False
        while len(receipts) < SQS_BATCH and not ended:
            try:
                receipt = self._receipts.get_nowait()
            except queue.Empty:
                break
            if receipt is None:
                ended = True
            else:
                receipts.append(receipt)
        self._source.delete(receipts)
        return ended
