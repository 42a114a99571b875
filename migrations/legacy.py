"""The rows of the replaced service on their way into jobs and chunks, and back.

Texts and results never leave the database in bulk: rows are copied by `INSERT … SELECT`, only ids pass through Python.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import sqlalchemy as sa

from functions.core.errors import Misconfigured
from functions.core.ids import RANDOM_BITS, job_id_of

BLOCK = 1_000  # ids fetched at a time: memory stays flat however many rows there are
NO_RESULT = "the replaced service stored no result for this document"
SUMMARY = "1 of 1 chunks failed (legacy_no_result: chunk 0)"

# What differs between the two databases: the length of a text in code points and in bytes of UTF-8, and a result
# made storable. SQLite's length() stops at a NUL and its columns may hold bytes that are no UTF-8, so Python answers
# there; a Postgres text can hold neither.
_SQL = {
    "sqlite": {
        "chars": "legacy_chars(CAST(raw_text AS BLOB))",
        "octets": "length(CAST(raw_text AS BLOB))",
        "result": "legacy_storable(CAST(analysis_result AS BLOB))",
        "result_octets": "length(CAST(legacy_storable(CAST(analysis_result AS BLOB)) AS BLOB))",
    },
    "postgresql": {
        "chars": "char_length(raw_text)",
        "octets": "octet_length(convert_to(raw_text, 'UTF8'))",
        "result": "analysis_result",
        "result_octets": "octet_length(convert_to(analysis_result, 'UTF8'))",
    },
}

_INSERT_JOB = """
INSERT INTO analysis_jobs (
    job_id, owner, status, model, max_chunk_chars, max_attempts, document_key, document_chars, document_bytes,
    total_chunks, chunks_completed, chunks_failed, plan_chunk, plan_char, plan_byte,
    error_code, error_message, error_summary, analysis_result, result_bytes,
    created_at, started_at, updated_at, finished_at
)
SELECT
    :job_id, :owner, CASE WHEN result IS NULL THEN 'FAILED' ELSE 'COMPLETED' END, 'legacy',
    CASE WHEN chars > 1 THEN chars ELSE 1 END, 3, :document_key, chars, octets,
    1, CASE WHEN result IS NULL THEN 0 ELSE 1 END, CASE WHEN result IS NULL THEN 1 ELSE 0 END, 1, chars, octets,
    CASE WHEN result IS NULL THEN 'legacy_no_result' END, CASE WHEN result IS NULL THEN :no_result END,
    CASE WHEN result IS NULL THEN :summary END, result, result_octets,
    :now, :now, :now, :now
FROM (
    SELECT coalesce({chars}, 0) AS chars, coalesce({octets}, 0) AS octets,
           {result} AS result, {result_octets} AS result_octets
    FROM legacy_documents WHERE id = :id
) AS old
"""

# Everything a chunk needs stands on its job's row by now.
_INSERT_CHUNKS = """
INSERT INTO chunk_records (
    job_id, chunk_index, status, char_start, char_end, byte_start, byte_end, claim_no, attempts,
    error_code, error_message, result, finished_at
)
SELECT
    job_id, 0, status, 0, document_chars, 0, document_bytes, 1, 1,
    error_code, error_message, analysis_result, finished_at
FROM analysis_jobs
"""

# A result in S3 cannot go into the old table either, so its job counts as new.
_NEW_JOBS = "document_key NOT LIKE 'legacy/%' OR result_key IS NOT NULL"

# A failed old document that was analysed by a retry takes its result home.
_TAKE_RESULTS_HOME = """
UPDATE legacy_documents SET analysis_result = job.analysis_result
FROM (
    SELECT CAST(substr(document_key, 8) AS INTEGER) AS id, analysis_result
    FROM analysis_jobs WHERE run > 1 AND status = 'COMPLETED'
) AS job
WHERE legacy_documents.id = job.id AND legacy_documents.analysis_result IS NULL
"""

_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))


def adopt_rows(connection: sa.Connection, *, owner: str) -> None:
    """One finished job with one chunk for each row of `legacy_documents`; job ids sort as the old ids do."""
    if not 1 <= len(owner) <= 255:
        raise Misconfigured(f"the legacy owner must have 1 to 255 characters, not {len(owner)}")
    if connection.dialect.name == "sqlite":
        _teach_sqlite(connection)
    insert = sa.text(_INSERT_JOB.format(**_SQL[connection.dialect.name]))
    now = time.time_ns() // 1_000_000
    same = {"owner": owner, "no_result": NO_RESULT, "summary": SUMMARY, "now": now}
    for later, ids in enumerate(_blocks_of_ids(connection)):
        # a block's job ids are sorted, and each block's begin a millisecond after the last one's
        job_ids = sorted(job_id_of(now + later, secrets.randbits(RANDOM_BITS)) for _ in ids)
        connection.execute(
            insert,
            [
                {"id": old_id, "job_id": job_id, "document_key": f"legacy/{old_id}", **same}
                for old_id, job_id in zip(ids, job_ids, strict=True)
            ],
        )
    connection.execute(sa.text(_INSERT_CHUNKS))


def give_back(connection: sa.Connection, *, drop_new_jobs: bool) -> None:
    """Make `legacy_documents` ready to be the old table again.

    Raises Misconfigured, one line with a count, when there are jobs that the old table cannot hold.
    """
    lost = connection.scalar(sa.text(f"SELECT count(*) FROM analysis_jobs WHERE {_NEW_JOBS}"))  # noqa: S608
    if lost and not drop_new_jobs:
        raise Misconfigured(
            f"{lost} jobs are newer than the replaced service and would be lost: "
            "to lose them, say `-x drop_new_jobs=yes`"
        )
    for table in ("chunk_records", "analysis_jobs"):
        connection.execute(
            sa.text(f"DELETE FROM {table} WHERE job_id IN (SELECT job_id FROM analysis_jobs WHERE {_NEW_JOBS})")  # noqa: S608
        )
    connection.execute(sa.text(_TAKE_RESULTS_HOME))


def _blocks_of_ids(connection: sa.Connection) -> Iterator[list[int]]:
    """The old ids in order, a block at a time."""
    first = sa.text("SELECT id FROM legacy_documents ORDER BY id LIMIT :block")
    following = sa.text("SELECT id FROM legacy_documents WHERE id > :after ORDER BY id LIMIT :block")
    ids = list(connection.scalars(first, {"block": BLOCK}))
    while ids:
        yield ids
        ids = list(connection.scalars(following, {"after": ids[-1], "block": BLOCK}))


def _teach_sqlite(connection: sa.Connection) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.create_function("legacy_chars", 1, _chars, deterministic=True)
    driver.create_function("legacy_storable", 1, _storable, deterministic=True)


def _chars(text: bytes | None) -> int | None:
    """How many code points the UTF-8 has: every byte begins one, but for continuation bytes."""
    return None if text is None else len(text.translate(None, _CONTINUATION_BYTES))


def _storable(result: bytes | None) -> str | None:
    """The result without what no other database takes: NUL and bytes that are no UTF-8 become U+FFFD."""
    return None if result is None else result.decode("utf-8", "replace").replace("\0", "\ufffd")
