"""The chunk worker: an SQS batch of chunk messages in, `batchItemFailures` out."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.chunk_worker.worker import process
from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.sqs_event import BatchResponse, batch_response, records
from functions.core.wiring import parts


def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Lambda's entry."""
    return batch_response(asyncio.run(process(parts(), records(event), LambdaDeadline(context))))
