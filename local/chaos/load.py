"""Clients that submit documents and poll their jobs all the time, as clients do: over HTTP, and patient."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

from local.chaos.documents import Document
from local.client import ENDED, Accepted, Client, ClientError, Job, Options, Refused

_PASSING = frozenset({429, 502, 503, 504})
_PAUSE = 0.5  # seconds between two looks at a job, and until a document that was not accepted is sent again


class Abandoned(Exception):
    """The time in which all jobs must have ended is over."""


class Load:
    """So many clients, each with one job at a time; begun and ended by `with`."""

    def __init__(self, url: str, make: Callable[[int], Document], clients: int) -> None:
        self.documents: dict[str, Document] = {}
        self.accepted: dict[str, str] = {}  # the label of the document by the job's id
        self.complaints: list[str] = []
        self.broken = 0  # requests whose answer never came, or said later
        self._url = url
        self._make = make
        self._lock = threading.Lock()
        self._full = threading.Event()
        self._abandoned = threading.Event()
        self._threads = [threading.Thread(target=self._client, name="client", daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def submit_no_more(self) -> None:
        """Clients only wait for what they have from now on."""
        self._full.set()

    def wait(self, seconds: float) -> bool:
        """For the ends of all jobs that were accepted, for so long; whether they came."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def abandon(self) -> None:
        """Let the clients go."""
        self._full.set()
        self._abandoned.set()
        for thread in self._threads:
            thread.join()

    def _client(self) -> None:
        with Client(self._url) as client:
            while not self._full.is_set():
                job_id = self._submit(client, self._next())
                if job_id is None:
                    self._full.wait(_PAUSE)
                    continue
                try:
                    self._watch(client, job_id)
                except Abandoned:
                    return

    def _next(self) -> Document:
        with self._lock:
            document = self._make(len(self.documents))
            self.documents[document.label] = document
        return document

    def _submit(self, client: Client, document: Document) -> str | None:
        try:
            job = _sent(client, document)
        except ClientError as error:
            self._broken("a document", error)
            return None
        with self._lock:
            self.accepted[str(job["job_id"])] = document.label
        return str(job["job_id"])

    def _watch(self, client: Client, job_id: str) -> None:
        shown = 0
        while True:
            try:
                job = client.look(job_id).job
            except ClientError as error:
                self._broken(job_id, error)
                self._pause(_PAUSE)
                continue
            shown = self._check(job, shown)
            if job["status"] in ENDED:
                return
            self._pause(_PAUSE)

    def _check(self, job: Job, shown: int) -> int:
        percent = int(job["progress_pct"])
        if percent < shown or (percent == 100) != (job["status"] in ENDED):
            self._complain(f"{job['job_id']} showed {percent} % as {job['status']} after {shown} %")
        return percent

    def _broken(self, what: str, error: ClientError) -> None:
        if isinstance(error, Refused) and error.status not in _PASSING:
            self._complain(f"{what} was refused: {error}")
        with self._lock:
            self.broken += 1

    def _complain(self, what: str) -> None:
        with self._lock:
            self.complaints.append(what)

    def _pause(self, seconds: float) -> None:
        if self._abandoned.wait(seconds):
            raise Abandoned


def _sent(client: Client, document: Document) -> Accepted:
    """In a request, or uploaded first. Raises ClientError."""
    about: Options = {"max_chunk_chars": document.max_chunk_chars, "instructions": document.label}
    if document.upload is None:
        return client.submit(document.text.encode(), **about)
    uploaded = client.upload(io.BytesIO(document.upload))
    return client.submit_document(uploaded["document_id"], **about)
