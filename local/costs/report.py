"""A bill as one JSON document, and as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from local.costs.bill import Alternative, Bill, Line, Work, total
from local.costs.floor import floor_lines
from local.costs.others import alternatives
from local.costs.work import hours, work_lines, worker_seconds

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_EXAMPLES = (("1 MB", 1_000_000), ("10 MB", 10_000_000), ("100 MB", 100_000_000))
SCHEMA = 1  # counts up when a field changes its meaning or goes

Extras = Mapping[str, float]
"""Dollars a month more (or less), by the parameter that would be chosen."""


def as_json(bill: Bill, work: Work, extras: Extras) -> dict[str, Any]:
    """Everything the tables say, and more digits."""
    lines = work_lines(bill, work)
    return {
        "schema": SCHEMA,
        "prices": {"date": bill.prices.date.isoformat(), "region": bill.prices.region},
        "measured": {"date": bill.measured.date.isoformat(), "machine": bill.measured.machine},
        "assumed": dict(bill.measured.assumed),
        "work": {"chunks": work.chunks, "document_bytes": work.document_bytes, "hours": hours(bill, work)},
        "lines": [_line(bill, line) for line in lines],
        "dollars": total(lines),
        "alternatives": [
            {"what": other.what, "lines": [_line(bill, line) for line in other.lines], "dollars": other.dollars}
            for other in alternatives(bill, work)
        ],
        "month": {
            "lines": [_line(bill, line) for line in floor_lines(bill)],
            "dollars": total(floor_lines(bill)),
            "more_with": dict(extras),
        },
    }


def show(console: Console, bill: Bill, work: Work, extras: Extras) -> None:
    """Three tables, each with the words that it needs."""
    lines = work_lines(bill, work)
    console.print(_table(f"{work.chunks:,.0f} chunks", bill, lines))
    console.print(_explained(bill, work), highlight=False, markup=False)
    console.print(_documents(bill), highlight=False, markup=False)
    console.print(_beside(lines, alternatives(bill, work)))
    console.print(
        "Not in the others' sums: a state that a client can ask for, the joined result, and retries, each of which is "
        "a transition or operation more. A Map's batch fails as one.\n",
        highlight=False, markup=False,
    )  # fmt: skip
    console.print(_table("a month of a stack that does nothing", bill, floor_lines(bill)))
    for chosen, dollars in extras.items():
        console.print(f"{chosen}: {dollars:+,.2f} a month", highlight=False, markup=False)
    console.print(_sources(bill), highlight=False, markup=False)


def _table(title: str, bill: Bill, lines: Sequence[Line]) -> Table:
    table = _columns(title, "units", "unit", "US$")
    for line in lines:
        table.add_row(line.what, _number(line.quantity), bill.prices[line.price].unit, f"{line.dollars:,.2f}")
    table.add_section()
    table.add_row("in all", "", "", f"{total(lines):,.2f}")
    return table


def _beside(ours: Sequence[Line], others: Sequence[Alternative]) -> Table:
    table = _columns("the same chunks by other means", "calling the model", "all else", "US$")
    rows = [("Piecewise", ours), *((other.what, other.lines) for other in others)]
    for what, lines in rows:
        calling = total([line for line in lines if line.what.startswith("Lambda, ")])
        table.add_row(what, f"{calling:,.2f}", f"{total(lines) - calling:,.2f}", f"{total(lines):,.2f}")
    return table


def _columns(title: str, *names: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in names:
        table.add_column(name, justify="left" if name == "unit" else "right")
    return table


def _explained(bill: Bill, work: Work) -> str:
    sizes, seconds = bill.sizes, bill.measured.assumed["model_seconds"]
    return (
        f"The model's own price is not in it. Waiting for it is billed: GB-seconds = chunks / {sizes.batch_size} x "
        f"(latency + own work of a batch) x memory = {work.chunks:,.0f} / {sizes.batch_size} x ({seconds:g} s + "
        f"{worker_seconds(bill) - seconds:.2f} s) x {sizes.memory['chunk_worker'] / 1024:g} GB: the "
        f"{sizes.batch_size} chunks of a full batch wait together.\n"
        f"With {sizes.in_flight} chunks in flight the model alone takes {hours(bill, work):,.1f} h.\n"
    )


def _documents(bill: Bill) -> str:
    """What a document costs whole, by its size."""
    sizes = [(name, size, size * bill.measured.chunks / bill.measured.bytes) for name, size in _EXAMPLES]
    said = ", ".join(
        f"of {name} ({chunks:,.0f} chunks) ${total(work_lines(bill, Work(chunks, size))):,.4f}"
        for name, size, chunks in sizes
    )
    return f"One document, uploaded, {said}.\n"


def _sources(bill: Bill) -> str:
    unread = [name for name, price in bill.prices.by_name.items() if price.checked == "memory"]
    return (
        f"\nPrices: {bill.prices.region}, {bill.prices.date}, without free tiers and discounts (infra/prices.toml; "
        f"from memory: {', '.join(unread) or 'none'}).\nCounted: {bill.measured.date}, {bill.measured.machine}; what "
        "was not counted is assumed, and infra/measured.toml says so. Nothing of this has been seen on a bill of AWS."
    )


def _line(bill: Bill, line: Line) -> dict[str, Any]:
    price = bill.prices[line.price]
    return {
        "what": line.what,
        "price": line.price,
        "unit": price.unit,
        "amount": price.amount,
        "per": price.per,
        "quantity": line.quantity,
        "dollars": line.dollars,
    }


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
