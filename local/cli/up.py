"""`piecewise up`: the whole of Piecewise on this machine until it is told to stop."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from local.cli import simulate as simulated
from local.cli.exits import Ending
from local.cli.say import note, out
from local.cli.signals import Stopped, stoppable
from local.options import DEFAULT_CONCURRENCY, DEFAULT_PORT, Options


def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")] = DEFAULT_PORT,
    state_dir: Annotated[
        Path | None, typer.Option(help="Keep everything here and survive restarts; else a temporary directory.")
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A Postgres or SQLite database to work on, with --state-dir: sqlite:///FILE, postgresql+psycopg://…",
        ),
    ] = None,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Work on a Postgres that is started for it, instead of SQLite.")
    ] = False,
    isolated: Annotated[
        bool,
        typer.Option("--isolated", help="Each function in processes of its own under AWS's runtime client, as on AWS."),
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="The model of jobs that name none: local, simulated, openai:NAME, …")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1024, help="Chunks in work at once.")] = DEFAULT_CONCURRENCY,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that share them. Default: one a core.")
    ] = None,
    simulate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="How the simulated model behaves; repeatable. Makes it the default model."
        ),
    ] = None,
) -> None:
    """Run Piecewise on this machine: HTTP API, queues, bucket, database, workers. Ctrl-C ends it."""
    if isolated and workers is not None:
        raise typer.BadParameter(
            "with --isolated every invocation has a process of its own: leave one of them out", param_hint="--workers"
        )
    keys = simulated.parse(simulate or [])
    run(
        Options(
            port=port, state_dir=state_dir, database_url=database_url, postgres=postgres, isolated=isolated,
            model=model or ("simulated" if keys else None), concurrency=concurrency, workers=workers, simulate=keys,
        )
    )  # fmt: skip


def run(options: Options) -> None:
    """Until SIGINT, SIGTERM or SIGHUP, which are a good end. Raises Ending when the stack cannot start."""
    from local.stack import Stack, StackError

    stack = Stack(options, say=note)
    with stoppable(hurry=stack.kill):
        try:
            with stack:
                _announce(stack.url, stack.state_path, temporary=options.state_dir is None)
                while True:
                    signal.pause()
        except Stopped:
            note("stopped")
        except StackError as error:
            raise Ending(str(error)) from None


def _announce(url: str, state: Path, *, temporary: bool) -> None:
    note(f"state in {state}" + (" (temporary: removed at the end)" if temporary else "") + "; Ctrl-C stops")
    out([f"Piecewise is ready: {url}\n"])
