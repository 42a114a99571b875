"""The store on a SQL database: each method is one transaction; the statements are in the modules beside this one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import (
    ChunkError,
    ChunkHint,
    ChunkResult,
    ChunkView,
    Claim,
    ClaimedBatch,
    Earlier,
    Failure,
    FinalizeTask,
    JobView,
    Moved,
    NewJob,
    Plan,
    PlanHint,
    Retried,
    Source,
    Span,
    Standing,
)
from functions.core.store import (
    claiming,
    controlling,
    ending,
    erasing,
    finalizing,
    guarding,
    idempotency,
    legacy,
    listing,
    planning,
    stuck,
    submitting,
    sweeping,
    uploads,
)
from functions.core.store.database import Database
from functions.core.store.timing import Timing
from functions.core.uploads import Deletion, DocumentView, NewDocument


class SqlStore:
    """`functions.core.store_port.Store` on SQLite or Postgres. `renewals` has threads that no other call can take."""

    def __init__(self, database: Database, timing: Timing, *, renewals: Database) -> None:
        self._db = database
        self._timing = timing
        self._renewals = renewals

    async def begin_submit(self, owner: str, idempotency_key: str | None, object_key: str | None) -> Standing:
        run = self._db.read if object_key is None else self._db.write
        return await run(lambda c: guarding.begin_submit(c, owner, idempotency_key, object_key, self._timing))

    async def create_job(self, job: NewJob, spans: Sequence[Span] | None) -> Earlier | None:
        return await self._db.write(lambda c: submitting.create_job(c, job, spans, self._timing))

    async def create_document(self, document: NewDocument) -> DocumentView:
        return await self._db.write(lambda c: uploads.create_document(c, document, self._timing))

    async def document(self, document_id: str, owner: str) -> DocumentView | None:
        return await self._db.read(lambda c: uploads.read_document(c, document_id, owner))

    async def job(self, job_id: str, owner: str) -> JobView | None:
        return await self._db.read(lambda c: listing.read_job(c, job_id, owner))

    async def list_jobs(self, owner: str, *, status: JobStatus | None, before: str | None, limit: int) -> list[JobView]:
        return await self._db.read(lambda c: listing.list_jobs(c, owner, status=status, before=before, limit=limit))

    async def chunk_page(
        self, job_id: str, *, after: int, limit: int, status: ChunkStatus | None, result_bytes: int
    ) -> list[ChunkView]:
        return await self._db.read(
            lambda c: listing.chunk_page(c, job_id, after=after, limit=limit, status=status, result_bytes=result_bytes)
        )

    async def finished_prefix(self, job_id: str) -> int:
        return await self._db.read(lambda c: listing.finished_prefix(c, job_id))

    async def chunk_errors(self, job_id: str, limit: int) -> list[ChunkError]:
        return await self._db.read(lambda c: listing.read_chunk_errors(c, job_id, limit))

    async def exists(self, job_id: str) -> bool:
        return await self._db.read(lambda c: listing.exists(c, job_id))

    async def cancel(self, job_id: str, owner: str) -> JobStatus | None:
        return await self._db.write(lambda c: controlling.cancel(c, job_id, owner))

    async def retry(self, job_id: str, owner: str, *, run: int, limit: int = 1_000) -> Retried | None:
        return await self._db.write(lambda c: controlling.retry(c, job_id, owner, run, limit, self._timing))

    async def delete(self, job_id: str, owner: str) -> list[Deletion] | None:
        left: list[Deletion] | None = None

        def erase(connection: Connection) -> list[Deletion] | None:
            nonlocal left  # run again after a commit whose answer was lost, there is nothing to be found
            left = erasing.erase(connection, job_id, owner, self._timing) or left
            return left

        return await self._db.write(erase)

    async def begin_plan(self, job_id: str) -> Plan | None:
        return await self._db.write(lambda c: planning.begin_plan(c, job_id, self._timing))

    async def learn_document(
        self, plan: Plan, *, source: Source, encoding: str, document_bytes: int, bom_removed: bool
    ) -> Plan | None:
        return await self._db.write(
            lambda c: planning.learn_document(
                c,
                plan,
                self._timing,
                source=source,
                encoding=encoding,
                document_bytes=document_bytes,
                bom_removed=bom_removed,
            )
        )

    async def begin_transcode(self, plan: Plan, upload_id: str) -> Plan | None:
        return await self._db.write(lambda c: planning.begin_transcode(c, plan, upload_id, self._timing))

    async def add_chunks(self, plan: Plan, spans: Sequence[Span]) -> Plan | None:
        return await self._db.write(lambda c: planning.add_chunks(c, plan, spans, self._timing))

    async def close_plan(self, plan: Plan) -> Moved | None:
        return await self._db.write(lambda c: planning.close_plan(c, plan, self._timing))

    async def hold_plan(self, plan: Plan) -> bool:
        return await self._db.write(lambda c: planning.hold_plan(c, plan, self._timing))

    async def rest_plan(self, plan: Plan, *, seconds: float) -> bool:
        return await self._db.write(lambda c: planning.rest_plan(c, plan, _ms(seconds)))

    async def fail_plan(self, plan: Plan, failure: Failure) -> bool:
        return await self._db.write(lambda c: planning.fail_plan(c, plan, failure))

    async def fail_dead_plan(self, hint: PlanHint, failure: Failure) -> bool:
        return await self._db.write(lambda c: planning.fail_dead_plan(c, hint, failure))

    async def claim(self, hints: Sequence[ChunkHint], *, seconds: float) -> ClaimedBatch:
        return await self._db.write(lambda c: claiming.claim(c, hints, _ms(seconds), self._timing))

    async def renew(self, claims: Sequence[Claim], *, seconds: float) -> frozenset[tuple[str, int]]:
        return await self._renewals.write(lambda c: claiming.renew(c, claims, _ms(seconds)))

    async def wanted(self, claims: Sequence[Claim]) -> frozenset[tuple[str, int]]:
        return await self._db.read(lambda c: claiming.wanted(c, claims))

    async def count_attempt(self, claim: Claim, failure: Failure) -> bool:
        return await self._db.write(lambda c: claiming.count_attempt(c, claim, failure))

    async def park(self, claim: Claim, failure: Failure, *, seconds: float, throttled: bool) -> bool:
        return await self._db.write(
            lambda c: claiming.park(c, claim, failure, park_ms=_ms(seconds), throttled=throttled, timing=self._timing)
        )

    async def set_aside(self, claims: Sequence[Claim], *, seconds: float) -> int:
        return await self._db.write(lambda c: claiming.set_aside(c, claims, _ms(seconds)))

    async def complete(self, job_id: str, results: Sequence[ChunkResult]) -> Moved:
        return await self._db.write(lambda c: ending.complete(c, job_id, results, self._timing))

    async def fail(self, claim: Claim, failure: Failure, *, attempts: int) -> Moved:
        return await self._db.write(lambda c: ending.fail(c, claim, failure, attempts, self._timing))

    async def fail_dead(self, hint: ChunkHint, failure: Failure) -> Moved:
        return await self._db.write(lambda c: ending.fail_dead(c, hint, failure, self._timing))

    async def begin_finalize(self, job_id: str, run: int) -> FinalizeTask | None:
        return await self._db.write(lambda c: finalizing.begin_finalize(c, job_id, run, self._timing))

    async def hold_finalize(self, task: FinalizeTask) -> bool:
        return await self._db.write(lambda c: finalizing.hold_finalize(c, task, self._timing))

    async def rest_finalize(self, task: FinalizeTask, *, seconds: float) -> bool:
        return await self._db.write(lambda c: finalizing.rest_finalize(c, task, _ms(seconds)))

    async def results(self, job_id: str, *, after: int, limit: int) -> list[ChunkResult]:
        return await self._db.read(lambda c: finalizing.read_results(c, job_id, after, limit))

    async def failure_counts(self, job_id: str) -> list[tuple[str, int, list[int]]]:
        return await self._db.read(lambda c: finalizing.read_failure_counts(c, job_id))

    async def finish(
        self,
        task: FinalizeTask,
        *,
        result: str | None,
        result_key: str | None,
        result_bytes: int | None,
        records_bytes: int | None = None,
        error_summary: str | None,
        error: Failure | None,
    ) -> bool:
        return await self._db.write(
            lambda c: finalizing.finish(
                c,
                task,
                result=result,
                result_key=result_key,
                result_bytes=result_bytes,
                records_bytes=records_bytes,
                error_summary=error_summary,
                error=error,
            )
        )

    async def end_leases(self, limit: int) -> list[ChunkHint]:
        return await self._db.write(lambda c: sweeping.end_leases(c, limit, self._timing))

    async def crashed_for_good(self, limit: int) -> dict[str, list[int]]:
        return await self._db.read(lambda c: ending.crashed_for_good(c, limit, self._timing))

    async def fail_crashed(self, job_id: str, indexes: Sequence[int], failure: Failure) -> Moved:
        return await self._db.write(lambda c: ending.fail_crashed(c, job_id, indexes, failure, self._timing))

    async def due_hints(self, limit: int) -> list[ChunkHint]:
        return await self._db.write(lambda c: sweeping.due_hints(c, limit, self._timing))

    async def not_sent(self, hints: Sequence[ChunkHint]) -> int:
        return await self._db.write(lambda c: sweeping.not_sent(c, hints, self._timing))

    async def make_pending_due(self) -> int:
        return await self._db.write(sweeping.make_pending_due)

    async def due_plans(self, limit: int) -> tuple[list[PlanHint], list[PlanHint]]:
        return await self._db.write(lambda c: planning.due_plans(c, limit, self._timing))

    async def due_finalizers(self, limit: int) -> list[tuple[str, int]]:
        return await self._db.write(lambda c: finalizing.due_finalizers(c, limit, self._timing))

    async def rest_ended(self, limit: int) -> int:
        return await self._db.write(lambda c: sweeping.rest_ended(c, limit))

    async def expire_job(self, *, seconds: float) -> str | None:
        return await self._db.write(lambda c: erasing.expire_job(c, _ms(seconds), self._timing))

    async def expire_documents(self, limit: int) -> int:
        return await self._db.write(lambda c: erasing.expire_documents(c, limit, self._timing))

    async def forget_keys(self, *, seconds: float, limit: int) -> int:
        return await self._db.write(lambda c: idempotency.forget_keys(c, _ms(seconds), limit))

    async def due_deletions(self, limit: int) -> list[Deletion]:
        return await self._db.write(lambda c: erasing.due_deletions(c, limit, self._timing))

    async def deleted(self, deletions: Sequence[Deletion]) -> None:
        await self._db.write(lambda c: erasing.deleted(c, deletions))

    async def stuck_jobs(self, *, quiet: float, longest: float, grace: float) -> int:
        given = {"quiet_ms": _ms(quiet), "longest_ms": _ms(longest), "grace_ms": _ms(grace)}
        return await self._db.read(lambda c: stuck.stuck_jobs(c, **given))

    async def recover(self) -> int:
        return await self._db.write(sweeping.recover)

    async def legacy_text(self, document_id: int) -> str | None:
        """The text of a document of the old service; None when there is none under this id."""
        return await self._db.read(lambda c: legacy.read_legacy(c, document_id))


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
