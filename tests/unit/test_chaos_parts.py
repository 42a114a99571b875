"""The other parts of chaos: documents, numbers, the journal, the SQLite lock, the report, the command's words."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from functions.core.chunking import split
from functions.core.providers.simulated import SimulateOptions
from functions.core.settings import Settings
from local.chaos import report
from local.chaos.databases import Sqlite, given_database
from local.chaos.documents import MARK, POISON, document
from local.chaos.evidence import Evidence, read_calls, read_endings, read_quotes
from local.chaos.faults import Fault, Kind
from local.chaos.invariants import Violation
from local.chaos.journal import Journal
from local.chaos.numbers import Numbers
from local.chaos.recovery import Recovery
from local.chaos.run import Outcome, Plan
from local.cli.main import main
from local.stack import StackError

FACTS = {"command": "piecewise chaos", "date": "2026-11-22T09:00:00Z", "cores": 2}
FREEZE = Fault(3, 1.0, Kind.FREEZE_WORKER, "worker-2", 7.5)


def test_a_seed_and_a_number_give_one_document() -> None:
    assert document(1, 5) == document(1, 5)
    assert len({document(1, number).text for number in range(50)} | {document(2, 5).text}) == 51


def test_documents_have_all_sizes_and_some_are_poisoned_in_part() -> None:
    counts, poisoned = [], 0
    for number in range(100):
        made = document(1, number)
        chunks = [made.text[s.char_start : s.char_end] for s in split(made.text, made.max_chunk_chars)]
        counts.append(len(chunks))
        poisoned += POISON in made.text
        assert all(MARK in chunk for chunk in chunks)
        assert made.text.count(POISON) == sum(chunk.count(POISON) for chunk in chunks)
    assert min(counts) < 20 < 100 < max(counts)
    assert 3 < poisoned < 30


def test_the_numbers_are_settings_that_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in Numbers().env().items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(database_url="sqlite://", bucket="b", plan_queue="p", chunk_queue="c", finalize_queue="f")
    assert all(getattr(settings, name) == getattr(Numbers(), name) for name in Numbers.__dataclass_fields__)


def test_more_work_may_take_longer_to_end() -> None:
    some, more = (Numbers().drain_bound(chunks, concurrency=24, latency=0.4) for chunks in (0, 24_000))
    assert more - some == 10 * 1_000 * 0.4


def test_the_journal_knows_what_is_under_way_and_keeps_what_struck(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "faults.jsonl")
    with journal.entry(FREEZE):
        assert (journal.is_frozen(), journal.is_blind()) == (True, False)
        with journal.entry(Fault(4, 2.0, Kind.LOCK, "", 1.0)):
            assert journal.is_blind()
    assert (journal.is_frozen(), journal.is_blind()) == (False, False)
    [(began, ended)] = journal.worker_freezes()
    assert began <= ended
    lines = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["lock-database", "freeze-worker"]


def test_a_fault_that_missed_is_counted_apart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "faults.jsonl")
    with pytest.raises(OSError, match="gone"), journal.entry(FREEZE):
        raise OSError("gone")
    journal.miss(FREEZE)
    assert (sum(journal.counts().values()), journal.missed[Kind.FREEZE_WORKER]) == (0, 1)


def test_a_locked_sqlite_file_is_held_and_free_again_afterwards(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "file.db")) as made:
        made.execute("PRAGMA journal_mode=WAL")
    database = Sqlite(tmp_path / "file.db")
    assert not database.is_held()
    with database.fault(Kind.LOCK):
        assert database.is_held()
    assert not database.is_held()


@pytest.mark.parametrize("url", ["sqlite:///x.db", "nonsense", "postgresql+psycopg://127.0.0.1:1/none"])
def test_a_database_that_cannot_be_used_is_one_line(url: str) -> None:
    with pytest.raises(StackError) as refused, given_database(url):
        pass
    assert "--database-url" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_a_run_left_behind_is_read(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text(
        '{"job_id": "a", "chunk_index": 0, "attempt": 1, "outcome": "ok", "start": 1, "end": 2}\n'
    )
    (tmp_path / "logs").mkdir()
    ended = '{"message": "the job ended", "job_id": "a"}\n'
    (tmp_path / "logs" / "control.log").write_text(f'{ended}{{"message": "the job ended", "jo')
    (tmp_path / "logs" / "control.log.1").write_text(ended)
    (tmp_path / "logs" / "worker-1.log").write_text(f"the sea and the {MARK}")
    assert [call.outcome for call in read_calls(tmp_path / "calls")["a", 0]] == ["ok"]
    assert read_endings(tmp_path / "logs") == {"a": 2}
    assert read_quotes(tmp_path) == ["worker-1.log"]
    assert read_calls(tmp_path / "none") == {}


def outcome(where: Path, *broken: Violation, worst: float = 0.5) -> Outcome:
    journal, recovery = Journal(where / "faults.jsonl"), Recovery(bound=3)
    with journal.entry(FREEZE):
        pass
    recovery.see(0, {}, able=True)
    recovery.see(9, {("lease", "a", 0): worst}, able=True)
    nothing = Evidence(documents={}, accepted={}, jobs={}, chunks={}, calls={}, results={}, crash_limit=3)
    return Outcome(
        plan=Plan(seconds=60, seed=1), database="sqlite", journal=journal, recovery=recovery, evidence=nothing,
        violations=broken, broken_requests=2, messages_again=7, drained=3.0,
    )  # fmt: skip


def test_a_good_run_is_told_with_its_faults_and_its_recovery(tmp_path: Path) -> None:
    good = outcome(tmp_path)
    found = report.as_json(FACTS, good)
    page = "\n".join(report.lines(found))
    assert good.is_good
    assert json.loads(json.dumps(found)) == found
    assert found["faults"] == {"struck": 1, "missed": 0, "by_kind": {"freeze-worker": 1}}
    assert "worst 0.5 s (bound 3 s)" in page
    assert page.endswith("0 violations")


def test_violations_are_named_and_make_a_run_a_bad_one(tmp_path: Path) -> None:
    bad = outcome(tmp_path, *[Violation("spans_tile", "a has a gap")] * 30)
    page = list(report.lines(report.as_json(FACTS, bad)))
    assert not bad.is_good
    assert page.count("VIOLATED  spans_tile: a has a gap") == 20
    assert page[-2:] == ["… and 10 more; --json lists them", "30 violations"]


def test_a_late_recovery_makes_a_run_a_bad_one(tmp_path: Path) -> None:
    late = outcome(tmp_path, worst=4.0)
    assert not late.is_good
    assert "LATE      lease: 4 s" in list(report.lines(report.as_json(FACTS, late)))


@pytest.mark.parametrize(
    "arguments", [("--seconds", "0"), ("--workers", "1"), ("--database", "oracle"), ("--faults-per-minute", "0")]
)
def test_bad_options_are_refused_before_anything_starts(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chaos", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_switch_for_outages_is_an_option_of_the_simulated_model(tmp_path: Path) -> None:
    assert SimulateOptions.parse({"outage": str(tmp_path / "out")}).outage == tmp_path / "out"
