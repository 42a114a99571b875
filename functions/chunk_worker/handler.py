"""The chunk worker: an SQS batch of chunk messages in, `batchItemFailures` out."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.chunk_worker.worker import process
from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.logs import invocation
from functions.core.ports import Deadline
from functions.core.sqs_event import BatchResponse, batch_response, records
from functions.core.wiring import Parts, parts


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Lambda's entry."""
    return asyncio.run(respond(parts(), event, LambdaDeadline(context)))


async def respond(parts: Parts, event: dict[str, Any], deadline: Deadline) -> BatchResponse:
    """The answer to one batch, on whatever loop this is."""
    failed = await process(parts, records(event), deadline)
    parts.meter.flush()
    return batch_response(failed)
