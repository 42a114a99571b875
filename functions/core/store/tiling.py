"""Whether the chunk rows of a plan are the document: every character and byte of it once, in order."""

from __future__ import annotations

from sqlalchemy import Connection, case, func, or_, select

from functions.core.errors import DocumentUnreadable
from functions.core.model import Plan
from functions.core.store.tables import chunks


def chars(plan: Plan) -> int:
    """Of the document; nobody else has counted those of an upload."""
    return plan.next_char if plan.document_id else plan.document_chars


def check_tiling(connection: Connection, plan: Plan) -> None:
    """Characters, bytes and contiguity of the rows against the document. Raises DocumentUnreadable."""
    before = (
        select(
            chunks.c.char_start,
            chunks.c.char_end,
            chunks.c.byte_start,
            chunks.c.byte_end,
            chunks.c.chunk_index,
            func.lag(chunks.c.char_end, 1, 0).over(order_by=chunks.c.chunk_index).label("char_before"),
            func.lag(chunks.c.byte_end, 1, 0).over(order_by=chunks.c.chunk_index).label("byte_before"),
        )
        .where(chunks.c.job_id == plan.job_id)
        .subquery()
    )
    gap = or_(before.c.char_start != before.c.char_before, before.c.byte_start != before.c.byte_before)
    row = connection.execute(
        select(
            func.count().label("rows"),
            func.max(before.c.char_end).label("chars"),
            func.max(before.c.byte_end).label("bytes"),
            func.coalesce(func.sum(case((gap, 1), else_=0)), 0).label("gaps"),
        ).select_from(before)
    ).one()
    found = (row.rows, row.chars, row.bytes, row.gaps)
    if found != (plan.next_chunk, chars(plan), plan.document_bytes, 0):
        raise DocumentUnreadable(
            f"the chunks do not tile the document: {row.rows} chunks over {row.chars} characters and {row.bytes} bytes "
            f"with {row.gaps} gaps, for {chars(plan)} characters and {plan.document_bytes} bytes"
        )
