"""Structured logs: one JSON object a line, with job_id, chunk_index and attempt where there are any.

Never document text, never instructions, never a model's answer.
"""

from __future__ import annotations

import sys
import traceback

from aws_lambda_powertools import Logger

logger = Logger(service="piecewise", stream=sys.stderr, use_rfc3339=True, utc=True)


def bug(error: Exception) -> dict[str, object]:
    """What may be logged of an exception that nobody expected: its kind and where it came from.

    Its words are left out: they may quote a document, an instruction or a key.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "exception": type(error).__qualname__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
