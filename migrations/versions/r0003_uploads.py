"""Uploads, hashes of chunks, idempotency keys, and what is left to delete. Only adds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from functions.core.errors import Misconfigured

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JOB_COLUMNS = ("document_id", "document_etag", "document_version", "document_skip", "document_encoding",
                "transcode_upload", "overlap_chars", "records_bytes")  # fmt: skip
_JOBS = sa.table("analysis_jobs", sa.column("job_id"), sa.column("document_id"))
_CHUNKS = sa.table("chunk_records", sa.column("job_id"))
_LIVE = "status IN ('PENDING', 'PROCESSING')"


def upgrade() -> None:
    """Columns and tables that code of the revision before knows nothing of."""
    op.add_column("analysis_jobs", sa.Column("document_id", sa.String(64)))
    op.add_column("analysis_jobs", sa.Column("document_etag", sa.String(255)))
    op.add_column("analysis_jobs", sa.Column("document_version", sa.String(1024)))
    op.add_column("analysis_jobs", sa.Column("document_skip", sa.Integer, nullable=False, server_default="0"))
    op.add_column("analysis_jobs", sa.Column("document_encoding", sa.String(16), server_default="utf-8"))
    op.add_column("analysis_jobs", sa.Column("transcode_upload", sa.Text))
    op.add_column("analysis_jobs", sa.Column("overlap_chars", sa.Integer, nullable=False, server_default="0"))
    op.add_column("analysis_jobs", sa.Column("records_bytes", sa.BigInteger))
    op.add_column("chunk_records", sa.Column("sha256", sa.String(64)))
    _create_documents()
    _create_idempotency_keys()
    _create_deletions()
    _create_partial_index("ix_jobs_live", "analysis_jobs", ["owner"], _LIVE)
    _create_partial_index("ix_jobs_finished", "analysis_jobs", ["finished_at"], "finished_at IS NOT NULL")
    _create_partial_index("ix_chunks_open", "chunk_records", ["job_id", "chunk_index"], _LIVE)


def downgrade() -> None:
    """The tables of 0002. Raises Misconfigured when jobs would be lost that nobody agreed to lose.

    Idempotency keys are forgotten, and so is what is left to delete; uploads that wait for a job go by the bucket's
    lifecycle rule.
    """
    _lose_jobs_of_uploads(op.get_bind(), drop_new_jobs=context.config.attributes["drop_new_jobs"])
    for name, table in (("ix_chunks_open", "chunk_records"), ("ix_jobs_finished", "analysis_jobs"),
                        ("ix_jobs_live", "analysis_jobs")):  # fmt: skip
        op.drop_index(name, table)
    for table in ("deletions", "idempotency_keys", "documents"):
        op.drop_table(table)
    op.drop_column("chunk_records", "sha256")
    for column in reversed(_JOB_COLUMNS):
        op.drop_column("analysis_jobs", column)


def _lose_jobs_of_uploads(connection: sa.Connection, *, drop_new_jobs: bool) -> None:
    """The revision before would read an upload from its first byte, whatever lies there by then."""
    of_uploads = sa.select(_JOBS.c.job_id).where(_JOBS.c.document_id.is_not(None))
    lost = connection.scalar(sa.select(sa.func.count()).select_from(of_uploads.subquery()))
    if lost and not drop_new_jobs:
        raise Misconfigured(
            f"{lost} jobs analyse uploads, which the revision before knows nothing of: delete them first, or, to lose "
            "them and leave their objects in the bucket, say `-x drop_new_jobs=yes`"
        )
    for table in (_CHUNKS, _JOBS):
        connection.execute(sa.delete(table).where(table.c.job_id.in_(of_uploads)))


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("document_id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("object_key", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(255), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("parts", sa.Text),
        sa.Column("upload_id", sa.Text),
        sa.Column("etag", sa.String(255)),
        sa.Column("version", sa.String(1024)),
        sa.Column("jobs", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    _create_partial_index("ix_documents_expiry", "documents", ["expires_at"], "jobs = 0")


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("idempotency_key", sa.String(255), primary_key=True),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_idempotency_created", "idempotency_keys", ["created_at"])


def _create_deletions() -> None:
    op.create_table(
        "deletions",
        sa.Column("object_key", sa.String(255), primary_key=True),
        sa.Column("version", sa.String(1024)),
        sa.Column("upload_id", sa.Text),
        sa.Column("due_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_deletions_due", "deletions", ["due_at"])


def _create_partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
