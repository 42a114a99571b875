"""What clients upload: rows that wait for a job, count those that they have, and go with the last."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Row, and_, bindparam, delete, insert, or_, select, update

from functions.core.errors import DocumentMissing
from functions.core.model import NewJob
from functions.core.store.clock import now
from functions.core.store.counting import MOST
from functions.core.store.tables import documents
from functions.core.store.timing import Timing
from functions.core.uploads import Deletion, DocumentView, NewDocument, PartSize

_UNTAKEN = documents.c.jobs == 0
_VIEW = (*documents.c, and_(_UNTAKEN, documents.c.expires_at <= now()).label("expired"))


def create_document(connection: Connection, document: NewDocument, timing: Timing) -> DocumentView:
    """The row of an upload that is offered now."""
    found = read_document(connection, document.document_id, document.owner)
    if found:  # run again after a commit whose answer was lost
        return found
    parts = json.dumps([[part.size, part.sha256] for part in document.parts]) if document.parts else None
    row = connection.execute(
        insert(documents)
        .values(
            document_id=document.document_id,
            owner=document.owner,
            object_key=document.key,
            content_type=document.content_type,
            bytes=document.size,
            sha256=document.sha256,
            parts=parts,
            upload_id=document.upload_id,
            created_at=now(),
            expires_at=now() + timing.upload_life_ms,
        )
        .returning(*_VIEW)
    ).one()
    return _view(row)


def read_document(connection: Connection, document_id: str, owner: str) -> DocumentView | None:
    """The upload as its owner sees it; another owner's is not there."""
    mine = and_(documents.c.document_id == document_id, documents.c.owner == owner)
    row = connection.execute(select(*_VIEW).where(mine)).one_or_none()
    return _view(row) if row else None


def take_document(connection: Connection, job: NewJob) -> None:
    """Count a new job on its upload, if it has one, and pin the version. Raises DocumentMissing.

    An upload without a job may be expired, and is taken by nobody any more; one that has some cannot expire.
    """
    if job.document_id is None:
        return
    same = and_(documents.c.etag == job.source.etag, documents.c.version.is_not_distinct_from(job.source.version))
    taken = connection.execute(
        update(documents)
        .where(
            documents.c.document_id == job.document_id,
            documents.c.owner == job.owner,
            or_(documents.c.etag.is_(None), same),
            or_(documents.c.jobs > 0, documents.c.expires_at > now()),
        )
        .values(jobs=documents.c.jobs + 1, etag=job.source.etag, version=job.source.version)
    )
    if not taken.rowcount:
        raise DocumentMissing("the upload has expired, was deleted, or is not the version that another job analyses")


def leave_document(connection: Connection, document_id: str) -> list[Deletion]:
    """A job of the upload goes; with the last one the row goes too: its object."""
    here = documents.c.document_id == document_id
    # Two statements, this one first: it waits for whoever counts at this moment, and the other one sees what they left.
    connection.execute(update(documents).where(here, documents.c.jobs > 0).values(jobs=documents.c.jobs - 1))
    return [_object(row) for row in connection.execute(delete(documents).where(here, _UNTAKEN).returning(*_OBJECT))]


def expire_documents(connection: Connection, limit: int) -> list[Deletion]:
    """Remove uploads that no job has taken in time, the oldest first: their objects."""
    at = connection.execute(select(now())).scalar_one()  # as a value, so that an index can serve the comparison
    return [_object(row) for row in connection.execute(_EXPIRE, {"at": at, "most": limit})]


_OBJECT: tuple[Column[Any], ...] = (documents.c.object_key, documents.c.version, documents.c.upload_id)
_OVER = and_(documents.c.jobs == 0, documents.c.expires_at <= bindparam("at", type_=BigInteger))
_PICKED = (
    select(documents.c.document_id)
    .where(_OVER)
    .order_by(documents.c.expires_at)
    .limit(MOST)
    .with_for_update(skip_locked=True)
    .cte("picked")  # both as in sweeping
)
_EXPIRE = delete(documents).where(documents.c.document_id.in_(select(_PICKED)), _OVER).returning(*_OBJECT)


def _object(row: Row[Any]) -> Deletion:
    return Deletion(row.object_key, row.version, row.upload_id)


def _view(row: Row[Any]) -> DocumentView:
    return DocumentView(
        document_id=row.document_id,
        key=row.object_key,
        content_type=row.content_type,
        size=row.bytes,
        sha256=row.sha256,
        parts=tuple(PartSize(size, sha256) for size, sha256 in json.loads(row.parts or "[]")),
        upload_id=row.upload_id,
        etag=row.etag,
        version=row.version,
        jobs=row.jobs,
        created_at=row.created_at,
        expires_at=row.expires_at,
        expired=bool(row.expired),
    )
