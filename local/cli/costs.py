"""`piecewise costs`: what a deployment costs on AWS, computed from the template."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli.say import out

if TYPE_CHECKING:
    from local.costs.bill import Bill

_WIDTH = 120  # of a table that goes into a file


def costs(
    chunks: Annotated[int, typer.Option(min=1, help="How many chunks.")] = 1_000_000,
    document_bytes: Annotated[int, typer.Option(min=1, help="Size of the documents they come from.")] = 10_000_000,
    one: Annotated[bool, typer.Option("--one", help="One such document, instead of --chunks.")] = False,
    latency: Annotated[float | None, typer.Option(min=0, help="Seconds that the model takes for a chunk.")] = None,
    bench: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `piecewise bench --json` printed, for the CPU of a chunk.")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the template; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
) -> None:
    """What so many chunks cost on AWS beside other ways to work on them, and what a stack costs that does nothing.

    The template's numbers x what was counted and measured (infra/measured.toml) x AWS's prices (infra/prices.toml).
    The model's own price is not in it.
    """
    from local.costs import report
    from local.costs.bill import Work

    given = _given(parameters or [])
    bill = _bill(given, latency, bench)
    if one:
        chunks = round(document_bytes * bill.measured.chunks / bill.measured.bytes) or 1
    work, extras = Work(chunks, document_bytes), _extras(bill, given)
    if as_json:
        out([json.dumps(report.as_json(bill, work, extras), indent=2)])
    else:
        from rich.console import Console

        report.show(Console(width=None if sys.stdout.isatty() else _WIDTH), bill, work, extras)


def _given(pairs: list[str]) -> dict[str, str]:
    from functions.core.errors import Misconfigured
    from local.templates.parameters import parsed

    try:
        return parsed(pairs)
    except Misconfigured as error:
        raise typer.BadParameter(str(error), param_hint="--set") from None


def _bill(given: dict[str, str], latency: float | None, bench: Path | None) -> Bill:
    from local.costs.bill import Bill
    from local.costs.measured import load_measured
    from local.costs.prices import load_prices
    from local.costs.sizes import load_sizes

    measured = load_measured()
    if bench is not None:
        measured = measured.with_cpu_of(bench)
    if latency is not None:
        measured = measured.with_model(latency)
    return Bill(load_prices(), measured, load_sizes(given=given))


def _extras(bill: Bill, given: dict[str, str]) -> dict[str, float]:
    """What each other choice of a parameter would add to a month in which nothing happens."""
    from dataclasses import replace

    from local.costs.bill import total
    from local.costs.floor import floor_lines
    from local.costs.sizes import choices, load_sizes

    floor = total(floor_lines(bill))
    extras = {}
    for name, value in choices():
        if name not in given:
            other = replace(bill, sizes=load_sizes(given={**given, name: str(value)}))
            extras[f"{name}={value}"] = total(floor_lines(other)) - floor
    return {chosen: dollars for chosen, dollars in extras.items() if abs(dollars) >= 0.01}
