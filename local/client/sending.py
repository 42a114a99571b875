"""One round of an upload: each missing part is sent once to its URL, several at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from local.client.answers import Document, Put
from local.client.errors import ClientError, Refused, ServerNotReached
from local.client.http import Http
from local.client.source import Part, Source
from local.daemon_pool import DaemonPool

_TIMEOUT = 60.0  # seconds, for S3 to take a block, or to answer once it has a whole part
_GRACE = 2.0  # seconds that threads get to notice that they are not wanted any more


@dataclass(frozen=True, slots=True)
class Sent:
    """How far an upload is: bytes that are there or on their way, of `total`."""

    document_id: str
    expires_at: str
    sent: int
    total: int


Progress = Callable[[Sent], None]


def missing(document: Document, source: Source) -> list[tuple[Part, Put]]:
    """The parts that the bucket does not have, and where each goes."""
    offered = document.get("upload")
    if document["status"] != "waiting" or offered is None:
        return []
    if "parts" in offered:
        return [(source.parts[put["part_number"] - 1], put) for put in offered["parts"]]
    return [(source.parts[0], {"method": offered["method"], "url": offered["url"], "headers": offered["headers"]})]


def send(document: Document, source: Source, *, threads: int, progress: Progress | None) -> ClientError | None:
    """Until all are sent, or one was not: why. What is on its way then still gets through; the rest is not begun.

    Raises SourceChanged or OSError when the file cannot be read as it was announced.
    """
    puts = missing(document, source)
    if not puts:
        return None
    with Http(_host(puts[0][1]["url"]), timeout=_TIMEOUT) as bucket, closing(DaemonPool(threads, "upload")) as pool:
        tally = _Tally(document, source.size - sum(part.size for part, _ in puts), progress)
        sending = _Sending(bucket, source, tally)
        calls = [pool.submit(lambda part=part, put=put: sending.put(part, put)) for part, put in puts]  # type: ignore[misc]
        try:
            wait(calls)
        except BaseException:
            sending.stop()
            wait(calls, timeout=_GRACE)
            raise
    return _first_failure(calls)


class _Sending:
    def __init__(self, bucket: Http, source: Source, tally: _Tally) -> None:
        self._failed = threading.Event()
        self._stopped = threading.Event()
        self._bucket = bucket
        self._source = source
        self._tally = tally

    def stop(self) -> None:
        """Break off what is on its way."""
        self._failed.set()
        self._stopped.set()

    def put(self, part: Part, put: Put) -> None:
        """Send a part, unless another has failed already."""
        if self._failed.is_set():
            return
        sent = 0

        def blocks() -> Iterator[bytes]:
            nonlocal sent
            for block in self._source.blocks(part):
                if self._stopped.is_set():
                    raise _Abandoned
                yield block
                sent += len(block)
                self._tally.add(len(block))

        try:
            self._bucket.put(put["url"], put["headers"], blocks())
        except BaseException:
            self._failed.set()
            self._tally.add(-sent)
            raise


class _Tally:
    """Bytes sent, told to whoever shows them, from one thread at a time."""

    def __init__(self, document: Document, there: int, progress: Progress | None) -> None:
        self._document = document
        self._progress = progress
        self._sent = there
        self._lock = threading.Lock()
        self.add(0)

    def add(self, size: int) -> None:
        with self._lock:
            self._sent += size
            if self._progress:
                document = self._document
                self._progress(Sent(document["document_id"], document["expires_at"], self._sent, document["bytes"]))


class _Abandoned(Exception):
    """Nobody waits for this any more."""


def _first_failure(calls: list[Future[None]]) -> ClientError | None:
    first: ClientError | None = None
    for error in [error for call in calls if (error := call.exception())]:
        if not isinstance(error, Refused | ServerNotReached):
            raise error
        first = first or error
    return first


def _host(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))
