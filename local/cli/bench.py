"""`piecewise bench`: what Piecewise costs on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import source
from local.cli.exits import Ending
from local.cli.say import note, out
from local.cli.signals import stoppable

if TYPE_CHECKING:
    from local.bench.figures import Figure

_BOOK = Path(__file__).parent.parent / "samples" / "moby-dick.txt"
_LARGEST = 1900  # MB; 2 GB would be more chunks of the bench's size than a job may have
_LIMIT = 4_000_000  # bytes of a request's body (`max_body_bytes` of the settings)
_WIDTH = 120  # of a table that goes into a file


class Part(StrEnum):
    """What can be measured."""

    ACCEPT = "accept"
    THROUGHPUT = "throughput"
    MEMORY = "memory"
    CHUNKING = "chunking"
    PROVIDER = "provider"
    COLD = "cold"


def bench(
    only: Annotated[list[Part] | None, typer.Option(help="Measure this part only; repeatable.")] = None,
    document: Annotated[
        Path, typer.Option(metavar="FILE", help="The text to measure with; default: the book that ships with this.")
    ] = _BOOK,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer requests, and no slow model.")] = False,
    documents: Annotated[
        bool, typer.Option("--documents", help="Measure documents by size instead: uploaded, planned, analysed.")
    ] = False,
    sizes: Annotated[str, typer.Option(metavar="MB,MB", help="With --documents: sizes in MB.")] = "1,10,100,1000",
    analyse_all: Annotated[
        bool, typer.Option("--analyse-all", help="With --documents: analyse what is only planned else, from 1 GB on.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a goal is missed.")] = False,
) -> None:
    """Measure this machine's stack: time to accept, throughput, memory, chunking, the local provider, cold imports.

    Each figure stands beside something measured in the same run: compare ratios, for machines differ. Takes about
    three minutes, and a minute with --quick. With --documents it is each size's seconds and CPU a MB beside those at
    10 MB, and takes as long as analysing all that text does.
    """
    from local.bench import report
    from local.bench.figures import missed
    from local.bench.machine import command_line, facts

    text = _read(document)
    measured = facts(command_line())
    figures: list[Figure] = []
    with stoppable(hurry=_patience):
        if documents:
            figures += _measure("documents", partial(_documents, text, _sizes(sizes), analyse_all=analyse_all))
        else:
            parts = _parts(text, quick=quick)
            for part in only or list(Part):
                figures += _measure(part, parts[part])
    if as_json:
        out([json.dumps(report.as_json(measured, figures), indent=2)])
    else:
        from rich.console import Console

        report.show(Console(width=None if sys.stdout.isatty() else _WIDTH), measured, figures)
    if check and missed(figures):
        raise typer.Exit(1)


def _read(path: Path) -> bytes:
    """A text that goes into one request. Raises Ending."""
    with source.readable(str(path)), path.open("rb") as file:
        data = file.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise Ending(f"{path} is too large: at most {_LIMIT:,} bytes are taken here")
    source.check_text(data, str(path))
    return data


def _measure(name: str, measure: Callable[[], list[Figure]]) -> Iterable[Figure]:
    from local.bench.processes import ProcessDied
    from local.bench.running import JobFailed
    from local.client import ClientError
    from local.stack import StackError

    try:
        return measure()
    except (StackError, ProcessDied, JobFailed, ClientError) as error:
        raise Ending(f"{name}: {error}") from None


def _documents(text: bytes, sizes: list[int], *, analyse_all: bool) -> list[Figure]:
    from local.bench.documents import documents

    return documents(text, sizes, analyse_all=analyse_all, say=note)


def _sizes(given: str) -> list[int]:
    """Raises typer's BadParameter, which says what is wrong."""
    found = [each.strip() for each in given.split(",")]
    if not all(each.isascii() and each.isdigit() and 1 <= int(each) <= _LARGEST for each in found):
        raise typer.BadParameter(
            f"'{given}' are no sizes: give whole MB from 1 to {_LARGEST}, as in 1,10,100", param_hint="--sizes"
        )
    return [int(each) for each in found]


def _parts(text: bytes, *, quick: bool) -> dict[Part, Callable[[], list[Figure]]]:
    from local.bench.accept import accept
    from local.bench.chunking import chunking
    from local.bench.cold import cold
    from local.bench.memory import memory
    from local.bench.provider import provider
    from local.bench.throughput import throughput

    book = text.decode()
    return {
        Part.ACCEPT: lambda: accept(book, quick=quick, say=note),
        Part.THROUGHPUT: lambda: throughput(text, quick=quick, say=note),
        Part.MEMORY: lambda: memory(book, say=note),
        Part.CHUNKING: lambda: chunking(book, say=note),
        Part.PROVIDER: lambda: provider(book, say=note),
        Part.COLD: lambda: cold(quick=quick, say=note),
    }


def _patience() -> None:
    """The stack is on its way down already, and gives its calls no grace."""
