from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from rich.console import Console

from local.bench.documents import Measured, Phase, figures_of, kind
from local.bench.figures import Figure
from local.bench.processes import Spent
from local.bench.report import show

PEAKS = {"moto": 900.0, "gateway": 80.0, "control": 90.0, "worker-1": 100.0, "worker-2": 110.0}


def measured(
    size: int, *, a_mb: float = 1.0, peaks: Mapping[str, float] = PEAKS, planned_only: bool = False
) -> Measured:
    """Each phase takes `a_mb` seconds a MB, half a CPU second a MB of each worker, and two of moto."""
    cpu = {"moto": 2.0 * size, "worker-1": 0.5 * size, "worker-2": 0.5 * size}
    phases = {name: Phase(a_mb * size, Spent(cpu, 0.0)) for name in ("upload", "plan", "analysis")}
    if planned_only:
        del phases["analysis"]
    return Measured(size, 50 * size, phases, peaks)


def by_id(*given: Measured) -> dict[str, Figure]:
    return {figure.id: figure for figure in figures_of(given)}


def test_a_size_stands_beside_10_mb() -> None:
    figures = by_id(measured(1, a_mb=4), measured(10), measured(100, a_mb=1.1))
    assert [figures[f"documents.{size}MB.time"].ratio for size in (1, 10, 100)] == pytest.approx([4, 1, 1.1])
    assert figures["documents.100MB.plan"].value == pytest.approx(1.1)
    assert figures["documents.100MB.plan"].more["wall_seconds"] == 110


def test_without_10_mb_a_size_stands_beside_the_first() -> None:
    figures = by_id(measured(1), measured(2, a_mb=3))
    assert figures["documents.2MB.time"].ratio == pytest.approx(3)
    assert figures["documents.2MB.time"].goal is None


@pytest.mark.parametrize(("a_mb", "met"), [(1.2, True), (1.21, False)])
def test_time_grows_with_the_size_and_not_faster(a_mb: float, met: bool) -> None:
    figures = by_id(measured(1, a_mb=9), measured(10), measured(100, a_mb=a_mb))
    goals = {name: figure.is_met for name, figure in figures.items() if name.endswith(".time")}
    assert goals == {"documents.1MB.time": None, "documents.10MB.time": None, "documents.100MB.time": met}
    assert figures["documents.100MB.cpu"].is_met is True


def test_seconds_chunks_and_cpu_are_shown_behind_the_table() -> None:
    facts = dict.fromkeys(("command", "date", "cores", "memory_gib", "system", "python", "load_before"), "")
    console = Console(file=io.StringIO(), width=200)
    show(console, facts, figures_of([measured(10)]))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "documents.10MB.time: 30 s, 500 chunks" in shown
    assert "documents.10MB.cpu: moto 6000, worker 3000 (ms a MB)" in shown


def test_of_a_document_that_was_only_planned_no_whole_is_told() -> None:
    figures = by_id(measured(10), measured(1000, planned_only=True))
    told = {name.removeprefix("documents.1000MB.") for name in figures if "1000MB" in name}
    assert told == {"upload", "plan", "memory.control", "memory.gateway", "memory.moto", "memory.worker"}


def test_cpu_is_told_without_motos_and_by_kind_of_process() -> None:
    figure = by_id(measured(10), measured(100))["documents.100MB.cpu"]
    assert figure.value == pytest.approx(3000)
    assert figure.unit == "ms"
    assert figure.more["ms_a_mb"] == {"moto": 6000.0, "worker": 3000.0}


def test_the_largest_process_of_a_kind_must_stay_small_and_moto_need_not() -> None:
    figures = by_id(measured(10), measured(100, peaks={**PEAKS, "worker-2": 201.0}))
    assert figures["documents.100MB.memory.worker"].is_met is False
    assert figures["documents.10MB.memory.worker"].is_met is True
    assert figures["documents.100MB.memory.moto"].is_met is None


def test_workers_are_of_one_kind() -> None:
    assert [kind(name) for name in ("worker-12", "moto", "control")] == ["worker", "moto", "control"]
