"""The command line's entry: the commands, and the rule that a user never sees a stack trace.

Commands import what they need when they run; `piecewise --help` loads Typer and Rich only.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from local.cli.analyze import analyze
from local.cli.bench import bench
from local.cli.chaos import chaos
from local.cli.control import cancel, delete, retry
from local.cli.costs import costs
from local.cli.exits import ERROR, NOT_REACHED, SIGNALLED, Ending
from local.cli.listing import chunks, list_jobs, result
from local.cli.sam_local import sam_local
from local.cli.say import note, out
from local.cli.signals import Stopped
from local.cli.simulation import simulate
from local.cli.status import status
from local.cli.up import up

app = typer.Typer(
    name="piecewise", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Analyze documents of any size with an AI model, without losing a chunk.",
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out([f"piecewise {version('piecewise')}\n"])
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None: ...


app.command()(up)
app.command()(sam_local)
app.command()(analyze)
app.command()(status)
app.command("list")(list_jobs)
app.command()(result)
app.command()(chunks)
app.command()(retry)
app.command()(cancel)
app.command()(delete)
app.command()(bench)
app.command()(costs)
app.command()(simulate)
app.command()(chaos)


def main(arguments: list[str] | None = None) -> None:
    """Run the command that the arguments (the process's own for None) name, and exit with its status."""
    try:
        app(arguments, prog_name="piecewise")
    except Ending as ending:
        _end(str(ending), ending.code, ending)
    except Stopped as stop:
        _end("stopped", SIGNALLED + stop.number, stop)
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line, never a trace
        _end(_words(error), _code(error), error)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _code(error: Exception) -> int:
    client = sys.modules.get("local.client")  # not loaded: not its error
    return NOT_REACHED if client is not None and isinstance(error, client.ServerNotReached) else ERROR


def _end(words: str, code: int, error: BaseException) -> None:
    if os.environ.get("PIECEWISE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    note(f"piecewise: {words}" if code > SIGNALLED else f"piecewise: error: {words}")
    sys.exit(code)
