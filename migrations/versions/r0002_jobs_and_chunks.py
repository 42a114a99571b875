"""Jobs and chunks as the protocol has them; what the replaced service analysed becomes finished jobs of one chunk.

The old table stays as `legacy_documents`: documents are read from it, and the way back takes its rows from it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from migrations.legacy import adopt_rows, give_back

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Old table aside, new tables, old rows into them, indexes last (they are cheaper over rows that are there)."""
    op.rename_table("analysis_jobs", "legacy_documents")
    _rename_what_follows_a_table("analysis_jobs", "legacy_documents")
    _create_jobs()
    _create_chunks()
    adopt_rows(op.get_bind(), owner=context.config.attributes["legacy_owner"])
    _create_indexes()


def downgrade() -> None:
    """The old table as it was. Raises Misconfigured when jobs would be lost that nobody agreed to lose."""
    give_back(op.get_bind(), drop_new_jobs=context.config.attributes["drop_new_jobs"])
    op.drop_table("chunk_records")
    op.drop_table("analysis_jobs")
    op.rename_table("legacy_documents", "analysis_jobs")
    _rename_what_follows_a_table("legacy_documents", "analysis_jobs")


def _rename_what_follows_a_table(old: str, new: str) -> None:
    """Postgres keeps the old names of a renamed table's key and sequence; the next table would collide with them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX IF EXISTS {old}_pkey RENAME TO {new}_pkey")
        op.execute(f"ALTER SEQUENCE IF EXISTS {old}_id_seq RENAME TO {new}_id_seq")


def _create_jobs() -> None:
    op.create_table(
        "analysis_jobs",
        sa.Column("job_id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("run", sa.Integer, nullable=False, server_default="1"),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("instructions", sa.Text),
        sa.Column("max_chunk_chars", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("document_key", sa.String(255), nullable=False),
        sa.Column("document_chars", sa.BigInteger, nullable=False),
        sa.Column("document_bytes", sa.BigInteger, nullable=False),
        sa.Column("bom_removed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("total_chunks", sa.Integer),
        sa.Column("chunks_completed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("chunks_failed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("plan_chunk", sa.Integer, nullable=False, server_default="0"),
        sa.Column("plan_char", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("plan_byte", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("plan_claim_no", sa.Integer, nullable=False, server_default="0"),
        sa.Column("plan_crashes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("plan_lease_until", sa.BigInteger),
        sa.Column("plan_due_at", sa.BigInteger),
        sa.Column("finalize_due_at", sa.BigInteger),
        sa.Column("finalize_tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("finalize_lease_until", sa.BigInteger),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("error_summary", sa.Text),
        sa.Column("analysis_result", sa.Text),
        sa.Column("result_key", sa.String(255)),
        sa.Column("result_bytes", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
    )


def _create_chunks() -> None:
    op.create_table(
        "chunk_records",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("analysis_jobs.job_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("chunk_index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("char_start", sa.BigInteger, nullable=False),
        sa.Column("char_end", sa.BigInteger, nullable=False),
        sa.Column("byte_start", sa.BigInteger, nullable=False),
        sa.Column("byte_end", sa.BigInteger, nullable=False),
        sa.Column("claim_no", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("hint_due_at", sa.BigInteger),
        sa.Column("hints_sent", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("crashes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("parked_since", sa.BigInteger),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("result", sa.Text),
        sa.Column("finished_at", sa.BigInteger),
    )


def _create_indexes() -> None:
    op.create_index("ix_jobs_owner", "analysis_jobs", ["owner", "job_id"])
    _create_partial_index("ix_jobs_active", "analysis_jobs", ["status"], "status IN ('PENDING', 'PROCESSING')")
    _create_partial_index("ix_jobs_plan_due", "analysis_jobs", ["plan_due_at"], "plan_due_at IS NOT NULL")
    _create_partial_index("ix_jobs_finalize_due", "analysis_jobs", ["finalize_due_at"], "finalize_due_at IS NOT NULL")
    _create_partial_index("ix_chunks_lease", "chunk_records", ["lease_until"], "status = 'PROCESSING'")
    _create_partial_index("ix_chunks_hint", "chunk_records", ["hint_due_at"], "status = 'PENDING'")
    _create_partial_index("ix_chunks_failed", "chunk_records", ["job_id", "chunk_index"], "status = 'FAILED'")


def _create_partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
