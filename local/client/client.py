"""The whole contract of the HTTP API, a method a call."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Self, Unpack, cast
from urllib.parse import quote

import httpx

from local.client.answers import (
    Accepted,
    Chunk,
    ChunkPage,
    CoveragePage,
    Document,
    Job,
    JobPage,
    Options,
    Retried,
    Seen,
    Span,
)
from local.client.errors import Refused
from local.client.http import Http, fields, retry_after
from local.client.paging import pages
from local.client.patience import Patience, Time, patiently
from local.client.sending import Progress
from local.client.source import Source, opened
from local.client.upload import upload
from local.client.watching import LONGEST_PAUSE, watch

PATIENCE = 30.0  # seconds for which what may pass is borne
PLAIN = "text/plain"  # the service finds out whether UTF-8 or UTF-16
RECORDS = "application/x-ndjson"
_PROBLEM = "application/problem+json"


class Client:
    """Speaks to one server, from any number of threads. Every method may raise ServerNotReached or Refused."""

    def __init__(
        self, server: str, *, token: str | None = None, timeout: float = 35.0, time: Time | None = None
    ) -> None:
        """`server` as in `http://127.0.0.1:3000`; `token`: a bearer's; `timeout` in seconds, for each answer."""
        given = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = Http(server, timeout=timeout, headers={"Accept": "application/json", **given})
        self._time = time or Time()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    @property
    def server(self) -> str:
        """The address, without a slash at its end."""
        return self._http.server

    # -- in

    def submit(
        self, text: bytes, *, idempotency_key: str | None = None, patience: float = 0.0, **options: Unpack[Options]
    ) -> Accepted:
        """Hand in a document (UTF-8). `patience`: for so many seconds it is sent again when no answer came.

        That never makes a second job: each submission has its key, a new one unless you give yours. The document
        travels as it is, so that the body limit is the file's size; only with `instructions`, which may be longer
        than an address, as JSON.
        """
        given = {name: value for name, value in options.items() if value is not None}
        if "instructions" in given:
            return self._submit(idempotency_key, patience, json={"raw_text": text.decode(), **given})
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        return self._submit(idempotency_key, patience, content=text, params=given, headers=plain)

    def submit_document(
        self, document_id: str, *, idempotency_key: str | None = None, patience: float = 0.0, **options: Unpack[Options]
    ) -> Accepted:
        """The same for a document that was uploaded."""
        given = {name: value for name, value in options.items() if value is not None}
        return self._submit(idempotency_key, patience, json={"document_id": document_id, **given})

    def upload(
        self,
        file: str | Path | BinaryIO,
        *,
        content_type: str = PLAIN,
        threads: int = 4,
        patience: float = PATIENCE,
        progress: Progress | None = None,
    ) -> Document:
        """Upload a file: by its name, or an open one. It is read as it is sent, and may be larger than memory.

        `progress` is called from several threads, one at a time. Raises SourceChanged when the file is written to
        meanwhile, and OSError.
        """
        with opened(file) as source:
            return upload(
                self, source, content_type,
                threads=threads, patience=Patience(patience, self._time), progress=progress,
            )  # fmt: skip

    def announce(self, source: Source, content_type: str) -> Document:
        """A new upload, with the URLs that take it."""
        parts = [{"bytes": part.size, "sha256": part.sha256} for part in source.parts]
        what = parts[0] if len(parts) == 1 else {"parts": parts}
        return cast("Document", self._object("POST", "/v1/documents", json={**what, "content_type": content_type}))

    def document(self, document_id: str) -> Document:
        """An upload; while it waits for its bytes, with fresh URLs for what is missing."""
        return cast("Document", self._object("GET", f"/v1/documents/{quote(document_id, safe='')}"))

    # -- out

    def look(self, job_id: str, known: Seen | None = None) -> Seen:
        """The job as it is now; if it is still as `known`, the server says no more than that."""
        condition = {"If-None-Match": known.etag} if known and known.etag else {}
        answer = self._http.ask("GET", _path(job_id), headers=condition)
        if known and answer.status_code == httpx.codes.NOT_MODIFIED:
            return replace(known, retry_after=retry_after(answer))
        job = cast("Job", self._checked(answer, "job_id", "status"))
        return Seen(job, answer.text, retry_after(answer), answer.headers.get("ETag"))

    def watch(self, job_id: str, *, patience: float = PATIENCE, longest_pause: float = LONGEST_PAUSE) -> Iterator[Seen]:
        """The job again and again until it has ended; a server that is away for so many seconds is waited for.

        The pauses between two looks are the server's wish, of at most `longest_pause` seconds.
        """
        return watch(
            lambda known: self.look(job_id, known),
            patience=Patience(patience, self._time), time=self._time, longest_pause=longest_pause,
        )  # fmt: skip

    def jobs(self, *, status: str | None = None) -> Iterator[Job]:
        """Your jobs, newest first."""
        for page in pages(lambda after: self.job_page(after=after, status=status, limit=100)):
            yield from page["items"]

    def job_page(self, *, after: str | None = None, status: str | None = None, limit: int | None = None) -> JobPage:
        """Up to 100 of them, behind the cursor of the page before."""
        return cast("JobPage", self._page("/v1/analyze", after=after, status=status, limit=limit))

    def chunks(self, job_id: str, *, after: str | None = None, status: str | None = None) -> Iterator[Chunk]:
        """The job's chunks in order, with their results; of a running job those that are planned so far."""
        for page in pages(lambda cursor: self.chunk_page(job_id, after=cursor, status=status), after):
            yield from page["items"]

    def chunk_page(
        self, job_id: str, *, after: str | None = None, status: str | None = None, limit: int | None = None
    ) -> ChunkPage:
        """Up to 1,000 of them, behind the cursor of the page before."""
        return cast("ChunkPage", self._page(f"{_path(job_id)}/chunks", after=after, status=status, limit=limit))

    def coverage(self, job_id: str) -> Iterator[Span]:
        """The spans of the job's document in order, with states and digests."""
        for page in pages(lambda after: self.coverage_page(job_id, after=after)):
            yield from page["items"]

    def coverage_page(self, job_id: str, *, after: str | None = None, limit: int | None = None) -> CoveragePage:
        """Up to 10,000 of them, behind the cursor of the page before."""
        return cast("CoveragePage", self._page(f"{_path(job_id)}/coverage", after=after, limit=limit))

    def result(self, job_id: str, *, ndjson: bool = False) -> Iterator[str]:
        """The whole result in pieces, as text or as a line of JSON a chunk; a large one from where it lies."""
        with self._http.stream(f"{_path(job_id)}/result", accept=_accept(ndjson)) as answer:
            yield from answer.iter_text()

    def save(self, job_id: str, file: BinaryIO, *, ndjson: bool = False) -> int:
        """The same as bytes into a file; how many."""
        with self._http.stream(f"{_path(job_id)}/result", accept=_accept(ndjson)) as answer:
            return sum(file.write(block) for block in answer.iter_bytes())

    # -- control

    def retry(self, job_id: str) -> Retried:
        """Run the failed chunks of a job again; the results there are stay."""
        return cast("Retried", self._object("POST", f"{_path(job_id)}/retry"))

    def cancel(self, job_id: str) -> Job:
        """Stop a job; stopping it again is fine."""
        return cast("Job", self._object("POST", f"{_path(job_id)}/cancel"))

    def delete(self, job_id: str) -> None:
        """Erase a job, its document and its result."""
        self._http.ask("DELETE", _path(job_id))

    # -- how

    def _submit(self, key: str | None, patience: float, **rest: Any) -> Accepted:
        named = {**rest.pop("headers", {}), "Idempotency-Key": key or uuid.uuid4().hex}

        def send() -> httpx.Response:
            return self._http.ask("POST", "/v1/analyze", headers=named, **rest)

        answer = patiently(send, Patience(patience, self._time))
        return cast("Accepted", self._checked(answer, "job_id", "status"))

    def _page(self, path: str, **query: str | int | None) -> dict[str, Any]:
        given = {name: value for name, value in query.items() if value is not None}
        return self._checked(self._http.ask("GET", path, params=given), "items", "next_cursor")

    def _object(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        return self._checked(self._http.ask(method, path, **rest), "status")

    def _checked(self, answer: httpx.Response, *expected: str) -> dict[str, Any]:
        found = fields(answer)
        if not found.keys() >= set(expected):
            raise Refused(answer.status_code, {"detail": f"{self.server} answers, but not as Piecewise does"})
        return found


def _path(job_id: str) -> str:
    return f"/v1/analyze/{quote(job_id, safe='')}"


def _accept(ndjson: bool) -> str:
    return f"{RECORDS if ndjson else PLAIN}, {_PROBLEM}"
