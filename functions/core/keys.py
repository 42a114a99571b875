"""Where things lie in the bucket. Pure."""

from __future__ import annotations

LEGACY = "legacy/"  # and an id: no object, but a text of the service that Piecewise replaced, in its own table


def document_key(job_id: str) -> str:
    """The document of a job."""
    return f"documents/{job_id}"


def upload_key(document_id: str) -> str:
    """What a client uploaded."""
    return f"uploads/{document_id}"


def result_key(job_id: str, run: int) -> str:
    """The result of a job's run, where it is too large for the database."""
    return f"results/{job_id}/{run}"


def records_key(job_id: str, run: int) -> str:
    """The same chunk by chunk as NDJSON, where that is too large for an answer."""
    return f"results/{job_id}/{run}.ndjson"
