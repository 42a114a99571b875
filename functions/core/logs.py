"""Structured logs: one JSON object a line, with job_id, chunk_index and attempt where there are any.

On AWS each line also carries `xray_trace_id`, which Powertools takes from the invocation under way.
Never document text, never instructions, never a model's answer.
"""

from __future__ import annotations

import sys
import traceback

from aws_lambda_powertools import Logger

SERVICE = "piecewise"  # unless the deployment has a name of its own

logger = Logger(service=SERVICE, stream=sys.stderr, use_rfc3339=True, utc=True)


def log_as(service: str) -> None:
    """Every line from now on is this deployment's."""
    logger.append_keys(service=service)


def bug(error: Exception) -> dict[str, object]:
    """What may be logged of an exception that nobody expected: its kind and where it came from.

    Its words are left out: they may quote a document, an instruction or a key.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "exception": type(error).__qualname__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
