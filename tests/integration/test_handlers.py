"""The coroutine beside each room's handler: an event in, its answer out, on whatever loop there is."""

from __future__ import annotations

from typing import Any

from functions.chunk_worker import handler as chunk_worker
from functions.core.jobs import JobStatus
from functions.core.messages import dump_chunk, dump_finalize, dump_plan
from functions.core.model import ChunkHint, PlanHint
from functions.dead_letter import handler as dead_letter
from functions.finalizer import handler as finalizer
from functions.planner import handler as planner
from functions.reconciler import handler as reconciler
from tests.fakes.stage import FixedDeadline, Stage

FINE: dict[str, Any] = {"batchItemFailures": []}


def batch(*bodies: str) -> dict[str, Any]:
    """An event of SQS."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, body in enumerate(bodies)
        ]
    }


def test_a_document_goes_through_every_room_by_its_events(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)

    async def through() -> None:
        parts, deadline = stage.parts, stage.deadline
        assert await planner.respond(parts, batch(dump_plan(PlanHint(job_id, 0))), deadline) == FINE
        answer = await chunk_worker.respond(parts, batch(dump_chunk(ChunkHint(job_id, 0, 0)), "no JSON"), deadline)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
        assert await dead_letter.respond(parts, batch(dump_chunk(ChunkHint(job_id, 1, 0))), deadline) == FINE
        assert await finalizer.respond(parts, batch(dump_finalize(job_id, 1)), deadline) == FINE

    stage.run(through())

    assert stage.job(job_id).status is JobStatus.PARTIAL_SUCCESS
    stage.check(job_id)


def test_the_reconciler_makes_as_many_passes_as_it_is_told_and_has_time_for(sqlite_stage: Stage) -> None:
    stage = sqlite_stage.with_settings(reconciler_passes=3, reconciler_pause=0.001)
    looks: list[str] = []
    stage.submit("aaaa")

    async def empty() -> bool:
        looks.append("pass")
        return False

    stage.queues.chunk_queue_is_empty = empty  # type: ignore[method-assign]
    stage.run(reconciler.respond(stage.parts, {}, FixedDeadline(60)))
    assert len(looks) == 3

    stage.run(reconciler.respond(stage.parts, {}, FixedDeadline(5.0)))
    assert len(looks) == 4
