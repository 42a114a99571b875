"""The dead letters: an SQS batch from any of the dead-letter queues in, `batchItemFailures` out."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.core.deadline import LambdaContext
from functions.core.each import each
from functions.core.sqs_event import BatchResponse, Record, records
from functions.core.wiring import parts
from functions.dead_letter.bury import bury


def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:  # noqa: ARG001 (Lambda's signature)
    """Lambda's entry."""

    async def work(record: Record) -> None:
        await bury(parts(), record)

    return asyncio.run(each(records(event), work))
