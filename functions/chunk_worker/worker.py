"""One SQS batch of chunks: claim, read, call, record; in that order, and each chunk for itself."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from functions.chunk_worker.calls import Answered, Caller, Later, Lost, Spent, Verdict
from functions.chunk_worker.inbox import Inbox
from functions.chunk_worker.leases import Leases, where
from functions.chunk_worker.spans import Text, read_texts
from functions.chunk_worker.writer import Writer
from functions.core.background import background
from functions.core.errors import Permanent, QueueUnavailable, Retryable
from functions.core.logs import bug, logger
from functions.core.model import ChunkHint, ChunkResult, Claim, ClaimedBatch, Failure, Metric
from functions.core.outcomes import park_seconds
from functions.core.ports import Deadline, Provider
from functions.core.sqs_event import Record
from functions.core.wake import wake_finalizer
from functions.core.wiring import Parts


async def process(parts: Parts, records: Sequence[Record], deadline: Deadline) -> list[str]:
    """Work on a batch; the ids of the messages that must stay in the queue because *we* failed.

    A chunk that failed, was put off, is somebody else's or is done already is not among them.
    """
    inbox = Inbox.of(records)
    try:
        batch = await parts.store.claim(inbox.hints, seconds=min(parts.settings.lease, deadline.remaining()))
    except Retryable as error:
        logger.error("the batch could not be claimed", extra={"error": str(error), "messages": len(records)})
        return await inbox.hold_back(parts.queues, [record.message_id for record in records])
    if batch.crashed:
        parts.meter.add(Metric.CHUNKS_CRASHED, batch.crashed)
    async with AsyncExitStack() as stack:
        work = Batch(parts, deadline, stack)
        try:
            broken = await work.run(batch)
        except Exception as error:  # noqa: BLE001 (the words of what escapes a handler are logged by Lambda)
            logger.error("the batch could not be worked on", extra={"messages": len(records), **bug(error)})
            broken = batch.claims
    return await inbox.hold_back(parts.queues, inbox.malformed + inbox.messages_of(broken))


@dataclass(slots=True)
class Batch:
    """The claims of one invocation, and what serves them all."""

    parts: Parts
    deadline: Deadline
    stack: AsyncExitStack
    writer: Writer = field(init=False)
    leases: Leases = field(init=False)
    caller: Caller = field(init=False)
    providers: dict[str, Provider] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.parts.settings
        self.writer = Writer(self.parts.store, self.deadline, margin=settings.call_margin / 2)
        self.leases = Leases(self.parts.store, self.deadline, lease=settings.lease, renew_every=settings.renew_every)
        self.caller = Caller(self.parts.store, settings, self.parts.random, self.deadline)

    async def run(self, batch: ClaimedBatch) -> list[Claim]:
        """Bring every claim to an end; those that we could not."""
        trusted, suspects = await self._sort_out(batch.claims)
        for claim in trusted:
            self.leases.hold(claim)
        await self.stack.enter_async_context(background(self.leases.run(), self.writer.run()))
        await self._send_early(batch.early)
        if not batch.claims:
            return []
        texts = await read_texts(self.parts.documents, batch.claims)
        trusted = await self._wanted(trusted)
        ended = await asyncio.gather(*(self._end(claim, texts[claim]) for claim in trusted))
        broken = [claim for claim, fine in zip(trusted, ended, strict=True) if not fine]
        return broken + [suspect for suspect in suspects if not await self._end_alone(suspect, texts[suspect])]

    async def _wanted(self, claims: Sequence[Claim]) -> list[Claim]:
        """Those for which a call makes sense; of the others nothing is held that a retry would have to wait for."""
        wanted = await self.parts.store.wanted(claims) if claims else frozenset()
        lost = [claim for claim in claims if (claim.job_id, claim.chunk_index) not in wanted]
        for claim in lost:
            self.leases.drop(claim)
            logger.info("the chunk is not ours or not wanted any more", extra=where(claim))
        try:
            if lost:
                await self._give_up(lost)
        except Retryable as error:  # their leases end by themselves; the others' calls are not to wait for that
            logger.warning("claims were not given up", extra={"claims": len(lost), "error": str(error)})
        return [claim for claim in claims if claim not in lost]

    async def _give_up(self, claims: Sequence[Claim]) -> int:
        """Back to PENDING, uncounted; a hint falls due where nobody comes first."""
        return await self.parts.store.set_aside(claims, seconds=self.parts.settings.lease)

    async def _sort_out(self, claims: Sequence[Claim]) -> tuple[list[Claim], list[Claim]]:
        """(what may be worked on at the same time, what has brought a worker down before).

        A suspect is worked alone, after the others are committed, and until then nobody holds it: whatever brings
        this worker down meanwhile is not counted against it.
        """
        suspects = sorted((claim for claim in claims if claim.crashes), key=lambda claim: claim.crashes)
        if len(claims) == 1 or not suspects:
            return list(claims), []
        await self._give_up(suspects)
        return [claim for claim in claims if not claim.crashes], suspects

    async def _end_alone(self, suspect: Claim, text: Text) -> bool:
        hint = ChunkHint(suspect.job_id, suspect.chunk_index, suspect.claim_no)
        try:
            again = await self.parts.store.claim([hint], seconds=self.leases.seconds())
        except Retryable as error:
            logger.error("a suspect could not be claimed", extra={**where(suspect), "error": str(error)})
            return False
        for claim in again.claims:
            self.leases.hold(claim)
            return await self._end(claim, text)
        return True  # somebody else took it meanwhile

    async def _send_early(self, early: Sequence[tuple[ChunkHint, int]]) -> None:
        """A message that came before its chunk's `not_before`: a fresh delayed one takes its place."""
        for delay in sorted({delay for _, delay in early}):
            await self._send([hint for hint, of in early if of == delay], delay)

    async def _end(self, claim: Claim, text: Text) -> bool:
        """Bring one chunk to an end and record it; False when we failed, not the model."""
        try:
            await self._record(claim, await self._verdict(claim, text))
        except Retryable as error:
            logger.error("a chunk could not be recorded", extra={**where(claim), "error": str(error)})
            return False
        except Exception as error:  # noqa: BLE001 (the neighbours go on; this one comes back when its lease ends)
            logger.error("a chunk met a bug", extra={**where(claim), **bug(error)})
            return False
        finally:
            self.leases.drop(claim)
        return True

    async def _verdict(self, claim: Claim, text: Text) -> Verdict:
        if isinstance(text, Permanent):
            return Spent(Failure(text.code, str(text)), claim.attempts)
        if isinstance(text, Retryable):
            logger.error("a document could not be read", extra={**where(claim), "error": str(text)})
            return self._unread(claim, Failure("storage_unavailable", str(text)))
        return await self.caller.call(claim, text, lambda: self._provider(claim.model))

    def _unread(self, claim: Claim, failure: Failure) -> Verdict:
        parked = claim.parked_ms / 1000
        if parked > self.parts.settings.max_park:
            return Spent(failure, claim.attempts)
        return Later(failure, park_seconds(parked, None, random=self.parts.random), throttled=True)

    async def _record(self, claim: Claim, verdict: Verdict) -> None:
        match verdict:
            case Answered(text):
                moved = await self.writer.write(claim.job_id, ChunkResult(claim.chunk_index, text))
                if claim.chunk_index in moved.chunk_indexes:
                    self.parts.meter.add(Metric.CHUNKS_COMPLETED, 1)
                else:
                    logger.info("a late result was refused or had been stored already", extra=where(claim))
                await wake_finalizer(self.parts.queues, claim.job_id, moved)
            case Spent(failure, attempts):
                about = {**where(claim), "attempt": attempts, "code": failure.code, "error": failure.message}
                moved = await self.parts.store.fail(claim, failure, attempts=attempts)
                if claim.chunk_index in moved.chunk_indexes:
                    self.parts.meter.add(Metric.CHUNKS_FAILED, 1)
                    logger.error("the chunk failed", extra=about)
                else:
                    logger.info("a late failure was refused or had been recorded already", extra=about)
                await wake_finalizer(self.parts.queues, claim.job_id, moved)
            case Later(failure, seconds, throttled):
                await self._put_off(claim, failure, seconds, throttled=throttled)
            case Lost():
                logger.info("the chunk is not ours or not wanted any more", extra=where(claim))
                await self._give_up([claim])

    async def _put_off(self, claim: Claim, failure: Failure, seconds: float, *, throttled: bool) -> None:
        """Commit the row, send the new message; the old one is acknowledged with the batch."""
        if await self.parts.store.park(claim, failure, seconds=seconds, throttled=throttled):
            if throttled:
                self.parts.meter.add(Metric.CHUNKS_PARKED, 1)
            hint = ChunkHint(claim.job_id, claim.chunk_index, claim.claim_no, claim.owner)
            await self._send([hint], min(900, math.ceil(seconds)))

    async def _send(self, hints: Sequence[ChunkHint], delay: int) -> None:
        try:
            await self.parts.queues.send_chunks(hints, delay=delay)
        except QueueUnavailable as error:  # their `hint_due_at` is committed: the reconciler sends them
            logger.warning("messages were not sent", extra={"messages": len(hints), "error": str(error)})

    def _provider(self, model: str) -> Provider:
        if model not in self.providers:
            provider = self.providers[model] = self.parts.providers.open(model)
            self.stack.push_async_callback(_close, provider)
        return self.providers[model]


async def _close(provider: Provider) -> None:
    try:
        await provider.aclose()
    except Exception as error:  # noqa: BLE001 (everything is recorded already)
        logger.warning("a provider could not be closed", extra=bug(error))
