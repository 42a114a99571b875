"""The planner: an SQS batch of plan messages in, `batchItemFailures` out."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.each import each
from functions.core.messages import parse_plan
from functions.core.sqs_event import BatchResponse, Record, records
from functions.core.wiring import parts
from functions.planner.plan import plan


def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Lambda's entry."""
    deadline = LambdaDeadline(context)

    async def work(record: Record) -> None:
        await plan(parts(), parse_plan(record.body), deadline)

    return asyncio.run(each(records(event), work))
