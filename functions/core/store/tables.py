"""The tables as SQLAlchemy Core sees them; Alembic in `migrations/` makes them. Times: milliseconds, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text, text

metadata = MetaData()


def _partial_index(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


jobs = Table(
    "analysis_jobs",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    Column("run", Integer, nullable=False, server_default="1"),
    Column("model", String(255), nullable=False),
    Column("instructions", Text),
    Column("max_chunk_chars", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("document_key", String(255), nullable=False),
    Column("document_chars", BigInteger, nullable=False),
    Column("document_bytes", BigInteger, nullable=False),
    Column("bom_removed", Boolean, nullable=False, server_default=text("false")),
    Column("document_id", String(64)),  # the upload that it analyses
    Column("document_etag", String(255)),  # the accepted version of it
    Column("document_version", String(1024)),
    Column("document_skip", Integer, nullable=False, server_default="0"),  # bytes before the text: 3 of a BOM
    Column("document_encoding", String(16), server_default="utf-8"),  # NULL until a planner has looked at the upload
    Column("transcode_upload", Text),  # the multipart upload that takes the text in UTF-8
    Column("overlap_chars", Integer, nullable=False, server_default="0"),
    Column("total_chunks", Integer),  # NULL until the plan is complete
    Column("chunks_completed", Integer, nullable=False, server_default="0"),
    Column("chunks_failed", Integer, nullable=False, server_default="0"),
    # the plan's cursor: where the next chunk begins
    Column("plan_chunk", Integer, nullable=False, server_default="0"),
    Column("plan_char", BigInteger, nullable=False, server_default="0"),
    Column("plan_byte", BigInteger, nullable=False, server_default="0"),
    Column("plan_claim_no", Integer, nullable=False, server_default="0"),
    Column("plan_crashes", Integer, nullable=False, server_default="0"),
    Column("plan_lease_until", BigInteger),
    Column("plan_due_at", BigInteger),  # when a plan message must be sent (again)
    Column("finalize_due_at", BigInteger),  # when a finalize message must be sent (again)
    Column("finalize_tries", Integer, nullable=False, server_default="0"),
    Column("finalize_lease_until", BigInteger),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("error_summary", Text),
    Column("analysis_result", Text),
    Column("result_key", String(255)),
    Column("result_bytes", BigInteger),
    Column("records_bytes", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Index("ix_jobs_owner", "owner", "job_id"),
    _partial_index("ix_jobs_active", "status", where="status IN ('PENDING', 'PROCESSING')"),
    _partial_index("ix_jobs_live", "owner", where="status IN ('PENDING', 'PROCESSING')"),
    _partial_index("ix_jobs_finished", "finished_at", where="finished_at IS NOT NULL"),
    _partial_index("ix_jobs_plan_due", "plan_due_at", where="plan_due_at IS NOT NULL"),
    _partial_index("ix_jobs_finalize_due", "finalize_due_at", where="finalize_due_at IS NOT NULL"),
)

chunks = Table(
    "chunk_records",
    metadata,
    Column("job_id", String(64), ForeignKey("analysis_jobs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("chunk_index", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("char_start", BigInteger, nullable=False),
    Column("char_end", BigInteger, nullable=False),
    Column("byte_start", BigInteger, nullable=False),
    Column("byte_end", BigInteger, nullable=False),
    Column("claim_no", Integer, nullable=False, server_default="0"),  # the fencing token: + 1 at every claim
    Column("lease_until", BigInteger),
    Column("not_before", BigInteger),
    Column("hint_due_at", BigInteger),  # when a message must be sent again, unless somebody claimed the chunk
    Column("hints_sent", Integer, nullable=False, server_default="0"),  # how often it was, for the doubling
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("parked_since", BigInteger),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("result", Text),
    Column("finished_at", BigInteger),
    Column("sha256", String(64)),  # of its UTF-8
    _partial_index("ix_chunks_open", "job_id", "chunk_index", where="status IN ('PENDING', 'PROCESSING')"),
    _partial_index("ix_chunks_lease", "lease_until", where="status = 'PROCESSING'"),
    _partial_index("ix_chunks_hint", "hint_due_at", where="status = 'PENDING'"),
    _partial_index("ix_chunks_failed", "job_id", "chunk_index", where="status = 'FAILED'"),
)

documents = Table(
    # uploads that wait for a job, or have some
    "documents",
    metadata,
    Column("document_id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("object_key", String(255), nullable=False),
    Column("content_type", String(255), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64)),  # of a single PUT
    Column("parts", Text),  # JSON: [[bytes, sha256], …] of a multipart upload
    Column("upload_id", Text),
    Column("etag", String(255)),  # the version that the first job accepted
    Column("version", String(1024)),
    Column("jobs", Integer, nullable=False, server_default="0"),  # that analyse it; it goes with the last
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    _partial_index("ix_documents_expiry", "expires_at", where="jobs = 0"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", String(255), primary_key=True),
    Column("idempotency_key", String(255), primary_key=True),
    Column("job_id", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_idempotency_created", "created_at"),
)

deletions = Table(
    # objects of what was deleted: once more, when nobody can be writing them any more
    "deletions",
    metadata,
    Column("object_key", String(255), primary_key=True),
    Column("version", String(1024)),
    Column("upload_id", Text),
    Column("due_at", BigInteger, nullable=False),
    Index("ix_deletions_due", "due_at"),
)

legacy_documents = Table(
    # the texts of the service that Piecewise replaced, under its own ids
    "legacy_documents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("raw_text", Text),
    Column("analysis_result", Text),
)
