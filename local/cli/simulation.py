"""`piecewise simulate`: the rooms and the store in virtual time, with everything around them failing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from local.cli.exits import ERROR, Ending
from local.cli.say import note, out
from local.cli.signals import stoppable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.simulation.campaign import Broken, Tally
    from local.simulation.faults import Fault

_SHOWN = 80  # lines of a broken history
_TENTHS = 10  # how often it is said how far it is


def simulate(
    seeds: Annotated[int, typer.Option(min=1, help="How many histories to play.")] = 200,
    first: Annotated[int, typer.Option("--from", min=0, help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Play this one history only.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="With --seed: print the whole history.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="FAULT", help="Only this fault, as in poison; repeatable.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Default: one a core.")] = None,
) -> None:
    """Play histories of a whole deployment in virtual time, with faults at every step, and check every promise.

    The rooms, the store's SQL and the adapters are the product's own; SQS, Lambda, S3, the database's connections, the
    model and the clients are simulated from the seed. Exit status: 0 when every promise held, 1 when one was broken.
    """
    if trace and seed is None:
        raise typer.BadParameter("one history is printed, so it needs --seed", param_hint="--trace")
    chosen = _faults(only or [])
    tally = (
        _one(seed, chosen, trace=trace) if seed is not None else _many(range(first, first + seeds), chosen, processes)
    )
    for broken in tally.broken[:1]:
        _show(broken, chosen, whole=trace)
        raise Ending(f"seed {broken.seed}: {broken.violation}", ERROR)
    out(summary(tally))


def summary(tally: Tally) -> list[str]:
    """What was played, what went wrong in it, and what came of it."""
    outcomes = "".join(f"  {count:>10,}  {what}\n" for what, count in sorted(tally.outcomes.items()))
    faults = "".join(f"  {count:>10,}  {fault}\n" for fault, count in tally.faults.most_common())
    many = f"{tally.histories:,} {'history' if tally.histories == 1 else 'histories'}"
    hours = tally.seconds / 3600
    return [
        f"{many}, {hours:,.0f} h, {tally.faults.total():,} faults: no promise broken.\n",
        f"Longest time from the last fault until every job had ended: {tally.recovery:,.0f} s of virtual time.\n",
        f"\nFaults\n{faults}",
        f"\nWhat came of it\n{outcomes}",
    ]


def _one(seed: int, only: Sequence[Fault], *, trace: bool) -> Tally:
    from local.simulation.campaign import play_block
    from local.simulation.simulator import play

    if trace:
        out([f"{line}\n" for line in play(seed, only).trace.lines()])
    return play_block([seed], only)


def _many(seeds: range, only: Sequence[Fault], processes: int | None) -> Tally:
    from local.simulation.campaign import run

    said = 0

    def say(tally: Tally) -> None:
        nonlocal said
        if _TENTHS * tally.histories // len(seeds) > said:
            said = _TENTHS * tally.histories // len(seeds)
            note(f"{tally.histories:,} of {len(seeds):,} histories, {tally.faults.total():,} faults")

    with stoppable(hurry=_patience):
        return run(seeds, only=only, processes=processes, say=say)


def _patience() -> None:
    """The histories under way are the last ones already, and take a few seconds."""


def _show(broken: Broken, only: Sequence[Fault], *, whole: bool) -> None:
    for line in () if whole else broken.trace[-_SHOWN:]:
        note(line)
    chosen = "".join(f" --only {fault.name.lower()}" for fault in only)
    note(f"replay: piecewise simulate --seed {broken.seed}{chosen} --trace")


def _faults(names: Sequence[str]) -> list[Fault]:
    from local.simulation.faults import Fault

    known = {fault.name.lower(): fault for fault in Fault}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is no fault; there are: {', '.join(known)}", param_hint="--only")
    return [known[name] for name in names]
