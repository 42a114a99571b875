"""`piecewise bench`: what Piecewise costs on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
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
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a goal is missed.")] = False,
) -> None:
    """Measure this machine's stack: time to accept, throughput, memory, chunking, the local provider, cold imports.

    Each figure stands beside something measured in the same run: compare ratios, for machines differ. Takes about
    three minutes, and a minute with --quick.
    """
    from local.bench import report
    from local.bench.figures import missed
    from local.bench.machine import command_line, facts

    text = source.read(str(document))
    measured = facts(command_line())
    figures: list[Figure] = []
    with stoppable(hurry=_patience):
        for part in only or list(Part):
            figures += _measure(part, text, quick=quick)
    if as_json:
        out([json.dumps(report.as_json(measured, figures), indent=2)])
    else:
        from rich.console import Console

        report.show(Console(width=None if sys.stdout.isatty() else _WIDTH), measured, figures)
    if check and missed(figures):
        raise typer.Exit(1)


def _measure(part: Part, text: bytes, *, quick: bool) -> Iterable[Figure]:
    from local.bench.processes import ProcessDied
    from local.bench.running import JobFailed
    from local.stack import StackError

    try:
        return _parts(text, quick=quick)[part]()
    except (StackError, ProcessDied, JobFailed) as error:
        raise Ending(f"{part}: {error}") from None


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
