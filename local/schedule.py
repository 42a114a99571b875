"""An EventBridge schedule for one function: at once, then every so many seconds, never two at a time."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.invoke import InvocationFailed
from local.lambda_context import ACCOUNT

if TYPE_CHECKING:
    from local.invoke import Invocable


class Schedule:
    """Runs `function` every `seconds`; a run that takes longer swallows the ones it overlaps."""

    def __init__(self, function: Invocable, seconds: float, *, name: str) -> None:
        self._function = function
        self._seconds = seconds
        self._name = name
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"schedule-{name}", daemon=True)

    def start(self) -> None:
        """Begin with a run right away: after a restart there is work that waits for it."""
        self._thread.start()

    def stop(self, grace: float) -> bool:
        """Begin no run any more and wait `grace` seconds for one under way; True: it ended."""
        self._stopping.set()
        self._thread.join(grace)
        return not self._thread.is_alive()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(due - time.monotonic()):
            with contextlib.suppress(InvocationFailed):
                self._function.invoke_json(self._event())
            now = time.monotonic()
            due += self._seconds * max(1.0, (now - due) // self._seconds + 1)

    def _event(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html"""
        region = self._function.region
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": region,
            "resources": [f"arn:aws:events:{region}:{ACCOUNT}:rule/{self._name}"],
            "detail": {},
        }
