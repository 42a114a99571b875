"""Structured logs: one JSON object a line, with job_id, chunk_index and attempt where there are any, and request_id.

On AWS each line also carries `xray_trace_id`, which Powertools takes from the invocation under way.
Never document text, never instructions, never a model's answer.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

T = TypeVar("T")

SERVICE = "piecewise"  # unless the deployment has a name of its own

logger = Logger(service=SERVICE, stream=sys.stderr, use_rfc3339=True, utc=True)


def log_as(service: str) -> None:
    """Every line from now on is this deployment's."""
    logger.append_keys(service=service)


def name_request(request_id: str) -> None:
    """Every line of this context from now on, and of what it starts, names the request: of no other thread's."""
    logger.thread_safe_append_keys(request_id=request_id)


def invocation(handler: Callable[[dict[str, Any], Any], T]) -> Callable[[dict[str, Any], Any], T]:
    """A Lambda handler all of whose lines name Lambda's request id, as Lambda's own lines do."""

    @wraps(handler)
    def named(event: dict[str, Any], context: Any) -> T:
        def run() -> T:
            name_request(context.aws_request_id)
            return handler(event, context)

        return copy_context().run(run)

    return named


def bug(error: Exception) -> dict[str, object]:
    """What may be logged of an exception that nobody expected: its kind and where it came from.

    Its words are left out: they may quote a document, an instruction or a key.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "exception": type(error).__qualname__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
