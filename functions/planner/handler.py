"""The planner: an SQS batch of plan messages in, `batchItemFailures` out."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.core.deadline import LambdaContext, LambdaDeadline
from functions.core.each import each
from functions.core.logs import invocation
from functions.core.messages import parse_plan
from functions.core.ports import Deadline
from functions.core.sqs_event import BatchResponse, Record, records
from functions.core.wiring import Parts, parts
from functions.planner.plan import plan


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Lambda's entry."""
    return asyncio.run(respond(parts(), event, LambdaDeadline(context)))


async def respond(parts: Parts, event: dict[str, Any], deadline: Deadline) -> BatchResponse:
    """The answer to one batch, on whatever loop this is."""

    async def work(record: Record) -> None:
        await plan(parts, parse_plan(record.body).job_id, deadline)

    return await each(records(event), work)
