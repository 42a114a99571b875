"""`piecewise analyze`: a document goes in, its analysis comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import follow, servers, source, target
from local.cli.arguments import AsJson, Wait, check_waiting
from local.cli.exits import Ending
from local.cli.say import note, out
from local.cli.signals import stoppable
from local.cli.source import Given
from local.cli.uploading import upload
from local.options import Options as StackOptions

if TYPE_CHECKING:
    from local.client import Accepted, Client, Options

_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Server:
    """The server a command uses; `own` goes down again with the command."""

    url: str
    own: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    options: Options
    idempotency_key: str | None
    output: Path | None
    as_json: bool
    wait: bool


def analyze(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Text in UTF-8 or UTF-16; - is standard input.")],
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Default: PIECEWISE_SERVER, else one nearby.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="local, simulated, openai:NAME, anthropic:NAME, bedrock:NAME.")
    ] = None,
    instructions: Annotated[str | None, typer.Option(help="What a real model should do with each chunk.")] = None,
    max_chunk_chars: Annotated[int | None, typer.Option(min=1, max=200_000, help="Default: 4000.")] = None,
    overlap_chars: Annotated[
        int | None, typer.Option(min=0, max=10_000, help="Neighbouring text shown to the model as context. Default: 0.")
    ] = None,
    max_attempts: Annotated[int | None, typer.Option(min=3, max=10, help="Model calls a chunk. Default: 3.")] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The same document and options sent again with it are the same job."),
    ] = None,
    output: target.OutputOption = None,
    as_json: AsJson = False,
    wait: Wait = True,
) -> None:
    """Analyze a document: progress on stderr, then the result on stdout or in FILE.

    Up to 3 MB go with the request; what is larger is uploaded first, and so is UTF-16. Exit status: 0 COMPLETED,
    1 error, 2 bad usage, 3 PARTIAL_SUCCESS, 4 FAILED, 5 CANCELLED, 6 server not reached, 130 Ctrl-C.
    """
    _check_key(idempotency_key)
    check_waiting(output, wait=wait)
    url = servers.named(server) or servers.running()
    if url is None and not wait:
        raise typer.BadParameter(
            "a job needs a server that outlives this command: start one with `piecewise up`, or name one with --server",
            param_hint="--no-wait",
        )
    target.check(output, document=file)
    options: Options = {
        "model": model, "instructions": instructions, "max_chunk_chars": max_chunk_chars, "max_attempts": max_attempts,
        "overlap_chars": overlap_chars,
    }  # fmt: skip
    wanted = _Wanted(options, idempotency_key, output, as_json, wait)
    with source.reading(file) as given, _server(url, model) as chosen:
        code = _run(chosen, given, wanted)
    raise typer.Exit(code)


def _check_key(key: str | None) -> None:
    if key is not None and not re.fullmatch("[!-~]{1,255}", key):
        raise typer.BadParameter("must be 1 to 255 visible ASCII characters", param_hint="--idempotency-key")


def _run(server: Server, given: Given, wanted: _Wanted) -> int:
    fate = follow.Fate(server.url, own=server.own)
    with follow.interrupted(fate), servers.at(server.url) as client:
        job = _submit(client, given, wanted, fate)
        job_id = job["job_id"]
        fate.accepted(job_id)
        if not wanted.wait:
            out([json.dumps(job) if wanted.as_json else job_id])
            return 0
        seen = follow.to_the_end(client, job_id)
        return follow.outcome(client, seen, as_json=wanted.as_json, output=wanted.output)


def _submit(client: Client, given: Given, wanted: _Wanted, fate: follow.Fate) -> Accepted:
    """In the request where it fits (the server may take less than we think), else by way of an upload."""
    from local.client import PATIENCE, Refused

    key, options = wanted.idempotency_key, wanted.options
    if given.text is not None:
        fate.submitting()
        try:
            return client.submit(given.text, idempotency_key=key, patience=PATIENCE, **options)
        except Refused as refused:
            if refused.status != _TOO_LARGE:
                raise
    document_id = upload(client, given, fate)
    fate.submitting()
    return client.submit_document(document_id, idempotency_key=key, patience=PATIENCE, **options)


@contextmanager
def _server(url: str | None, model: str | None) -> Iterator[Server]:
    if url is not None:
        note(f"using the server at {url}")
        yield Server(url, own=False)
        return
    from local.stack import Stack, StackError

    note("no server is running: starting one for this document")
    stack = Stack(StackOptions(port=0, model=model, grace=0.0), say=note)
    with stoppable(hurry=stack.kill):
        try:
            with stack:
                yield Server(stack.url, own=True)
        except StackError as error:
            raise Ending(str(error)) from None
