"""What a deployment costs: the arithmetic on small numbers, and the files that it takes its numbers from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from functions.core.errors import Misconfigured
from local.costs.bill import Bill, Line, Work, total
from local.costs.floor import floor_lines
from local.costs.measured import MEASURED, ROOMS, Counted, Measured, load_measured
from local.costs.others import alternatives
from local.costs.prices import PRICES, Price, Prices, load_prices
from local.costs.report import as_json
from local.costs.sizes import Sizes
from local.costs.work import hours, work_lines, worker_seconds

NOTHING = Counted(invocations=1, cpu_ms=0, statements=0, commits=0, log_bytes=0, calls={})
SIZES = Sizes(
    architecture="arm64", memory=dict.fromkeys(("api", "planner", "finalizer", "chunk_worker", "reconciler"), 1024),
    batch_size=8, concurrency=4, mappings=6, tracing=True, schedule_minutes=1, passes=2, pause_seconds=30.0,
    endpoint_zones=4, nat_gateways=1, database_instances=1, least_acu=0.5, proxies=1, secrets=1, keys=1, alarms=7,
    dashboards=1, metrics=5,
)  # fmt: skip
ASSUMED = {
    "model_seconds": 2.0, "statement_ms": 1.0, "commit_ms": 4.0, "call_ms": 20.0, "mb_a_vcpu": 2048, "gets_a_chunk": 1,
    "polls_a_document": 10, "answer_bytes": 1000, "runtime_log_bytes": 100, "traced_share": 0.5, "busy_acu": 2.5,
    "database_gb": 10, "hours_a_month": 730, "pollers": 5, "poll_seconds": 20, "rds_proxy_least_acu": 8,
    "transitions_a_chunk": 1, "express_gb": 0.0625, "operations_a_chunk": 2, "durable_months_kept": 0.5,
    "part_bytes": 8_000_000, "record_bytes": 200,
}  # fmt: skip
WORK = Work(chunks=800, document_bytes=400_000)  # of 100 chunks each: 8 documents


class Asked(dict[str, Price]):
    """Prices of a dollar a unit, whatever their names; remembers which were asked for."""

    def __missing__(self, name: str) -> Price:
        self[name] = Price(1.0, 1, "thing", "https://example.com", "memory")
        return self[name]


def bill(sizes: Sizes = SIZES, **rooms: Counted) -> Bill:
    """A dollar a unit, so that dollars are units; one document was 100 chunks of 4,000 bytes."""
    counted = {**dict.fromkeys(ROOMS, NOTHING), **rooms}
    measured = Measured(date(2026, 1, 2), "a machine", 100, 400_000, counted, ASSUMED)
    return Bill(Prices(date(2026, 1, 2), "us-east-1", Asked()), measured, sizes)


def named(lines: list[Line], what: str) -> float:
    (found,) = (line.dollars for line in lines if line.what == what)
    return found


# -- so many chunks


def test_the_chunks_of_a_batch_share_the_wait_for_the_model() -> None:
    assert named(work_lines(bill(), WORK), "Lambda, chunk_worker: duration") == 800 / 8 * 2.0
    alone = bill(replace(SIZES, batch_size=1))
    assert named(work_lines(alone, WORK), "Lambda, chunk_worker: duration") == 800 * 2.0


def test_memory_makes_a_second_dearer_and_work_shorter() -> None:
    worker = replace(NOTHING, cpu_ms=100 * 10.0)  # 10 ms a chunk, on a whole vCPU of 2,048 MB
    half = bill(chunk_worker=worker)
    assert worker_seconds(half) == pytest.approx(2.0 + 8 * 0.010 * 2)
    whole = bill(replace(SIZES, memory={**SIZES.memory, "chunk_worker": 4096}), chunk_worker=worker)
    assert worker_seconds(whole) == pytest.approx(2.0 + 8 * 0.010)
    assert named(work_lines(whole, WORK), "Lambda, chunk_worker: duration") == pytest.approx(100 * 2.08 * 4)


def test_every_round_trip_is_waited_for() -> None:
    worker = replace(NOTHING, statements=100, commits=50, calls={"GetObject": 100})
    assert worker_seconds(bill(chunk_worker=worker)) == pytest.approx(2.0 + 8 * (0.001 + 0.5 * 0.004 + 0.020))


def test_a_message_is_sent_received_and_deleted_in_batches() -> None:
    lines = work_lines(bill(planner=replace(NOTHING, calls={"SendMessageBatch": 10})), WORK)
    assert named(lines, "SQS, chunk messages") == 80 + 100 + 100
    assert named(lines, "SQS, their groups (fair queues)") == 280
    assert named(lines, "SQS, plan and finalize messages") == 8 * 4


def test_what_is_done_once_a_document_is_counted_by_documents() -> None:
    lines = work_lines(bill(api=replace(NOTHING, calls={"PutObject": 1}), finalizer=replace(NOTHING, commits=3)), WORK)
    assert named(lines, "Lambda, api: invocations") == 8
    assert named(lines, "Lambda, poll: invocations") == 80
    assert named(lines, "S3, documents written") == 8
    assert named(lines, "S3, spans read") == 800
    assert named(lines, "Aurora, one write a commit") == 24
    assert named(lines, "HTTP API") == 8 * (1 + 10)  # a request of up to 512 KB, and the polls


def test_a_large_document_is_uploaded_in_parts_and_its_results_are_written_to_the_bucket() -> None:
    planner = replace(NOTHING, calls={"DeleteObjectTagging": 1, "GetObject": 2})
    lines = work_lines(bill(planner=planner), Work(chunks=25_000, document_bytes=100_000_000))
    assert named(lines, "S3, documents written") == 13 + 3 + 1  # parts; begin, list and join them; take the tag off
    assert named(lines, "S3, large results written") == (5 + 3) + (6 + 3)  # 25 MB of text and 30 MB of NDJSON, by 5 MiB
    assert named(lines, "S3, spans read") == 25_000 + 250 * 2
    assert named(lines, "S3, documents and results kept for a month") == pytest.approx(0.100 + 0.025 + 0.025 + 0.030)


def test_a_result_that_the_database_and_an_answer_hold_is_written_nowhere_else() -> None:
    assert named(work_lines(bill(), WORK), "S3, large results written") == 0


def test_the_database_is_billed_above_its_minimum_for_as_long_as_the_model_takes() -> None:
    expected = 800 * 2.0 / (8 * 4) / 3600
    assert hours(bill(), WORK) == pytest.approx(expected)
    assert named(work_lines(bill(), WORK), "Aurora, above its minimum while they run") == pytest.approx(2.0 * expected)


def test_what_is_not_deployed_costs_nothing() -> None:
    bare = replace(SIZES, nat_gateways=0, proxies=0, database_instances=0, tracing=False, keys=0)
    lines = [*work_lines(bill(bare), WORK), *floor_lines(bill(bare))]
    assert not {"NAT gateways", "NAT, chunks and answers", "RDS Proxy", "traces", "keys of one's own"} & {
        line.what for line in lines if line.dollars
    }


# -- other means


def test_the_alternatives_pay_for_each_chunk_and_call_the_same_model() -> None:
    one, batched, express, durable = alternatives(bill(), WORK)
    assert one.lines[0].dollars == 800
    assert batched.lines[0].dollars == 100
    assert express.lines[0].dollars == 800
    assert express.lines[1].dollars == pytest.approx(800 * 2.0 * 0.0625)
    assert durable.lines[0].dollars == 1600
    assert [total(other.lines[-2:]) for other in (one, batched, express, durable)] == [2400, 300, 2400, 300]


# -- a month


def test_a_month_of_nothing() -> None:
    lines = floor_lines(bill(passes=replace(NOTHING, statements=250)))
    assert named(lines, "interface endpoints") == 4 * 730
    assert named(lines, "Aurora at its minimum") == 365
    assert named(lines, "RDS Proxy") == 8 * 730
    assert named(lines, "Lambda asks empty queues") == 6 * 5 * 730 * 180
    assert named(lines, "Lambda, reconciler: invocations") == 43_800
    assert named(lines, "Lambda, reconciler: duration") == 43_800 * (30.0 + 2 * 0.25)  # the pause is billed too


# -- the files


def test_every_price_is_used_and_none_is_missing() -> None:
    used = Asked()
    for architecture in ("arm64", "x86_64"):
        one = replace(bill(replace(SIZES, architecture=architecture)), prices=Prices(date.min, "", used))
        as_json(one, WORK, {})
    assert used.keys() == load_prices().by_name.keys()


def test_every_assumption_is_used_and_none_is_missing() -> None:
    source = "".join(path.read_text() for path in (Path(__file__).parents[2] / "local" / "costs").glob("*.py"))
    assert set(re.findall(r'\.of\("(\w+)"\)', source)) == load_measured().assumed.keys() == ASSUMED.keys()


def test_prices_and_measurements_say_when_and_where_from() -> None:
    prices, measured = load_prices(), load_measured()
    assert prices.date >= date(2026, 11, 22)
    assert prices.region == "us-east-1"
    assert all(price.page.startswith("https://aws.amazon.com/") for price in prices.by_name.values())
    assert measured.date >= date(2026, 11, 22)
    assert measured.machine


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [
        ('checked = "memory"', 'checked = "somehow"', "checked = published or memory"),
        ("amount = 0.20, per", "amount = -1, per", "needs a positive amount"),
        ("amount = 0.20, per", "amout = 0.20, per", "expected exactly amount, per, unit, page, checked"),
        ("amount = 0.20, per", 'amount = "0.20", per', "amount is not of the right type"),
        ("date = ", "day = ", "expected exactly date, region, prices"),
        ("[prices]", "[prices", "not TOML"),
    ],
)
def test_a_price_file_that_is_not_whole_is_refused(tmp_path: Path, old: str, new: str, trouble: str) -> None:
    refused_with(load_prices, broken(PRICES, tmp_path, old, new), trouble)


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [
        ("[passes]", "[past]", "expected exactly"),
        ("commits = ", "commit = ", "expected exactly invocations, cpu_ms, statements, commits, log_bytes, calls"),
        ('why = "a year', 'way = "a year', "hours_a_month has value, way; expected exactly value, why"),
        ("machine = ", "computer = ", "expected exactly date, machine"),
    ],
)
def test_a_measured_file_that_is_not_whole_is_refused(tmp_path: Path, old: str, new: str, trouble: str) -> None:
    refused_with(load_measured, broken(MEASURED, tmp_path, old, new), trouble)


def test_a_price_that_is_not_there_is_named() -> None:
    with pytest.raises(Misconfigured, match="the prices lack gold"):
        load_prices()["gold"]


def broken(path: Path, folder: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    copy = folder / path.name
    copy.write_text(text.replace(old, new))
    return copy


def refused_with(load: Callable[[Path], object], path: Path, trouble: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(path)
    assert trouble in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


# -- a bench's figures


def test_the_workers_of_a_bench_give_the_cpu_of_a_chunk(tmp_path: Path) -> None:
    by_process = {"moto": 9.0, "gateway": 1.0, "worker-1": 1.5, "worker-2": 2.0}
    figures = [{"id": "chunking.prose", "more": {}}, {"id": "throughput.0.2s.cpu", "more": {"by_process": by_process}}]
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"figures": figures}))
    assert load_measured().with_cpu_of(path).rooms["chunk_worker"].cpu_ms == 3.5 * load_measured().chunks


@pytest.mark.parametrize("text", ["{}", "[]", "no", '{"figures": []}', '{"figures": [{"more": {"by_process": 1}}]}'])
def test_what_is_no_bench_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(text)
    refused_with(load_measured().with_cpu_of, path, "is not what `piecewise bench --json` prints")
    refused_with(load_measured().with_cpu_of, tmp_path / "none.json", "cannot be read")
