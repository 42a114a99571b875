"""`piecewise list`, `chunks` and `result`: what there is, a line each, or as the API says it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import servers, target
from local.cli.arguments import JobId
from local.cli.pace import Count
from local.cli.say import note, one_line, out

if TYPE_CHECKING:
    from local.client import Chunk, Client, Job, JobPage

_MOST_JOBS = 100  # that the API puts on a page
_MOST_WORDS = 60  # characters of a result or an error that go on a line

AsPages = Annotated[bool, typer.Option("--json", help="Print the API's own answers, a line of JSON a page.")]


class JobStatus(StrEnum):
    """States of a job."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ChunkStatus(StrEnum):
    """States of a chunk."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


def list_jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs in this state.", case_sensitive=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    server: servers.ServerOption = None,
    as_json: AsPages = False,
) -> None:
    """List your jobs, newest first: id, state, percent, chunks done and in all, when it was made."""
    with servers.client(server) as client:
        pages = _job_pages(client, status, limit)
        if as_json:
            out(f"{json.dumps(page)}\n" for page in pages)
        else:
            out(_job_line(job) for page in pages for job in page["items"])


def chunks(
    job_id: JobId,
    status: Annotated[ChunkStatus | None, typer.Option(help="Only chunks in this state.", case_sensitive=False)] = None,
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="Begin behind this next_cursor.")] = None,
    server: servers.ServerOption = None,
    as_json: AsPages = False,
) -> None:
    """List the chunks of a job in order: index, state, characters, attempts, and how its result or its error begins.

    Of a running job those that are planned so far; the whole results are in --json.
    """
    with servers.client(server) as client:
        if as_json:
            out(_chunk_pages(client, job_id, status, after))
        else:
            out(_chunk_line(chunk) for chunk in client.chunks(job_id, after=after, status=status))


def result(
    job_id: JobId,
    output: target.OutputOption = None,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="A line of JSON a chunk: span, result, error.")] = False,
    server: servers.ServerOption = None,
) -> None:
    """Print the whole result of a job that has ended."""
    target.check(output)
    with servers.client(server) as client:
        target.deliver(client, job_id, output, ndjson=ndjson)


def _job_pages(client: Client, status: str | None, limit: int) -> Iterator[JobPage]:
    after: str | None = None
    while limit > 0:
        page = client.job_page(after=after, status=status, limit=min(limit, _MOST_JOBS))
        yield page
        limit, after = limit - len(page["items"]), page["next_cursor"]
        if after is None:
            return
    note("there are more: --limit shows them")


def _chunk_pages(client: Client, job_id: str, status: str | None, after: str | None) -> Iterator[str]:
    from local.client import pages

    for page in pages(lambda cursor: client.chunk_page(job_id, after=cursor, status=status), after):
        yield f"{json.dumps(page)}\n"


def _job_line(job: Job) -> str:
    count = Count.of(job)
    done = f"{count.done}/{'?' if count.total is None else count.total}"
    return f"{job['job_id']}  {job['status']:<15}  {job['progress_pct']:>3} %  {done:<13}  {job['created_at']}\n"


def _chunk_line(chunk: Chunk) -> str:
    words = one_line(chunk["error"]["message"] if chunk["error"] else chunk["result"] or "")
    cut = words if len(words) <= _MOST_WORDS else f"{words[: _MOST_WORDS - 1]}…"
    span = f"{chunk['char_start']}-{chunk['char_end']}"
    where = f"{chunk['chunk_index']:>6}  {chunk['status']:<10}  {span:<15}"
    return f"{where}  {chunk['attempts']:>2}  {cut}".rstrip() + "\n"
