"""A bench's figures as one JSON document, and as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from local.bench.figures import Figure, missed

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1  # counts up when a field changes its meaning or goes


def as_json(facts: Mapping[str, Any], figures: Sequence[Figure]) -> dict[str, Any]:
    """Facts, figures and the ids of those that missed their goal."""
    return {
        "schema": SCHEMA,
        "facts": dict(facts),
        "figures": [figure.as_json() for figure in figures],
        "missed": missed(figures),
    }


def show(console: Console, facts: Mapping[str, Any], figures: Sequence[Figure]) -> None:
    """The table, what stands behind its rows, and plain words for each goal that was missed."""
    from rich.table import Table

    console.print(f"{facts['command']}   {facts['date']}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}, {facts['python']}, "
        f"load before {facts['load_before']}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    table = Table(box=None, pad_edge=False)
    for name, justify in (("figure", "left"), ("measured", "right"), ("beside it", "left"), ("ratio", "right"),
                          ("goal", "left"), ("", "left")):  # fmt: skip
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for figure in figures:
        table.add_row(*_cells(figure))
    console.print(table)
    for line in (*_details(figures), *_verdict(figures)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _cells(figure: Figure) -> tuple[str, ...]:
    beside = f"{number(figure.beside)} {figure.unit}  {figure.beside_what}"
    met = {True: "met", False: "MISSED", None: ""}[figure.is_met]
    return figure.what, f"{number(figure.value)} {figure.unit}", beside, number(figure.ratio), _goal(figure), met


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    bound = "at least" if figure.goal.at_least else "at most"
    return f"{bound} {figure.goal.limit:g}" + (f" {figure.unit}" if figure.goal.of == "value" else " (ratio)")


def _details(figures: Iterable[Figure]) -> Iterable[str]:
    for figure in figures:
        more = figure.more
        if "ratios_of_the_runs" in more:
            yield (
                f"{figure.id}: {more['chunks_a_second']} chunks a second; ratios of the runs "
                f"{_list(more['ratios_of_the_runs'])}; in whole waves {more['ideal_in_whole_waves']} s, "
                f"{more['ratio_to_whole_waves']}; cores taken by others {_list(more['cores_taken_by_others'])}"
                + (f"; the bare loop {more['ratio_of_the_bare_loop']}" if "ratio_of_the_bare_loop" in more else "")
            )
        if "by_process" in more:
            each = ", ".join(f"{name} {ms:g}" for name, ms in more["by_process"].items())
            yield f"{figure.id}: {each} (ms a chunk)"
        if "ms_a_mb" in more:
            each = ", ".join(f"{name} {ms:g}" for name, ms in more["ms_a_mb"].items())
            yield f"{figure.id}: {each} (ms a MB)"
        if "wall_seconds" in more:
            yield f"{figure.id}: {number(more['wall_seconds'])} s" + (
                f", {more['chunks']} chunks" if "chunks" in more else ""
            )


def _verdict(figures: Sequence[Figure]) -> Iterable[str]:
    goals = sum(figure.goal is not None for figure in figures)
    names = missed(figures)
    if names:
        yield f"MISSED {len(names)} of {goals} goals: {', '.join(names)}"
    elif goals:
        yield f"all {goals} goals met"


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
