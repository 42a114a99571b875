"""How clients hand in documents: in a request or by an upload, once or twice, with an idempotency key or without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from functions.api.requests import Options, Submission, UploadSubmission
from functions.api.submit import submit
from functions.api.uploads import offer
from functions.core.chunking import split
from functions.core.errors import Rejected
from functions.core.keys import upload_key
from functions.core.wiring import Parts
from local.simulation.asking import Asking, NoAnswer
from local.simulation.documents import Upload, options_of, text_of, too_many, upload_of
from local.simulation.story import Broken, Story, Violation

if TYPE_CHECKING:
    from functions.core.ports import Deadline
    from functions.core.settings import Settings
    from local.simulation.functions import Main
    from local.simulation.s3 import SimulatedS3
    from local.simulation.trace import Trace

_TRIES = 5  # submissions of one document, until a client gives up
_UPLOADS = 0.4  # how likely a document is uploaded
_KEYED = 0.4  # how likely a request bears an idempotency key
_LOST = ("upload-unfinished", "document-expired", "document-not-found")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for."""

    owner: str
    text: str
    submission: Submission | UploadSubmission
    broken: Broken | None
    key: str | None

    @property
    def options(self) -> Options:
        """How the document is to be analysed."""
        return self.submission.options


@dataclass
class Submitting(Asking):
    """One client's documents."""

    random: Random
    story: Story
    trace: Trace
    clock: Callable[[], float]
    s3: SimulatedS3
    settings: Settings

    async def jobs(self, number: int) -> list[str]:
        """The jobs that it was promised."""
        owner = f"client {number}" if number % 2 else f"client-{number}"  # SQS takes no space in a group
        return await (self._uploaded(owner) if self.random.random() < _UPLOADS else self._sent(owner))

    async def _uploaded(self, owner: str) -> list[str]:
        """An upload, and a job or two of it."""
        upload = upload_of(self.random)
        asked = self.clock()
        document_id = await self._upload(owner, upload)
        if document_id is None:
            return []
        complete = await self._send(document_id, upload)
        requests = [self._of_upload(owner, document_id, upload) for _ in range(self.random.choice((1, 1, 2)))]
        told = await asyncio.gather(*(self._post(each, complete, asked) for each in requests))
        return [job_id for job_id in told if job_id]

    async def _sent(self, owner: str) -> list[str]:
        """One request, maybe twice at once."""
        request = self._of_text(owner)
        copies = self.random.choice((1, 2)) if request.key else 1
        told = {each for each in await asyncio.gather(*(self._post(request) for _ in range(copies))) if each}
        if len(told) > 1:
            raise Violation(f"one idempotency key was answered with {sorted(told)}")
        if told:
            await self._misuse(request)
        return sorted(told)

    def _of_text(self, owner: str) -> Request:
        text = text_of(self.random)
        submission = Submission(text, text.encode(), bom_removed=False, options=options_of(self.random))
        return Request(owner, text, submission, None, self._key())

    def _of_upload(self, owner: str, document_id: str, upload: Upload) -> Request:
        options = options_of(self.random)
        broken = too_many(upload, options, self.settings.max_chunks)
        return Request(owner, upload.text, UploadSubmission(document_id, options), broken, self._key())

    def _key(self) -> str | None:
        return f"key {self.random.random()}" if self.random.random() < _KEYED else None

    # -- uploads

    async def _upload(self, owner: str, upload: Upload) -> str | None:
        async def main(parts: Parts, _: Deadline) -> str:
            named = replace(parts, new_job_id=self.story.new_document)
            return (await offer(named, owner, upload.announcement, now=0)).document_id

        for _ in range(_TRIES):
            try:
                return await self.ask(main)
            except NoAnswer:
                await asyncio.sleep(self.random.uniform(1, 60))
        return None

    async def _send(self, document_id: str, upload: Upload) -> bool:
        """Send it, or as much of it as the client has patience for; whether that was all."""
        key = upload_key(document_id)
        for number, part in upload.parts.items() or ((0, upload.data),):
            if self.random.random() < 0.05:
                return False
            await asyncio.sleep(self.random.uniform(0, 5))
            self.trace.note("a client", "sends", f"{key} {number or ''}")
            if number:
                self.s3.send_part(key, number, part)
            else:
                self.s3.send(key, part)
        await asyncio.sleep(self.random.choice((0.0, 0.0, 2.0, 120.0)))
        return True

    # -- requests

    async def _post(self, request: Request, complete: bool = True, asked: float = 0.0) -> str | None:
        """Ask until there is an answer: the job. `complete`: the upload was sent; `asked`: when it was asked for."""
        for _ in range(_TRIES):
            try:
                job_id = await self.ask(self._main(request))
            except NoAnswer:
                await asyncio.sleep(self.random.uniform(1, 60))
                continue
            except Rejected as refusal:
                self.trace.note(request.owner, "is refused", refusal.slug)
                self._check(request, refusal.slug, complete, asked)
                if refusal.status != 429:
                    return None
                await asyncio.sleep(self.random.uniform(1, 60))
                continue
            if not complete:
                raise Violation(f"{job_id} was accepted, and its upload is not complete")
            self.story.accepted.add(job_id)
            self.trace.note(request.owner, "202", job_id)
            self.story.outcomes["submitted, uploaded" if asked else "submitted"] += 1
            return job_id
        return None

    def _main(self, request: Request) -> Main[str]:
        async def main(parts: Parts, _: Deadline) -> str:
            named = replace(parts, new_job_id=lambda: self._new_job(request))
            return (await submit(named, request.owner, request.submission, request.key)).job.job_id

        return main

    def _new_job(self, request: Request) -> str:
        uploaded = request.submission.document_id if isinstance(request.submission, UploadSubmission) else None
        return self.story.new_job(
            request.text, request.owner, overlap=request.options.overlap_chars, broken=request.broken, key=request.key,
            document_id=uploaded,
        )  # fmt: skip

    def _check(self, request: Request, slug: str, complete: bool, asked: float) -> None:
        """Whether the refusal is a true one."""
        self.story.outcomes[f"refused {slug}"] += 1
        made = self.story.made.get((request.owner, request.key or ""))
        true = {
            "too-many-live-jobs": self.settings.max_live_jobs == 1,
            "too-many-chunks": len(split(request.text, request.options.max_chunk_chars)) > self.settings.max_chunks,
            "idempotency-key-spent": made in self.story.to_be_erased,
            "upload-unfinished": not complete,
        }
        if isinstance(request.submission, UploadSubmission):
            document_id = request.submission.document_id
            late = self.clock() >= asked + self.settings.upload_life
            erased = any(self.story.uploads.get(job) == document_id for job in self.story.to_be_erased)
            true |= dict.fromkeys(("document-expired", "document-not-found"), late or erased)
        if not true.get(slug):
            raise Violation(f"{request.owner} is refused with {slug}, and that is not so")

    async def _misuse(self, request: Request) -> None:
        """The same key for another request is refused."""
        if not request.key or self.random.random() < 0.5:
            return
        options = request.options.model_copy(update={"max_attempts": 10})
        try:
            job_id = await self.ask(
                self._main(replace(request, submission=replace(request.submission, options=options)))
            )
        except NoAnswer:
            return
        except Rejected as refusal:
            self.story.outcomes[f"refused {refusal.slug}"] += 1
            if refusal.slug == "idempotency-key-reused":
                return
            raise Violation(f"another request with the same key is refused with {refusal.slug}") from None
        raise Violation(f"another request with the same key made {job_id}")
