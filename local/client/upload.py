"""An upload: announce it, send its parts to the URLs that come back, ask for fresh ones for what did not arrive."""

from __future__ import annotations

from typing import Protocol

from local.client.answers import Document
from local.client.errors import Refused
from local.client.patience import Patience, patiently
from local.client.sending import Progress, missing, send
from local.client.source import Source

_LOST = Refused(409, {"detail": "every part was sent, and still the service misses some"})
_EXPIRED = Refused(410, {"detail": "the upload was not complete in time, and is not waited for any more: start again"})


class Desk(Protocol):
    """The service's side of uploads."""

    def announce(self, source: Source, content_type: str) -> Document:
        """A new upload, with the URLs that take it."""
        ...

    def document(self, document_id: str) -> Document:
        """The upload as it is, with fresh URLs for what is missing."""
        ...


def upload(
    desk: Desk, source: Source, content_type: str, *, threads: int, patience: Patience, progress: Progress | None
) -> Document:
    """Send it all. Raises ClientError; the service drops an upload that was given up when its time is over.

    There is one way out of every trouble (a connection broken, URLs expired, S3 refusing): look what is missing and
    send that to fresh URLs, for as long as there is patience since something got through.
    """
    document = patiently(lambda: desk.announce(source, content_type), patience)
    document_id = document["document_id"]
    open_parts = len(missing(document, source))
    patience.renew()
    while document["status"] == "waiting":
        failure = send(document, source, threads=threads, progress=progress)
        source.check()
        document = patiently(lambda: desk.document(document_id), patience)
        before, open_parts = open_parts, len(missing(document, source))
        if open_parts < before:
            patience.renew()
        else:
            patience.wait(failure or _LOST)
    if document["status"] == "expired":
        raise _EXPIRED
    return document
