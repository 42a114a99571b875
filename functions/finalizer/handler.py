"""The finalizer: an SQS batch of finalize messages in, `batchItemFailures` out."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.core.deadline import LambdaContext
from functions.core.each import each
from functions.core.messages import parse_finalize
from functions.core.sqs_event import BatchResponse, Record, records
from functions.core.wiring import parts
from functions.finalizer.finalize import finalize


def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:  # noqa: ARG001 (Lambda's signature)
    """Lambda's entry."""

    async def work(record: Record) -> None:
        await finalize(parts(), *parse_finalize(record.body))

    return asyncio.run(each(records(event), work))
