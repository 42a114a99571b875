"""The dead letters: an SQS batch from any of the dead-letter queues in, `batchItemFailures` out."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.each import each
from functions.core.logs import invocation
from functions.core.ports import Deadline
from functions.core.sqs_event import BatchResponse, Record, records
from functions.core.wiring import Parts, parts
from functions.dead_letter.bury import bury


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Lambda's entry."""
    return asyncio.run(respond(parts(), event, LambdaDeadline(context)))


async def respond(parts: Parts, event: dict[str, Any], deadline: Deadline) -> BatchResponse:  # noqa: ARG001 (as every room's)
    """The answer to one batch, on whatever loop this is."""

    async def work(record: Record) -> None:
        await bury(parts, record)

    answer = await each(records(event), work)
    parts.meter.flush()
    return answer
