"""Invoke a function as Lambda does: in the calling thread here, in a process of its own in `local.isolated`."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from local.lambda_context import LambdaContext

logger = logging.getLogger(__name__)

Handler = Callable[[Any, Any], Any]

_LONGEST_MESSAGE = 500


class InvocationFailed(Exception):
    """The handler raised, ran out of time or answered what is no JSON. Logged already."""


class Invocable(Protocol):
    """A function as the gateway, an event source and a schedule know it. For any thread."""

    @property
    def name(self) -> str:
        """The room's, as in the log: `chunk_worker`."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds that one invocation gets."""
        ...

    @property
    def region(self) -> str:
        """AWS's name of the region that its ARN is in."""
        ...

    def invoke(self, event: Any) -> Any:
        """The handler's answer to `event`, which must consist of JSON's types. Raises InvocationFailed."""
        ...

    def invoke_json(self, event: Any) -> Any:
        """`invoke` with the event and the answer put through JSON, as on the wire. For small events."""
        ...


@dataclass(frozen=True, kw_only=True)
class Function:
    """A handler of this process and what Lambda would run it with: `timeout` in seconds, `memory` in MB."""

    name: str
    handler: Handler
    timeout: float
    memory: int = 256
    region: str = "us-east-1"

    def invoke(self, event: Any) -> Any:
        """The handler's answer to `event`, which must consist of JSON's types. Raises InvocationFailed.

        A thread cannot be ended from outside: a handler that overruns its timeout fails when it returns.
        """
        return self._run(event, _as_it_is)

    def invoke_json(self, event: Any) -> Any:
        """`invoke` with the event and the answer put through JSON, as on the wire. For small events."""
        return self._run(_through_json(event), _through_json)

    def _run(self, event: Any, finish: Callable[[Any], Any]) -> Any:
        context = LambdaContext(function_name=self.name, memory=self.memory, region=self.region, timeout=self.timeout)
        try:
            answer = finish(self.handler(event, context))
        except (Exception, SystemExit) as error:
            line = f"[ERROR] {type(error).__name__}: {_one_line(error)}"
            log_failure(self.name, context.aws_request_id, line, error)
            raise InvocationFailed(str(error)) from error
        if context.get_remaining_time_in_millis() == 0:
            message = f"Task timed out after {self.timeout:.2f} seconds"
            log_failure(self.name, context.aws_request_id, f"[ERROR] {message}", None)
            raise InvocationFailed(message)
        return answer


def load_handler(path: str) -> Handler:
    """The function behind a template's `Handler`: `package.module.function`. Raises ImportError, AttributeError."""
    module, _, name = path.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


def log_failure(function_name: str, request_id: str, line: str, error: BaseException | None) -> None:
    """Say that an invocation failed. The trace travels as `exc_info`: a JSON log prints it, a console leaves it out."""
    about = {"function_name": function_name, "aws_request_id": request_id}
    logger.error("%s (%s)", line, function_name, exc_info=error, extra=about)


def _as_it_is(answer: Any) -> Any:
    return answer


def _through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST_MESSAGE]
