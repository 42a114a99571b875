"""One example of every answer, for the description and the page that is made from it. A test holds them to it."""

from __future__ import annotations

from typing import Any

JOB_ID = "01kan5d3q7m3x9v2t8r4w6y1z0bcde"
_SPAN = {"chunk_index": 0, "char_start": 0, "char_end": 3991, "byte_start": 0, "byte_end": 4020}
_NEXT = {"chunk_index": 1, "char_start": 3991, "char_end": 7900, "byte_start": 4020, "byte_end": 7930}
_ERROR = {"code": "refused_content", "message": "the model refused this text"}
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

ACCEPTED: dict[str, Any] = {
    "job_id": JOB_ID,
    "status": "PENDING",
    "document_id": None,
    "overlap_chars": 0,
    "total_chunks": 2,
    "document_chars": 7900,
    "document_bytes": 7930,
    "bom_removed": False,
}
SUMMARY: dict[str, Any] = {
    "job_id": JOB_ID,
    "status": "PARTIAL_SUCCESS",
    "run": 1,
    "model": "local",
    "max_chunk_chars": 4000,
    "max_attempts": 3,
    "overlap_chars": 0,
    "document_id": None,
    "encoding": "utf-8",
    "document_chars": 7900,
    "document_bytes": 7930,
    "bom_removed": False,
    "progress_pct": 100,
    "total_chunks": 2,
    "chunks_completed": 1,
    "chunks_failed": 1,
    "error": None,
    "error_summary": "1 of 2 chunks failed (refused_content: chunk 1)",
    "result_url": None,
    "created_at": "2026-11-22T06:17:00.007Z",
    "started_at": "2026-11-22T06:17:00.310Z",
    "updated_at": "2026-11-22T06:17:04.002Z",
    "finished_at": "2026-11-22T06:17:04.002Z",
    "expires_at": None,
}
JOB: dict[str, Any] = {
    **SUMMARY,
    "chunk_errors": [{**_NEXT, **_ERROR, "attempts": 1}],
    "chunk_errors_truncated": False,
    "analysis_result": "Three harbours, one storm.",
}
JOBS: dict[str, Any] = {"items": [SUMMARY], "next_cursor": f"j{JOB_ID}"}
RETRIED: dict[str, Any] = {"job_id": JOB_ID, "status": "PROCESSING", "run": 2, "total_chunks": 2}
HEALTH: dict[str, Any] = {"service": "piecewise", "version": "0.1.0", "status": "ok"}
CHUNK: dict[str, Any] = {
    **_SPAN,
    "status": "COMPLETED",
    "attempts": 1,
    "result": "Three harbours, one storm.",
    "result_bytes": 26,
    "error": None,
    "finished_at": "2026-11-22T06:17:02.120Z",
}
_FAILED_CHUNK: dict[str, Any] = {
    **_NEXT,
    "status": "FAILED",
    "attempts": 1,
    "result": None,
    "result_bytes": None,
    "error": _ERROR,
    "finished_at": "2026-11-22T06:17:03.000Z",
}
_WHERE = {"status": "PARTIAL_SUCCESS", "run": 1, "total_chunks": 2, "planned_chunks": 2, "finished_prefix": 2}
CHUNKS: dict[str, Any] = {"items": [CHUNK, _FAILED_CHUNK], "next_cursor": None, **_WHERE}
COVERAGE: dict[str, Any] = {
    "items": [
        {**_SPAN, "status": "COMPLETED", "attempts": 1, "sha256": _DIGEST},
        {**_NEXT, "status": "FAILED", "attempts": 1, "sha256": _DIGEST},
    ],
    "next_cursor": None,
    **_WHERE,
    "document_chars": 7900,
    "document_bytes": 7930,
}
TEXT = "Three harbours, one storm."
RECORDS = (
    '{"chunk_index":0,"status":"COMPLETED","char_start":0,"char_end":3991,"byte_start":0,"byte_end":4020,"attempts":1,'
    '"result":"Three harbours, one storm.","error":null}\n'
    '{"chunk_index":1,"status":"FAILED","char_start":3991,"char_end":7900,"byte_start":4020,"byte_end":7930,'
    '"attempts":1,"result":null,"error":{"code":"refused_content","message":"the model refused this text"}}\n'
)

OF: dict[str, dict[str, Any]] = {
    "Accepted": ACCEPTED,
    "JobSummary": SUMMARY,
    "JobBody": JOB,
    "JobList": JOBS,
    "Retried": RETRIED,
    "Health": HEALTH,
    "ChunkBody": CHUNK,
    "ChunksPage": CHUNKS,
    "CoveragePage": COVERAGE,
}
"""By schema. Not in the models: FastAPI would take every null out of them."""
