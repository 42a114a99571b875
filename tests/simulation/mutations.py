"""Ways to break the product, each of which some history must show: what none shows, the simulator cannot see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local.simulation.faults import Fault

ROOT = Path(__file__).parents[2]
STORE = "functions/core/store"


@dataclass(frozen=True, slots=True)
class Mutation:
    """A text in a file, and what takes its place. `only`: the faults under which it shows soonest; none: any."""

    name: str
    file: str
    old: str
    new: str
    only: tuple[Fault, ...] = ()

    def apply(self, root: Path) -> None:
        """Break the copy of the project at `root`. Raises ValueError when the text is not there exactly once."""
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has its text {text.count(self.old)} times, not once")
        path.write_text(text.replace(self.old, self.new))


MUTATIONS = [
    # -- claims and leases
    Mutation(
        "a claim takes over a living lease",
        f"{STORE}/claiming.py",
        "LEASE_OVER = and_(chunks.c.status == ChunkStatus.PROCESSING, chunks.c.lease_until < now())",
        "LEASE_OVER = and_(chunks.c.status == ChunkStatus.PROCESSING, chunks.c.lease_until > 0)",
    ),
    Mutation(
        "a claim does not count",
        f"{STORE}/claiming.py",
        "claim_no=chunks.c.claim_no + 1,",
        "claim_no=chunks.c.claim_no,",
    ),
    Mutation(
        "a claim has no crash limit",
        f"{STORE}/claiming.py",
        'chunks.c.crashes + _CRASHED < bindparam("crash_limit", type_=Integer),',
        'chunks.c.crashes + _CRASHED < bindparam("crash_limit", type_=Integer) + 99,',
        only=(Fault.POISON, Fault.DUPLICATE, Fault.LATE),
    ),
    Mutation(
        "the job is not asked for before a call",
        f"{STORE}/claiming.py",
        "_WANTED = select(chunks.c.job_id, chunks.c.chunk_index).where(_OURS, OF_ACTIVE_JOB)",
        "_WANTED = select(chunks.c.job_id, chunks.c.chunk_index).where(_OURS)",
        only=(Fault.MODEL_ERROR,),
    ),
    Mutation(
        "a lease is never renewed",
        "functions/chunk_worker/worker.py",
        "background(self.leases.run(), self.writer.run())",
        "background(self.writer.run())",
        only=(Fault.MODEL_SLOW,),
    ),
    Mutation(
        "a lease ends too early",
        f"{STORE}/sweeping.py",
        "over = and_(_PROCESSING, chunks.c.lease_until < _AT, chunks.c.crashes + 1 < timing.crash_limit)",
        "over = and_(_PROCESSING, chunks.c.lease_until < _AT + 30_000, chunks.c.crashes + 1 < timing.crash_limit)",
    ),
    Mutation(
        "a lease's end is no crash",
        f"{STORE}/sweeping.py",
        '"crashes": chunks.c.crashes + 1,',
        '"crashes": chunks.c.crashes,',
        only=(Fault.POISON,),
    ),
    Mutation(
        "suspects are worked on with the others",
        "functions/chunk_worker/worker.py",
        "if len(claims) == 1 or not suspects:",
        "if claims:",
        only=(Fault.POISON,),
    ),
    Mutation(
        "a claim does not ask whether its job is active",
        f"{STORE}/claiming.py",
        'bindparam("crash_limit", type_=Integer),\n        OF_ACTIVE_JOB,\n',
        'bindparam("crash_limit", type_=Integer),\n',
        only=(Fault.DUPLICATE, Fault.LATE),
    ),
    Mutation(
        "a throttled chunk is not parked",
        "functions/chunk_worker/worker.py",
        "            case Later(failure, seconds, throttled):\n                await self._put_off",
        "            case Later(failure, seconds, throttled) if seconds > 1e9:\n                await self._put_off",
        only=(Fault.MODEL_THROTTLED,),
    ),
    # -- what a worker writes
    Mutation(
        "a failure is not fenced",
        f"{STORE}/ending.py",
        "ours = and_(chunks.c.status == ChunkStatus.PROCESSING, chunks.c.claim_no == claim.claim_no)",
        "ours = chunks.c.status == ChunkStatus.PROCESSING",
        only=(Fault.ZOMBIE, Fault.MODEL_SLOW, Fault.MODEL_PERMANENT),
    ),
    Mutation(
        "nothing that needs a claim asks whose it is",
        f"{STORE}/claiming.py",
        "_OURS = and_(_NEAR, chunks.c.status == ChunkStatus.PROCESSING, _FENCED)",
        "_OURS = and_(_NEAR, chunks.c.status == ChunkStatus.PROCESSING, _KEY.in_(select(chunks.c.job_id, "
        "chunks.c.chunk_index).where(chunks.c.claim_no >= 0)))",
        only=(Fault.ZOMBIE, Fault.MODEL_SLOW, Fault.MODEL_THROTTLED),
    ),
    Mutation(
        "a later result replaces the first",
        f"{STORE}/ending.py",
        '            chunks.c.chunk_index.in_(bindparam("indexes", expanding=True)),\n            OPEN,\n',
        '            chunks.c.chunk_index.in_(bindparam("indexes", expanding=True)),\n',
        only=(Fault.ZOMBIE,),
    ),
    Mutation(
        "an attempt is counted again when its transaction is run again",
        f"{STORE}/claiming.py",
        ".where(_OURS, chunks.c.attempts.in_((claim.attempts, claim.attempts + 1)))\n        .values(\n"
        "            attempts=claim.attempts + 1,",
        ".where(_OURS)\n        .values(\n            attempts=chunks.c.attempts + 1,",
        only=(Fault.LOST_COMMIT_ANSWER, Fault.MODEL_ERROR),
    ),
    Mutation(
        "a rate limit is a failure",
        "functions/core/outcomes.py",
        '"rate_limited": Outcome.OUTAGE,',
        '"rate_limited": Outcome.ERROR,',
        only=(Fault.MODEL_THROTTLED,),
    ),
    Mutation(
        "a throttled chunk fails at once",
        "functions/chunk_worker/calls.py",
        "        if parked > self.settings.max_park:\n",
        "        if parked >= 0:\n",
        only=(Fault.MODEL_THROTTLED,),
    ),
    Mutation(
        "a chunk fails after its first error",
        f"{STORE}/claiming.py",
        "max_attempts=job.max_attempts,",
        "max_attempts=1,",
        only=(Fault.MODEL_ERROR,),
    ),
    Mutation(
        "a parked chunk has no hint",
        f"{STORE}/claiming.py",
        "hint_due_at=later + timing.hint_after_ms,",
        "hint_due_at=None,",
        only=(Fault.MODEL_THROTTLED,),
    ),
    Mutation(
        "a parked chunk is sent before it is committed",
        "functions/chunk_worker/worker.py",
        "        if await self.parts.store.park(claim, failure, seconds=seconds, throttled=throttled):\n"
        "            if throttled:\n                self.parts.meter.add(Metric.CHUNKS_PARKED, 1)\n"
        "            hint = ChunkHint(claim.job_id, claim.chunk_index, claim.claim_no, claim.owner)\n"
        "            await self._send([hint], min(900, math.ceil(seconds)))",
        "        hint = ChunkHint(claim.job_id, claim.chunk_index, claim.claim_no, claim.owner)\n"
        "        await self._send([hint], 0)\n"
        "        await self.parts.store.park(claim, failure, seconds=seconds, throttled=throttled)",
        only=(Fault.MODEL_THROTTLED, Fault.SLOW),
    ),
    Mutation(
        "a batch that could not be claimed is acknowledged",
        "functions/chunk_worker/worker.py",
        "        return await inbox.hold_back(parts.queues, [record.message_id for record in records])\n",
        "        return []\n",
        only=(Fault.DATABASE_OUTAGE, Fault.REFUSED),
    ),
    # -- counters
    Mutation(
        "messages are counted, not rows",
        f"{STORE}/ending.py",
        "    moved = connection.scalars(_complete(len(texts)), given).all()\n",
        "    connection.scalars(_complete(len(texts)), given).all()\n    moved = [index for index, _ in texts]\n",
        only=(Fault.ZOMBIE,),
    ),
    Mutation(
        "the counter's UPDATE has no WHERE",
        f"{STORE}/counting.py",
        '.where(jobs.c.job_id == bindparam("counted"))',
        '.where(bindparam("counted").is_not(None))',
    ),
    Mutation(
        "failures are not counted",
        f"{STORE}/ending.py",
        "return count(connection, job_id, moved, failed=True, finalize_after_ms=timing.finalize_after_ms)",
        "return count(connection, job_id, [], failed=True, finalize_after_ms=timing.finalize_after_ms)",
        only=(Fault.MODEL_PERMANENT,),
    ),
    Mutation(
        "the last chunk writes no due time for the finalizer",
        f"{STORE}/counting.py",
        "case((and_(done_then, ACTIVE), due), else_=jobs.c.finalize_due_at),",
        "jobs.c.finalize_due_at,",
    ),
    Mutation(
        "metrics count messages, not rows",
        "functions/chunk_worker/worker.py",
        "                if claim.chunk_index in moved.chunk_indexes:\n"
        "                    self.parts.meter.add(Metric.CHUNKS_COMPLETED, 1)\n",
        "                if True:\n                    self.parts.meter.add(Metric.CHUNKS_COMPLETED, 1)\n",
        only=(Fault.ZOMBIE,),
    ),
    Mutation(
        "a message takes the turn of another owner",
        f"{STORE}/counting.py",
        '    .where(jobs.c.job_id == literal_column(f"{chunks.name}.{chunks.c.job_id.name}"))\n    .scalar_subquery()',
        "    .where(jobs.c.job_id == chunks.c.job_id)\n    .correlate(chunks)\n    .scalar_subquery()",
        only=(Fault.PURGE, Fault.SEND_LOST, Fault.CRASH),
    ),
    Mutation(
        "a job that waits is counted as stuck",
        f"{STORE}/stuck.py",
        "    return or_(worked, pending)\n",
        "    return worked\n",
    ),
    # -- the plan
    Mutation(
        "the plan's end does not see that all chunks are done",
        f"{STORE}/planning.py",
        "finalize_due_at=case((done, now() + timing.finalize_after_ms), else_=jobs.c.finalize_due_at),",
        "finalize_due_at=jobs.c.finalize_due_at,",
        only=(Fault.CRASH,),
    ),
    Mutation(
        "a block of the plan does not compare the cursor",
        f"{STORE}/planning.py",
        "        .where(*_held(plan), jobs.c.plan_chunk == plan.next_chunk)\n        .values(\n            plan_chunk=",
        "        .where(*_held(plan))\n        .values(\n            plan_chunk=",
        only=(Fault.LOST_COMMIT_ANSWER,),
    ),
    Mutation(
        "a plan that goes on reads from the beginning",
        "functions/planner/plan.py",
        "for start, end in _blocks(held.next_byte, held.document_bytes):",
        "for start, end in _blocks(0, held.document_bytes):",
        only=(Fault.CRASH, Fault.S3_REFUSED),
    ),
    Mutation(
        "the document comes after the job",
        "functions/api/submit.py",
        "        await parts.documents.put(job.source.key, data, content_type=CONTENT_TYPE)\n",
        "        await parts.store.create_job(job, spans)\n"
        "        await parts.documents.put(job.source.key, data, content_type=CONTENT_TYPE)\n",
        only=(Fault.SLOW, Fault.S3_REFUSED),
    ),
    Mutation(
        "messages are sent before the job is committed",
        "functions/api/submit.py",
        "    earlier = await _keep(parts, job, data, spans)\n",
        "    await _announce(parts.queues, job, spans)\n    earlier = await _keep(parts, job, data, spans)\n",
        only=(Fault.SLOW,),
    ),
    # -- the end
    Mutation(
        "a finalizer ends a job that has ended",
        f"{STORE}/finalizing.py",
        "        .where(jobs.c.job_id == task.job_id, jobs.c.run == task.run, ACTIVE, ALL_DONE)\n",
        "        .where(jobs.c.job_id == task.job_id, ALL_DONE)\n",
        only=(Fault.ZOMBIE,),
    ),
    Mutation(
        "a finalizer of an earlier run ends a job",
        f"{STORE}/finalizing.py",
        "        .where(jobs.c.job_id == task.job_id, jobs.c.run == task.run, ACTIVE, ALL_DONE)\n",
        "        .where(jobs.c.job_id == task.job_id, ACTIVE)\n",
        only=(Fault.ZOMBIE, Fault.MODEL_SLOW, Fault.MODEL_PERMANENT),
    ),
    Mutation(
        "a finalizer gives up before it has tried",
        "functions/finalizer/finalize.py",
        "    if task.tries > parts.settings.finalize_tries:\n",
        "    if task.tries > 0:\n",
    ),
    Mutation(
        "results are put together in another order",
        "functions/finalizer/assemble.py",
        "        for chunk in page:\n            yield (separator",
        "        for chunk in reversed(page):\n            yield (separator",
    ),
    Mutation(
        "the plan counts one chunk too few",
        f"{STORE}/planning.py",
        "            total_chunks=plan.next_chunk,\n",
        "            total_chunks=plan.next_chunk - 1,\n",
    ),
    # -- the reconciler and the dead letters
    Mutation(
        "hints that fell due are not sent",
        "functions/reconciler/sweep.py",
        'for name, step in (*steps, ("send due hints", self._due_hints)):',
        "for name, step in steps:",
        only=(Fault.PURGE, Fault.SEND_LOST),
    ),
    Mutation(
        "plans that fell due are not sent",
        "functions/reconciler/sweep.py",
        '            ("look after plans", self._plans),\n',
        "",
        only=(Fault.PURGE, Fault.SEND_LOST),
    ),
    Mutation(
        "finalizers that fell due are not sent",
        "functions/reconciler/sweep.py",
        '            ("look after finalizers", self._finalizers),\n',
        "",
        only=(Fault.PURGE, Fault.SEND_LOST),
    ),
    Mutation(
        "chunks that crashed for the last time are not failed",
        "functions/reconciler/sweep.py",
        '            ("fail crashed chunks", self._fail_crashed),\n',
        "",
        only=(Fault.POISON,),
    ),
    Mutation(
        "a dead letter fails a chunk that is worked on",
        f"{STORE}/ending.py",
        "    dead = or_(claimed, waiting)\n",
        "    dead = or_(claimed, waiting, chunks.c.status == ChunkStatus.PROCESSING)\n",
        only=(Fault.DEAD_LETTER, Fault.DUPLICATE, Fault.MODEL_SLOW),
    ),
    # -- a client's verbs
    Mutation(
        "a cancelled job goes on",
        f"{STORE}/counting.py",
        "ACTIVE = jobs.c.status.in_(ACTIVE_JOB)",
        "ACTIVE = jobs.c.status.in_((*ACTIVE_JOB, JobStatus.CANCELLED))",
    ),
    Mutation(
        "a job that has ended can be cancelled",
        f"{STORE}/controlling.py",
        "        .where(mine, ACTIVE)\n",
        "        .where(mine)\n",
    ),
    Mutation(
        "a retry leaves the failures counted",
        f"{STORE}/controlling.py",
        "    uncount(connection, job_id, moved.rowcount)\n",
        "",
        only=(Fault.MODEL_PERMANENT,),
    ),
    Mutation(
        "a retry does not fence the run before it",
        f"{STORE}/controlling.py",
        '"claim_no": chunks.c.claim_no + 1,',
        '"claim_no": chunks.c.claim_no,',
        only=(Fault.MODEL_PERMANENT,),
    ),
    Mutation(
        "a retry gives no hint",
        f"{STORE}/controlling.py",
        '"hint_due_at": sent if first_due is None else case((chunks.c.chunk_index < first_due, sent), else_=now()),',
        '"hint_due_at": None,',
        only=(Fault.MODEL_PERMANENT,),
    ),
    Mutation(
        "a job's objects are deleted before its rows",
        "functions/api/control.py",
        "    left = await parts.store.delete(job_id, owner) if may_be_id(job_id) else None\n",
        '    await parts.documents.delete(f"documents/{job_id}")\n'
        "    left = await parts.store.delete(job_id, owner) if may_be_id(job_id) else None\n",
        only=(Fault.SLOW, Fault.MODEL_SLOW),
    ),
    # -- uploads, idempotency keys, and what is to go
    Mutation(
        "an idempotency key is not written",
        f"{STORE}/submitting.py",
        "    earlier = take_key(connection, job)\n",
        "    earlier = None\n",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "an idempotency key is written after the job, on its own",
        f"{STORE}/sql.py",
        "        return await self._db.write(lambda c: submitting.create_job(c, job, spans, self._timing))\n",
        "        from dataclasses import replace\n\n"
        "        alone = replace(job, idempotency=None)\n"
        "        await self._db.write(lambda c: submitting.create_job(c, alone, spans, self._timing))\n"
        "        return await self._db.write(lambda c: submitting.take_key(c, job))\n",
        only=(Fault.SLOW, Fault.REFUSED),
    ),
    Mutation(
        "a job is not counted at its upload",
        f"{STORE}/uploads.py",
        ".values(jobs=documents.c.jobs + 1, etag=",
        ".values(jobs=documents.c.jobs, etag=",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "the accepted version of an upload is not pinned",
        f"{STORE}/uploads.py",
        "jobs=documents.c.jobs + 1, etag=job.source.etag, version=job.source.version)",
        "jobs=documents.c.jobs + 1)",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "an upload does not go with its last job",
        f"{STORE}/uploads.py",
        ".values(jobs=documents.c.jobs - 1)",
        ".values(jobs=documents.c.jobs)",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "an upload expires though a job has taken it",
        f"{STORE}/uploads.py",
        "_OVER = and_(documents.c.jobs == 0, ",
        "_OVER = and_(",
        only=(Fault.MODEL_SLOW,),
    ),
    Mutation(
        "an upload keeps its tag",
        "functions/planner/looking.py",
        "    await hold.parts.uploads.keep(upload)\n",
        "",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "a planner forgets what it has learned of an upload",
        "functions/planner/looking.py",
        "    hold.moved_on(learned)\n",
        "",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "a byte order mark is text",
        "functions/planner/looking.py",
        "return replace(hold.plan.source, skip=found.skip), hold.plan.document_bytes - found.skip",
        "return hold.plan.source, hold.plan.document_bytes",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "a transcoded document has the size of its upload",
        "functions/planner/transcode.py",
        "    return stored.size\n",
        "    return hold.plan.document_bytes\n",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "the context before a chunk is not what stands beside it",
        "functions/chunk_worker/spans.py",
        "_whole(before)[-claim.overlap_chars :]",
        "_whole(before)[: claim.overlap_chars]",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "the objects of a deleted job are not noted",
        f"{STORE}/erasing.py",
        "    _note(connection, left, timing)\n",
        "",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "a document is not noted before it is written",
        "functions/api/submit.py",
        "    object_key = None if isinstance(given, _Upload) else document_key(job_id)\n",
        "    object_key = None\n",
        only=(Fault.S3_ANSWER_LOST, Fault.REFUSED, Fault.CRASH),
    ),
    Mutation(
        "the object of an upload that expired is not noted",
        f"{STORE}/erasing.py",
        "    _note(connection, gone, timing)\n",
        "",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "what S3 did not delete is forgotten",
        "functions/core/disposal.py",
        "for each, fine in zip(left, done, strict=True) if fine]",
        "for each, fine in zip(left, done, strict=True)]",
        only=(Fault.SLOW,),
    ),
    Mutation(
        "a job goes before it was kept long enough",
        f"{STORE}/erasing.py",
        "    before = connection.execute(_CLOCK).scalar_one() - age_ms\n",
        "    before = connection.execute(_CLOCK).scalar_one()\n",
        only=(Fault.SLOW,),
    ),
    # -- what surrounds them
    Mutation(
        "a transaction that writes begins deferred",
        f"{STORE}/engines.py",
        'write=_sqlite(url, "BEGIN IMMEDIATE", pool_size, clock),',
        'write=_sqlite(url, "BEGIN", pool_size, clock),',
    ),
    Mutation(
        "a broken connection is not tried again and nobody is told",
        f"{STORE}/database.py",
        'raise StoreUnavailable(f"the database is not available ({_cause(error)})") from error',
        "return None",
        only=(Fault.DATABASE_OUTAGE, Fault.REFUSED),
    ),
    Mutation(
        "the log quotes the document",
        "functions/chunk_worker/worker.py",
        "        return await self.caller.call(claim, text, lambda: self._provider(claim.model))\n",
        '        logger.info("calling", extra={"text": text})\n'
        "        return await self.caller.call(claim, text, lambda: self._provider(claim.model))\n",
    ),
    Mutation(
        "a chunk's text begins a byte too late",
        "functions/chunk_worker/spans.py",
        "data[claim.span.byte_start - first : claim.span.byte_end - first]",
        "data[claim.span.byte_start - first + 1 : claim.span.byte_end - first + 1]",
    ),
]
