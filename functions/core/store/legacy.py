"""The texts of the service that Piecewise replaced."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from functions.core.store.tables import legacy_documents


def read_legacy(connection: Connection, document_id: int) -> str | None:
    """The text under the old service's id; None when there is no such row."""
    row = connection.execute(
        select(legacy_documents.c.raw_text).where(legacy_documents.c.id == document_id)
    ).one_or_none()
    return None if row is None else row.raw_text or ""


def erase_legacy(connection: Connection, document_id: int) -> None:
    """Remove the text under the old service's id, so that no way back brings it home."""
    connection.execute(delete(legacy_documents).where(legacy_documents.c.id == document_id))
