"""`piecewise analyze`: a document goes in, its analysis comes out."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from local.cli import report, servers, source
from local.cli.exits import OF_STATUS, SIGNALLED, Ending
from local.cli.progress import progress
from local.cli.say import note, out
from local.cli.signals import Stopped, stoppable
from local.options import Options

if TYPE_CHECKING:
    from local.client import Client


@dataclass(frozen=True, slots=True)
class Server:
    """The server a command uses; `own` goes down again with the command."""

    url: str
    own: bool


def analyze(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A UTF-8 text file; - is standard input.")],
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Default: PIECEWISE_SERVER, else one nearby.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="local, simulated, openai:NAME, anthropic:NAME, bedrock:NAME.")
    ] = None,
    instructions: Annotated[str | None, typer.Option(help="What a real model should do with each chunk.")] = None,
    max_chunk_chars: Annotated[int | None, typer.Option(min=1, max=200_000, help="Default: 4000.")] = None,
    max_attempts: Annotated[int | None, typer.Option(min=3, max=10, help="Model calls a chunk. Default: 3.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's own answer, and nothing else.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="--no-wait prints the job's id and leaves.")] = True,
) -> None:
    """Analyze a document: progress on stderr, then the result on stdout.

    Exit status: 0 COMPLETED, 1 error, 2 bad usage, 3 PARTIAL_SUCCESS, 4 FAILED, 5 CANCELLED, 6 server not reached,
    130 Ctrl-C.
    """
    url = servers.named(server) or servers.running()
    if url is None and not wait:
        raise typer.BadParameter(
            "a job needs a server that outlives this command: start one with `piecewise up`, or name one with --server",
            param_hint="--no-wait",
        )
    document = source.read(file)
    options = {
        "model": model, "instructions": instructions, "max_chunk_chars": max_chunk_chars, "max_attempts": max_attempts,
    }  # fmt: skip
    with _server(url, model) as chosen:
        _Run(chosen, as_json=as_json, wait=wait).go(document, options)


@dataclass(frozen=True, slots=True)
class _Run:
    server: Server
    as_json: bool
    wait: bool

    def go(self, document: bytes, options: dict[str, Any]) -> None:
        from local.client import Client

        with Client(self.server.url) as client:
            job = client.submit(document, **options)
            job_id = str(job["job_id"])
            if not self.wait:
                out([json.dumps(job) if self.as_json else job_id])
                return
            with self._left_behind(job_id):
                code = follow(client, job_id, as_json=self.as_json, with_result=True)
        raise typer.Exit(code)

    @contextmanager
    def _left_behind(self, job_id: str) -> Iterator[None]:
        try:
            yield
        except (KeyboardInterrupt, Stopped) as stop:
            if self.server.own:
                message = f"interrupted: job {job_id} ended with the server that this command had started"
            else:
                message = (
                    f"interrupted: job {job_id} goes on; see: piecewise status {job_id} --server {self.server.url}"
                )
            number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
            raise Ending(message, SIGNALLED + number) from None


def follow(client: Client, job_id: str, *, as_json: bool, with_result: bool) -> int:
    """Show progress until the job has ended, then what it came to; the exit status."""
    with progress() as show:
        for seen in client.watch(job_id):
            show(seen.job)
    if as_json:
        out([seen.body])
    else:
        if with_result:
            report.result(client, seen.job)
        else:
            out(report.summary(seen.job, client.server))
        report.ending(seen.job)
    return OF_STATUS.get(seen.job["status"], 1)


@contextmanager
def _server(url: str | None, model: str | None) -> Iterator[Server]:
    if url is not None:
        note(f"using the server at {url}")
        yield Server(url, own=False)
        return
    from local.stack import Stack, StackError

    note("no server is running: starting one for this document")
    stack = Stack(Options(port=0, model=model, grace=0.0), say=note)
    with stoppable(hurry=stack.kill):
        try:
            with stack:
                yield Server(stack.url, own=True)
        except StackError as error:
            raise Ending(str(error)) from None
