"""A way to each transaction of the store: what must be there before it, and the call itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from sqlalchemy import insert

from functions.core.chunking import split
from functions.core.ids import job_id_of
from functions.core.model import (
    ChunkHint,
    ChunkResult,
    Claim,
    Failure,
    FinalizeTask,
    Idempotency,
    NewJob,
    Plan,
    PlanHint,
)
from functions.core.store.sql import SqlStore
from functions.core.store.tables import legacy_documents
from functions.core.uploads import NewDocument, PartSize
from tests.fakes.stage import Stage

TEXT = "aaaabbbbcccc"
NO = Failure("content_filter", "no")

Call = Callable[[SqlStore], Coroutine[Any, Any, Any]]
WAYS: dict[str, Callable[[Known], Call]] = {}
"""By the name of the method. Each stage is empty, and its job is the first."""


class Known(Stage):
    """A stage whose job ids are the same each time."""

    def new_job_id(self) -> str:
        """The next one."""
        return job_id_of(next(iter(self.numbers)), 0)


def way(prepare: Callable[[Known], Call]) -> Callable[[Known], Call]:
    """Register the way to the method of that name."""
    WAYS[prepare.__name__] = prepare
    return prepare


# -- states on the way


def claimed(stage: Known) -> list[Claim]:
    """A job whose three chunks are being worked on."""
    job_id = stage.submit(TEXT)
    batch = stage.run(stage.store.claim([ChunkHint(job_id, index, 0) for index in range(3)], seconds=60))
    return batch.claims


def overdue(stage: Known) -> str:
    """The same, and its workers are lost; chunk 0 has lost as many before as it may."""
    job_id = claimed(stage)[0].job_id
    stage.change(job_id, 0, crashes=stage.settings.crash_limit)
    stage.pass_time(4_000)
    return job_id


def planned(stage: Known) -> Plan:
    """A plan under way, all of whose chunks are there."""
    plan = begun(stage)
    moved = stage.run(stage.store.add_chunks(plan, split(TEXT, 4)))
    assert moved
    return moved


def begun(stage: Known) -> Plan:
    """A plan that has just begun."""
    plan = stage.run(stage.store.begin_plan(stage.submit(TEXT, planned=False)))
    assert plan
    return plan


def complete_job(stage: Known) -> str:
    """A job whose chunks are all terminal, one of them failed; nobody finalizes it."""
    first, *others = claimed(stage)
    stage.run(stage.store.fail(first, NO, attempts=1))
    stage.run(stage.store.complete(first.job_id, [ChunkResult(each.chunk_index, "r") for each in others]))
    return first.job_id


def finalizing(stage: Known) -> FinalizeTask:
    """The same, and somebody does."""
    task = stage.run(stage.store.begin_finalize(complete_job(stage), 1))
    assert task
    return task


def ended(stage: Known) -> str:
    """A job that has ended with a failed chunk."""
    job_id = complete_job(stage)
    stage.finalize(job_id)
    return job_id


def kept(stage: Known) -> NewJob:
    """A job of an upload, under an idempotency key, that nobody has written down yet."""
    job = stage.job_of_upload(stage.upload(TEXT.encode()))
    return replace(job, idempotency=Idempotency("key", "f" * 64))


def looked(stage: Known) -> Plan:
    """A plan of an upload that has just begun."""
    plan = stage.run(stage.store.begin_plan(stage.submit_upload(stage.upload(TEXT.encode()))))
    assert plan
    return plan


# -- the api


@way
def begin_submit(stage: Known) -> Call:
    stage.run(stage.store.create_job(kept(stage), None))
    return lambda store: store.begin_submit("local", "another key", "documents/new")


@way
def create_job(stage: Known) -> Call:
    job = kept(stage)
    begun = stage.run(stage.store.begin_submit("local", "key", job.source.key))
    job = replace(job, object_due_at=begun.object_due_at)
    return lambda store: store.create_job(job, split(TEXT, 4))


@way
def create_document(stage: Known) -> Call:
    document_id = stage.new_job_id()
    parts = (PartSize(5 << 20, "0" * 64), PartSize(7, "1" * 64))
    key = f"uploads/{document_id}"
    document = NewDocument(document_id, "local", key, "text/plain", (5 << 20) + 7, None, parts, "upload")
    return lambda store: store.create_document(document)


@way
def document(stage: Known) -> Call:
    document_id = stage.upload(TEXT.encode()).document_id
    return lambda store: store.document(document_id, "local")


@way
def list_jobs(stage: Known) -> Call:
    ended(stage)
    stage.submit(TEXT)
    return lambda store: store.list_jobs("local", status=None, before=None, limit=10)


@way
def chunk_page(stage: Known) -> Call:
    job_id = complete_job(stage)
    return lambda store: store.chunk_page(job_id, after=-1, limit=10, status=None, result_bytes=100)


@way
def finished_prefix(stage: Known) -> Call:
    job_id = complete_job(stage)
    return lambda store: store.finished_prefix(job_id)


@way
def job(stage: Known) -> Call:
    job_id = ended(stage)
    return lambda store: store.job(job_id, "local")


@way
def chunk_errors(stage: Known) -> Call:
    job_id = ended(stage)
    return lambda store: store.chunk_errors(job_id, 10)


@way
def exists(stage: Known) -> Call:
    job_id = stage.submit(TEXT)
    return lambda store: store.exists(job_id)


@way
def cancel(stage: Known) -> Call:
    job_id = stage.submit(TEXT)
    return lambda store: store.cancel(job_id, "local")


@way
def retry(stage: Known) -> Call:
    job_id = ended(stage)
    return lambda store: store.retry(job_id, "local", run=1)


@way
def delete(stage: Known) -> Call:
    job_id = looked(stage).job_id
    return lambda store: store.delete(job_id, "local")


# -- the planner


@way
def begin_plan(stage: Known) -> Call:
    job_id = stage.submit(TEXT, planned=False)
    return lambda store: store.begin_plan(job_id)


@way
def learn_document(stage: Known) -> Call:
    plan = looked(stage)
    source = replace(plan.source, skip=3)
    return lambda store: store.learn_document(plan, source=source, encoding="utf-8", document_bytes=9, bom_removed=True)


@way
def begin_transcode(stage: Known) -> Call:
    plan = looked(stage)
    return lambda store: store.begin_transcode(plan, "upload")


@way
def add_chunks(stage: Known) -> Call:
    plan = begun(stage)
    return lambda store: store.add_chunks(plan, split(TEXT, 4))


@way
def close_plan(stage: Known) -> Call:
    plan = planned(stage)
    return lambda store: store.close_plan(plan)


@way
def hold_plan(stage: Known) -> Call:
    plan = begun(stage)
    return lambda store: store.hold_plan(plan)


@way
def rest_plan(stage: Known) -> Call:
    plan = begun(stage)
    return lambda store: store.rest_plan(plan, seconds=60)


@way
def fail_plan(stage: Known) -> Call:
    plan = begun(stage)
    return lambda store: store.fail_plan(plan, NO)


@way
def fail_dead_plan(stage: Known) -> Call:
    job_id = stage.submit(TEXT, planned=False)
    return lambda store: store.fail_dead_plan(PlanHint(job_id, 0), NO)


# -- the chunk worker


@way
def claim(stage: Known) -> Call:
    job_id = stage.submit(TEXT)
    return lambda store: store.claim([ChunkHint(job_id, index, 0) for index in range(2)], seconds=60)


@way
def renew(stage: Known) -> Call:
    claims = claimed(stage)
    return lambda store: store.renew(claims[:1], seconds=60)


@way
def wanted(stage: Known) -> Call:
    claims = claimed(stage)
    return lambda store: store.wanted(claims[:1])


@way
def count_attempt(stage: Known) -> Call:
    held = claimed(stage)[0]
    return lambda store: store.count_attempt(held, NO)


@way
def park(stage: Known) -> Call:
    held = claimed(stage)[0]
    return lambda store: store.park(held, NO, seconds=60, throttled=True)


@way
def set_aside(stage: Known) -> Call:
    claims = claimed(stage)
    return lambda store: store.set_aside(claims[:2], seconds=60)


@way
def complete(stage: Known) -> Call:
    held = claimed(stage)[0]
    return lambda store: store.complete(held.job_id, [ChunkResult(index, "r") for index in range(3)])


@way
def fail(stage: Known) -> Call:
    held = claimed(stage)[0]
    return lambda store: store.fail(held, NO, attempts=1)


@way
def fail_dead(stage: Known) -> Call:
    job_id = stage.submit(TEXT)
    return lambda store: store.fail_dead(ChunkHint(job_id, 0, 0), NO)


# -- the finalizer


@way
def begin_finalize(stage: Known) -> Call:
    job_id = complete_job(stage)
    return lambda store: store.begin_finalize(job_id, 1)


@way
def hold_finalize(stage: Known) -> Call:
    task = finalizing(stage)
    return lambda store: store.hold_finalize(task)


@way
def rest_finalize(stage: Known) -> Call:
    task = finalizing(stage)
    return lambda store: store.rest_finalize(task, seconds=60)


@way
def results(stage: Known) -> Call:
    job_id = complete_job(stage)
    return lambda store: store.results(job_id, after=-1, limit=10)


@way
def failure_counts(stage: Known) -> Call:
    job_id = complete_job(stage)
    return lambda store: store.failure_counts(job_id)


@way
def finish(stage: Known) -> Call:
    task = finalizing(stage)
    return lambda store: store.finish(
        task, result="r\n\nr", result_key=None, result_bytes=4, error_summary="one failed", error=None
    )


# -- the reconciler


@way
def end_leases(stage: Known) -> Call:
    overdue(stage)
    return lambda store: store.end_leases(10)


@way
def crashed_for_good(stage: Known) -> Call:
    overdue(stage)
    return lambda store: store.crashed_for_good(10)


@way
def fail_crashed(stage: Known) -> Call:
    job_id = overdue(stage)
    return lambda store: store.fail_crashed(job_id, [0, 1], NO)


@way
def due_hints(stage: Known) -> Call:
    stage.submit(TEXT)
    stage.pass_time(4_000)
    return lambda store: store.due_hints(10)


@way
def not_sent(stage: Known) -> Call:
    stage.submit(TEXT)
    stage.pass_time(4_000)
    hints = stage.run(stage.store.due_hints(10))
    return lambda store: store.not_sent(hints)


@way
def make_pending_due(stage: Known) -> Call:
    stage.submit(TEXT)
    return lambda store: store.make_pending_due()


@way
def due_plans(stage: Known) -> Call:
    stage.submit(TEXT, planned=False)
    stage.change_job(stage.submit(TEXT, planned=False), plan_crashes=stage.settings.crash_limit)
    stage.pass_time(4_000)
    return lambda store: store.due_plans(10)


@way
def due_finalizers(stage: Known) -> Call:
    complete_job(stage)
    stage.pass_time(4_000)
    return lambda store: store.due_finalizers(10)


@way
def rest_ended(stage: Known) -> Call:
    stage.cancel(claimed(stage)[0].job_id)
    stage.cancel(stage.submit(TEXT))
    stage.pass_time(4_000)
    return lambda store: store.rest_ended(10)


@way
def stuck_jobs(stage: Known) -> Call:
    stage.submit(TEXT)
    stage.pass_time(4_000)
    return lambda store: store.stuck_jobs(quiet=0, longest=1e6, grace=0)


# -- retention


@way
def expire_job(stage: Known) -> Call:
    job_id = looked(stage).job_id
    stage.cancel(job_id)
    stage.change_job(job_id, finished_at=1)
    return lambda store: store.expire_job(seconds=60)


@way
def expire_documents(stage: Known) -> Call:
    stage.upload(TEXT.encode())
    stage.pass_time(90_000)
    return lambda store: store.expire_documents(10)


@way
def forget_keys(stage: Known) -> Call:
    stage.run(stage.store.create_job(kept(stage), None))
    stage.pass_time(90_000)
    return lambda store: store.forget_keys(seconds=86_400, limit=10)


@way
def due_deletions(stage: Known) -> Call:
    stage.run(stage.store.delete(ended(stage), "local"))
    stage.pass_time(4_000)
    return lambda store: store.due_deletions(10)


@way
def deleted(stage: Known) -> Call:
    left = stage.run(stage.store.delete(ended(stage), "local"))
    assert left
    return lambda store: store.deleted(left[:2])


# -- a laptop's restart, and the service that was replaced


@way
def recover(stage: Known) -> Call:
    claimed(stage)
    begun(stage)
    finalizing(stage)
    return lambda store: store.recover()


@way
def legacy_text(stage: Known) -> Call:
    with stage.engine.begin() as connection:
        connection.execute(insert(legacy_documents).values(id=7, raw_text=TEXT))
    return lambda store: store.legacy_text(7)
