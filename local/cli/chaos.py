"""`piecewise chaos`: hurt a real stack under load, and show that nothing was lost."""

from __future__ import annotations

import json
import shutil
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli.exits import Ending
from local.cli.say import note, out
from local.cli.signals import Stopped, stoppable

if TYPE_CHECKING:
    from local.chaos.run import Outcome, Plan


class DatabaseKind(StrEnum):
    """What the stack keeps its jobs in."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


def chaos(
    seconds: Annotated[float, typer.Option(min=1, max=86_400, help="For how long faults strike.")] = 60,
    seed: Annotated[int, typer.Option(help="Decides kinds, targets and times of the faults, and the documents.")] = 1,
    database: Annotated[
        DatabaseKind, typer.Option(help="postgres starts a server of its own, and restarts it too.")
    ] = DatabaseKind.SQLITE,
    database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty database on a Postgres of yours, never restarted.")
    ] = None,
    faults_per_minute: Annotated[float, typer.Option(min=1, max=240)] = 25,
    workers: Annotated[int, typer.Option(min=2, max=64, help="Processes of chunk workers.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, and nothing else.")] = False,
) -> None:
    """Strike a stack of its own with random faults under load, then prove from its rows that nothing is lost.

    Processes are killed and frozen, queues emptied, the provider and the database taken away. The seed decides which
    faults strike when; how the machine's processes interleave with them it does not. Exit status: 0 nothing is wrong,
    1 an invariant is violated or a recovery was late; the state directory is kept then, and named.
    """
    from local.chaos.run import Plan

    plan = Plan(
        seconds=seconds, seed=seed, postgres=database is DatabaseKind.POSTGRES, database_url=database_url,
        faults_per_minute=faults_per_minute, workers=workers, concurrency=8 * workers,
    )  # fmt: skip
    state = Path(tempfile.mkdtemp(prefix="piecewise-chaos-"))
    outcome = _run(plan, state)
    _print(outcome, as_json=as_json)
    if not outcome.is_good:
        note(f"kept for whoever looks for the cause: {state}")
        raise typer.Exit(1)
    shutil.rmtree(state, ignore_errors=True)


def _run(plan: Plan, state: Path) -> Outcome:
    from local.chaos.run import run
    from local.stack import StackError

    try:
        with stoppable(hurry=_patience):
            return run(plan, state, note)
    except StackError as error:
        shutil.rmtree(state, ignore_errors=True)
        raise Ending(str(error)) from None
    except Stopped:
        shutil.rmtree(state, ignore_errors=True)
        raise


def _print(outcome: Outcome, *, as_json: bool) -> None:
    from local.bench.machine import command_line, facts
    from local.chaos import report

    found = report.as_json(facts(command_line()), outcome)
    out([json.dumps(found, indent=2)] if as_json else (f"{line}\n" for line in report.lines(found)))


def _patience() -> None:
    """The stack is on its way down already, and gives its calls no grace."""
