from __future__ import annotations

import io
import json
import os

import pytest
from rich.console import Console

from local.bench.figures import Figure, Goal, missed, percentile, times
from local.bench.processes import ProcessDied, Snapshot, Spent
from local.bench.report import as_json, number, show
from local.bench.running import Run
from local.bench.throughput import BareLoop, Pace, figures_of

FACTS = {
    "date": "2026-01-02T03:04:05Z", "command": "piecewise bench", "cores": 2, "memory_gib": 8.0, "system": "Linux",
    "python": "CPython 3.11", "load_before": 0.5,
}  # fmt: skip


def figure(value: float, goal: Goal | None = None, beside: float = 10.0) -> Figure:
    return times("part.name", "what it is", value, "ms", (beside, "the bare one"), goal=goal)


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (None, None),
        (Goal("value", 30), True),
        (Goal("value", 29.9), False),
        (Goal("ratio", 3), True),
        (Goal("ratio", 2.9), False),
        (Goal("value", 30, at_least=True), True),
        (Goal("value", 30.1, at_least=True), False),
    ],
)
def test_a_goal_is_about_the_value_or_its_ratio_and_has_a_direction(goal: Goal | None, met: bool | None) -> None:
    assert figure(30, goal).is_met is met


def test_a_percentile_is_a_value_that_was_measured() -> None:
    hundred = [float(value) for value in range(1, 101)]
    assert (percentile(hundred, 50), percentile(hundred, 99)) == (50.0, 99.0)
    assert percentile([7.0], 99) == 7.0
    assert percentile([3.0, 1.0], 50) == 1.0


def test_json_has_every_field_whatever_the_figure() -> None:
    plain, with_goal = figure(1), figure(30, Goal("ratio", 2))
    said = json.loads(json.dumps(as_json(FACTS, [plain, with_goal])))
    assert said["schema"] == 1
    assert said["facts"]["cores"] == 2
    assert said["missed"] == ["part.name"]
    assert [list(entry) for entry in said["figures"]] == [
        ["id", "what", "value", "unit", "beside", "beside_what", "ratio", "goal", "met", "more"]
    ] * 2
    assert said["figures"][0]["goal"] is None
    assert said["figures"][1]["goal"] == {"of": "ratio", "at_most": 2}


def shown(*figures: Figure) -> str:
    console = Console(file=io.StringIO(), width=120)
    show(console, FACTS, figures)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_says_a_missed_goal_plainly() -> None:
    text = shown(figure(30, Goal("value", 20)), figure(1, Goal("value", 20)))
    assert "MISSED 1 of 2 goals: part.name" in text
    assert "at most 20 ms" in text
    assert "the bare one" in text


def test_the_table_says_where_and_how_it_was_measured() -> None:
    text = shown(figure(1, Goal("value", 20)))
    for fact in ("piecewise bench", "2026-01-02T03:04:05Z", "2 cores", "CPython 3.11"):
        assert fact in text
    assert "all 1 goals met" in text


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1,234"), (0.01234, "0.0123"), (3.14159, "3.14"), (0, "0")])
def test_numbers_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


# -- throughput


def test_throughput_is_judged_by_the_median_run_against_chunks_times_latency_by_concurrency() -> None:
    runs = [Run(wall, 130, Spent({"moto": wall / 10, "worker-1": wall}, 0.5)) for wall in (0.5, 2.0, 1.0)]
    wall, cpu = figures_of(Pace(0.2, 0.60, 3), runs, BareLoop(0.2, 0.5, 0.4, 0.001))
    assert wall.value == 1.0
    assert wall.ratio == wall.beside == pytest.approx(130 * 0.2 / 64)
    assert wall.is_met is False
    assert wall.more["ideal_in_whole_waves"] == 0.6  # two waves of 64 and one of two
    assert wall.more["ratios_of_the_runs"] == [0.812, 0.203, 0.406]
    assert wall.more["ratio_of_the_bare_loop"] == 0.8
    assert cpu.value == pytest.approx(1000 * 1.1 / 130)
    assert cpu.more["by_process"] == {"moto": 0.77, "worker-1": 7.69}
    assert missed([wall, cpu]) == ["throughput.0.2s.wall"]


# -- processes


def snapshot(pid: int, cpu: float, idle: float, at: float) -> Snapshot:
    return Snapshot({"moto": pid}, {"moto": cpu}, here=cpu / 2, idle=idle, at=at)


def test_what_others_took_is_what_was_not_idle_and_neither_the_stack_nor_the_bench() -> None:
    cores = os.cpu_count() or 1
    spent = snapshot(7, 3.0, 100.0 + 4.0 * cores - 3.5, 14.0).since(snapshot(7, 1.0, 100.0, 10.0))
    assert spent.cpu == {"moto": 2.0}
    assert spent.total == 2.0
    assert spent.other_cores == pytest.approx((3.5 - 2.0 - 1.0) / 4.0)


def test_a_process_that_was_replaced_is_not_measured() -> None:
    with pytest.raises(ProcessDied):
        snapshot(8, 3.0, 110.0, 14.0).since(snapshot(7, 1.0, 100.0, 10.0))
