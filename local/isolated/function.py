"""A function whose every invocation runs in a process of its own, as on Lambda."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.invoke import InvocationFailed, log_failure
from local.isolated.pool import Pool
from local.isolated.process import Answer, Failed, FunctionProcess, Invocation
from local.lambda_context import arn

_IDLE_SECONDS = 300.0  # Lambda's own is not told; some minutes are what one sees


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a function is run: `timeout` in seconds, `memory` in MB, at most `most` processes at once.

    `env` is asked at each start of a process: moto may have moved.
    """

    name: str
    handler: str
    timeout: float
    memory: int
    most: int
    env: Callable[[], Mapping[str, str]]
    task_root: Path
    region: str = "us-east-1"
    idle: float = _IDLE_SECONDS


class IsolatedFunction:
    """`local.invoke.Invocable` by processes under AWS's runtime client. For any thread; invocations beyond wait."""

    def __init__(self, plan: Plan) -> None:
        """Nothing is started before the first invocation."""
        self.name, self.timeout, self.region = plan.name, plan.timeout, plan.region
        self._plan = plan
        self._pool = Pool(self._start, most=plan.most, idle=plan.idle)

    def invoke(self, event: Any) -> Any:
        """The handler's answer to `event`. Raises InvocationFailed."""
        invocation = Invocation(
            str(uuid.uuid4()), arn(self.name, self.region), _trace_id(event), json.dumps(event).encode(), self.timeout
        )
        try:
            with self._pool.process() as process:
                answer = process.invoke(invocation)
        except Failed as failed:
            words = " ".join(str(failed).split())
            line = words if failed.kind == "Sandbox.Timedout" else f"{failed.kind}: {words}"
            log_failure(self.name, invocation.request_id, f"[ERROR] {line}", None)
            raise InvocationFailed(line) from failed
        except OSError as error:  # no process and no memory left: Lambda would say the same of its limit
            log_failure(self.name, invocation.request_id, f"[ERROR] no process could be started: {error}", None)
            raise InvocationFailed(str(error)) from error
        self._report(invocation, answer)
        return json.loads(answer.body) if answer.body else None

    invoke_json = invoke  # there is no other way into another process

    def pids(self) -> list[int]:
        """The process ids of the function as they are now."""
        return self._pool.pids()

    def _start(self) -> FunctionProcess:
        return FunctionProcess(self._plan.handler, self._plan.env(), self._plan.task_root)

    def _report(self, invocation: Invocation, answer: Answer) -> None:
        """The line that Lambda writes after each invocation, from which a month's bill is worked out."""
        milliseconds = answer.seconds * 1000
        parts = [
            f"REPORT RequestId: {invocation.request_id}",
            f"Duration: {milliseconds:.2f} ms",
            f"Billed Duration: {milliseconds + 1:.0f} ms",
            f"Memory Size: {self._plan.memory} MB",
            f"Max Memory Used: {answer.memory} MB",
            *([] if answer.init is None else [f"Init Duration: {answer.init * 1000:.2f} ms"]),
            f"Function: {self.name}",
        ]
        print("\t".join(parts), file=sys.stderr, flush=True)


def _trace_id(event: Any) -> str:
    """The trace of the request behind the event, or a new one; nothing is sampled."""
    headers = event.get("headers") if isinstance(event, dict) else None
    given = headers.get("x-amzn-trace-id") if isinstance(headers, dict) else None
    root = given or f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}"
    return root if "Parent=" in root else f"{root};Parent={os.urandom(8).hex()};Sampled=0"
