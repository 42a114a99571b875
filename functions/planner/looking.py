"""Looks at an upload before its first chunk: what it is written in, where its text begins and how long that is."""

from __future__ import annotations

from dataclasses import replace

from functions.core.errors import DocumentEmpty
from functions.core.keys import document_key
from functions.core.logs import logger
from functions.core.model import Source
from functions.planner.encodings import HEAD, UTF8, Encoding, encoding_of
from functions.planner.hold import Hold
from functions.planner.transcode import transcode


async def look(hold: Hold) -> None:
    """Keep the upload, and learn where its text lies in UTF-8; another encoding is transcoded first.

    Raises Lost, Near, DocumentMissing, DocumentUnreadable, DocumentEmpty and the Retryable of a port.
    """
    upload = hold.plan.source
    await hold.parts.uploads.keep(upload)
    await hold.stay()
    head = await hold.parts.documents.read(upload, 0, min(HEAD, hold.plan.document_bytes))
    await hold.stay()
    found = encoding_of(head, hold.plan.content_type)
    if hold.plan.document_bytes <= found.skip:
        raise DocumentEmpty("the document is empty: there is no character in it; send one with text in it")
    source, size = await _text_of(hold, found)
    learned = await hold.parts.store.learn_document(
        hold.plan, source=source, encoding=found.name, document_bytes=size, bom_removed=found.skip > 0
    )
    hold.moved_on(learned)
    logger.info("the upload was looked at", extra={"job_id": hold.plan.job_id, "encoding": found.name, "bytes": size})


async def _text_of(hold: Hold, found: Encoding) -> tuple[Source, int]:
    """Where the text lies, and its bytes."""
    if found.name == UTF8:
        return replace(hold.plan.source, skip=found.skip), hold.plan.document_bytes - found.skip
    return Source(document_key(hold.plan.job_id)), await transcode(hold, found)
