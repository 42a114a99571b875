"""What a job came to: its state, and its failed chunks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from local.cli.pace import Count
from local.cli.say import note, one_line

if TYPE_CHECKING:
    from local.client import ChunkError, Job

WITH_RESULT = frozenset({"COMPLETED", "PARTIAL_SUCCESS"})
_ROWS = 20


def ending(job: Job) -> None:
    """On stderr: how a job ended, why when it has an error, and its failed chunks as a short table."""
    count = Count.of(job)
    shares = f": {count.completed} of {count.total} chunks have a result" if count.total is not None else ""
    note(f"job {job['job_id']} ended {job['status']}{shares}")
    if error := job["error"]:
        note(f"error {error['code']}: {error['message']}")
    if errors := job.get("chunk_errors"):
        _table(errors, count.failed)


def summary(job: Job, server: str) -> Iterable[str]:
    """A job's state for people, a line each."""
    count = Count.of(job)
    yield f"{job['job_id']}  {job['status']}  {job.get('progress_pct', 0)} %\n"
    total = "not planned yet" if count.total is None else f"{count.total} in all"
    yield f"  chunks    {count.completed} completed, {count.failed} failed, {count.waiting} waiting, {total}\n"
    yield f"  model     {one_line(str(job.get('model')))}\n"
    yield f"  document  {_size(job)}\n"
    times = {"created": job["created_at"], "started": job["started_at"], "finished": job["finished_at"]}
    for label, moment in times.items():
        if moment:
            yield f"  {label:<9} {moment}\n"
    if job["status"] in WITH_RESULT:
        yield f"  result    {server}/v1/analyze/{job['job_id']}/result\n"


def _size(job: Job) -> str:
    if job["document_chars"] is None or job["document_bytes"] is None:
        return "not read yet"
    return f"{job['document_chars']} characters, {job['document_bytes']} bytes"


def _table(errors: list[ChunkError], failed: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="failed chunks", title_justify="left", box=None, pad_edge=False)
    for name in ("chunk", "characters", "attempts", "code", "message"):
        table.add_column(name, overflow="fold")
    for error in errors[:_ROWS]:
        span = f"{error['char_start']}-{error['char_end']}"
        cells = (error["chunk_index"], span, error["attempts"], error["code"], error["message"])
        table.add_row(*(Text(one_line(str(cell))) for cell in cells))
    Console(stderr=True).print(table)
    if failed > _ROWS:
        note(f"… and {failed - min(_ROWS, len(errors))} more; --json lists them")
