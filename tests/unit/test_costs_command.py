"""`piecewise costs`: tables for people, JSON for programs, one line for what it cannot take."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from local.cli.main import main

Costs = Callable[..., tuple[int, str, str]]


@pytest.fixture
def costs(capsysbinary: pytest.CaptureFixture[bytes]) -> Costs:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["costs", *arguments])
        captured = capsysbinary.readouterr()
        return int(ended.value.code or 0), captured.out.decode(), captured.err.decode()

    return run


def test_the_tables_show_the_chunks_the_other_means_the_month_and_where_it_all_is_from(costs: Costs) -> None:
    code, out, _ = costs("--set", "UseProxy=yes")
    assert code == 0
    for said in (
        "1,000,000 chunks", "Lambda, chunk_worker: duration", "Step Functions Distributed Map", "durable functions",
        "a month of a stack that does nothing", "interface endpoints", "RDS Proxy", "Egress=nat:",
        "The model's own price is not in it", "chunks / 8", "infra/prices.toml", "infra/measured.toml",
    ):  # fmt: skip
        assert said in out
    assert "UseProxy=" not in out


def test_json_has_the_same_and_the_sums_are_sums(costs: Costs) -> None:
    code, out, _ = costs("--json", "--chunks", "1000", "--latency", "10")
    said = json.loads(out)
    assert code == 0
    assert said["schema"] == 1
    assert said["assumed"]["model_seconds"] == 10
    assert said["work"]["chunks"] == 1000
    assert said["dollars"] == pytest.approx(sum(line["dollars"] for line in said["lines"]))
    assert said["month"]["dollars"] == pytest.approx(sum(line["dollars"] for line in said["month"]["lines"]))
    assert len(said["alternatives"]) == 4


def test_one_document_has_as_many_chunks_as_it_has_room_for(costs: Costs) -> None:
    _, out, _ = costs("--json", "--one", "--document-bytes", "10000000")
    assert 2_500 < json.loads(out)["work"]["chunks"] < 3_000


def test_the_batch_of_the_template_is_the_divisor(costs: Costs) -> None:
    def seconds(*arguments: str) -> float:
        lines = json.loads(costs("--json", "--latency", "60", *arguments)[1])["lines"]
        return next(float(line["quantity"]) for line in lines if line["what"] == "Lambda, chunk_worker: duration")

    assert seconds("--set", "ChunkBatchSize=4") == pytest.approx(2 * seconds(), rel=0.01)
    assert seconds("--set", "ChunkMemory=2048") == pytest.approx(2 * seconds(), rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "trouble"),
    [
        (("--set", "Exit=nat"), "Exit: there is no such parameter; there are Architecture"),
        (("--set", "Egress=moon"), "Egress is 'moon'; it may be none, nat"),
        (("--set", "ChunkBatchSize=0"), "ChunkBatchSize is 0; it is at least 1"),
        (("--set", "ChunkBatchSize=many"), "ChunkBatchSize is 'many', not a whole number"),
        (("--set", "ChunkBatchSize=2.5"), "ChunkBatchSize is '2.5', not a whole number"),
        (("--set", "KmsKeyArn=nonsense"), "KmsKeyArn is 'nonsense', which does not match ^(arn:"),
        (("--bench", "none.json"), "none.json: cannot be read"),
    ],
)
def test_what_it_cannot_take_is_one_line(costs: Costs, arguments: tuple[str, ...], trouble: str) -> None:
    code, out, err = costs(*arguments)
    assert (code, out) == (1, "")
    assert trouble in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--set", "Egress"), ("--set", "A=1", "--set", "A=2"), ("--chunks", "0")])
def test_bad_usage_is_2(costs: Costs, arguments: tuple[str, ...]) -> None:
    assert costs(*arguments)[0] == 2
