"""A role's side of the pipes to its parent: JSON lines both ways."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from queue import SimpleQueue
from typing import IO, Any, Self

Order = dict[str, Any]


class Parent:
    """The parent's lines become a queue; None in it is the order to stop."""

    def __init__(self, lines: IO[str], answers: IO[str]) -> None:
        self._lines = lines
        self._answers = answers
        self._orders: SimpleQueue[Order | None] = SimpleQueue()
        self.stopping = threading.Event()

    @classmethod
    def take_over(cls) -> Self:
        """Use this process's stdin and stdout, and its SIGTERM; what anybody else prints goes to stderr, the log."""
        answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        parent = cls(sys.stdin, answers)
        signal.signal(signal.SIGTERM, lambda *_: parent.stop())
        threading.Thread(target=parent._listen, name="parent", daemon=True).start()
        return parent

    def say(self, **line: Any) -> None:
        """Tell the parent; a parent that is gone ends us anyway."""
        print(json.dumps(line), file=self._answers, flush=True)

    def order(self) -> Order | None:
        """The next one, waited for; None: stop."""
        return self._orders.get()

    def go(self) -> Order | None:
        """The first order, waited for, when imports are over; boto3 finds moto after it. None: stop."""
        gc.freeze()
        gc.enable()
        order = self.order()
        if order is not None:
            url = order["facts"]["moto"]["endpoint_url"]
            # By service, so that Bedrock stays what it is.
            os.environ |= {"AWS_ENDPOINT_URL_SQS": url, "AWS_ENDPOINT_URL_S3": url}
        return order

    def stop(self) -> None:
        """The order to stop, as SIGTERM gives it."""
        self.stopping.set()
        self._orders.put(None)

    def _listen(self) -> None:
        for line in self._lines:
            self._orders.put(json.loads(line))
        os._exit(0)  # whoever started us is gone: nothing may be left running
