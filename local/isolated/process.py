"""One process of a function: an execution environment, as Lambda calls it."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.gateway.limits import MAX_ANSWER
from local.isolated.runtime_api import Exited, Request, RuntimeApi
from local.lifeline import Tied

# Lambda gives the imports 10 s, and when those are over it begins again within the invocation's own time.
INIT_SECONDS = 10.0


class Failed(Exception):
    """An invocation failed; `kind` is Lambda's error type."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one invocation is told; `timeout` in seconds from the moment in which the process has it."""

    request_id: str
    arn: str
    trace_id: str
    event: bytes
    timeout: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it; seconds, and `init` None where the process was there already; `memory` in MB at its peak."""

    body: bytes
    seconds: float
    init: float | None
    memory: int


class FunctionProcess:
    """`python -m awslambdaric HANDLER`, fed by hand. One invocation at a time; frozen, as on Lambda, in between."""

    def __init__(self, handler: str, env: Mapping[str, str], task_root: Path) -> None:
        """Start it; it imports while we go on. Raises OSError."""
        self.idle_since = 0.0
        self._began: float | None = time.monotonic()
        self._api = RuntimeApi(MAX_ANSWER)
        command = (sys.executable, "-m", "awslambdaric", handler)
        own = {**env, "_HANDLER": handler, "AWS_LAMBDA_RUNTIME_API": self._api.address}
        try:
            self._tied = Tied.start(command, env=own, cwd=task_root, last=signal.SIGKILL)
            self._pidfd = os.pidfd_open(self.pid)
        except BaseException:
            self._api.close()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._tied.popen.pid

    def lives(self) -> bool:
        """Whether it can take an invocation."""
        return not _is_over(self._pidfd)

    def invoke(self, invocation: Invocation) -> Answer:
        """The handler's answer as JSON. Raises Failed; the process may have ended then: ask `lives`."""
        os.kill(self.pid, signal.SIGCONT)
        init = self._await_next(invocation)
        began = time.monotonic()
        try:
            request = self._hand_over(invocation, until=began + invocation.timeout)
        except TimeoutError:
            self.end()
            raise Failed("Sandbox.Timedout", f"Task timed out after {invocation.timeout:.2f} seconds") from None
        body = self._judged(request)
        return Answer(body, time.monotonic() - began, init, self._memory())

    def freeze(self) -> None:
        """Nothing runs in it until the next invocation."""
        self.idle_since = time.monotonic()
        os.kill(self.pid, signal.SIGSTOP)

    def end(self) -> None:
        """Kill it and forget it. Again does nothing."""
        if self._pidfd >= 0:
            self._tied.end(signal.SIGKILL)
            self._api.close()
            os.close(self._pidfd)
            self._pidfd = -1

    def _await_next(self, invocation: Invocation) -> float | None:
        """Wait until the process asks for an event; seconds that its start took, if this is its first."""
        began, self._began = self._began, None
        now = time.monotonic()
        until = (began or now) + INIT_SECONDS + invocation.timeout
        try:
            request = self._api.receive(self._pidfd, until)
        except TimeoutError:
            self.end()
            raise Failed("Sandbox.Timedout", f"not ready for an event within {until - now:.0f} seconds") from None
        except Exited:
            raise self._obituary() from None
        if request.path == "init/error":
            self._api.answer(202)
            self.end()
            raise _reported(request)
        return None if began is None else time.monotonic() - began

    def _hand_over(self, invocation: Invocation, until: float) -> Request:
        """Give it the event; what it says to that. Raises TimeoutError."""
        deadline = round((time.time() + until - time.monotonic()) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        self._api.answer(200, invocation.event, headers)
        try:
            return self._api.receive(self._pidfd, until)
        except Exited:
            raise self._obituary() from None

    def _judged(self, request: Request) -> bytes:
        if request.size > MAX_ANSWER:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_ANSWER} bytes)."
            self._api.refuse(413, "RequestEntityTooLarge", message)
            self.end()  # as it would itself: the runtime client takes this for its own death
            raise Failed("Function.ResponseSizeTooLarge", message)
        self._api.answer(202)
        if request.path.endswith("/error"):
            raise _reported(request)
        return request.body

    def _obituary(self) -> Failed:
        code = self._tied.popen.wait()
        self.end()
        how = f"exit status {code}" if code >= 0 else f"signal: {signal.strsignal(-code) or -code}".lower()
        return Failed("Runtime.ExitError", f"Runtime exited with error: {how}")

    def _memory(self) -> int:
        """The most that it has used so far, in MB; 0 when it is gone."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0
        peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
        return -(-int(peak.split()[1]) // 1024)


def _reported(request: Request) -> Failed:
    """The error that the runtime client has told; its trace is in the log already."""
    told = json.loads(request.body)
    return Failed(str(told.get("errorType") or "Error"), str(told.get("errorMessage") or ""))


def _is_over(pidfd: int) -> bool:
    if pidfd < 0:
        return True
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))
