"""What a job came to: its result, its failed chunks, its state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from local.cli.pace import Count
from local.cli.say import note, one_line, out

if TYPE_CHECKING:
    from local.client import Client

_ROWS = 20


def result(client: Client, job: dict[str, Any]) -> None:
    """The job's result on stdout; a large one is fetched from where it lies."""
    if job.get("analysis_result") is not None:
        out([job["analysis_result"]])
    elif job.get("result_url"):
        out(client.result(job["job_id"]))


def ending(job: dict[str, Any]) -> None:
    """On stderr: how a job ended, why when it has an error, and its failed chunks as a short table."""
    count = Count.of(job)
    shares = f": {count.completed} of {count.total} chunks have a result" if count.total is not None else ""
    note(f"job {job['job_id']} ended {job['status']}{shares}")
    if job.get("error"):
        note(f"error {job['error']['code']}: {job['error']['message']}")
    if job.get("chunk_errors"):
        _table(job["chunk_errors"], count.failed)


def summary(job: dict[str, Any], server: str) -> Iterable[str]:
    """A job's state for people, a line each."""
    count = Count.of(job)
    yield f"{job['job_id']}  {job['status']}  {job.get('progress_pct', 0)} %\n"
    total = "not planned yet" if count.total is None else f"{count.total} in all"
    yield f"  chunks    {count.completed} completed, {count.failed} failed, {count.waiting} waiting, {total}\n"
    yield f"  model     {one_line(str(job.get('model')))}\n"
    yield f"  document  {job.get('document_chars')} characters, {job.get('document_bytes')} bytes\n"
    times = [("created", "created_at"), ("started", "started_at"), ("finished", "finished_at")]
    for label, field in times:
        if job.get(field):
            yield f"  {label:<9} {job[field]}\n"
    if job["status"] in {"COMPLETED", "PARTIAL_SUCCESS"}:
        yield f"  result    {server}/v1/analyze/{job['job_id']}/result\n"


def _table(errors: list[dict[str, Any]], failed: int) -> None:
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
