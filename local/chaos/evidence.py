"""What is left to judge a run by: rows, the provider's own log of calls, results as a client gets them, log lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from functions.core.store.tables import chunks, jobs
from local.chaos.documents import MARK, Document

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the simulated model that came to an end; times in seconds of the epoch."""

    job_id: str
    chunk_index: int
    attempt: int
    outcome: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the invariants ask; `jobs` and `chunks` are rows, the chunks of each job in index order.

    `documents` by label; `accepted` are the ids that a 202 gave, with their documents' labels; `results` are whole
    results over HTTP by job; `endings` is how often a finalizer said that it had ended the job; `freezes` are when
    workers were frozen; `changed` are the ids of jobs that messages sent again have changed; `left` is messages that
    can still be received; `quotes` are the logs that quote a document; `seen` is what polling clients complain of.
    """

    documents: Mapping[str, Document]
    accepted: Mapping[str, str]
    jobs: Mapping[str, Row]
    chunks: Mapping[str, Sequence[Row]]
    calls: Mapping[tuple[str, int], Sequence[Call]]
    results: Mapping[str, str]
    crash_limit: int
    endings: Mapping[str, int] = field(default_factory=dict)
    freezes: Sequence[tuple[float, float]] = ()
    changed: Sequence[str] = ()
    left: int = 0
    quotes: Sequence[str] = ()
    seen: Sequence[str] = ()

    def text(self, job: Row) -> str:
        """The document that a row was made from."""
        return self.documents[job["instructions"]].text


def read_jobs(engine: Engine) -> dict[str, Row]:
    """All job rows by id. Raises SQLAlchemy's DBAPIError."""
    with engine.connect() as connection:
        return {row["job_id"]: dict(row) for row in connection.execute(select(jobs)).mappings()}


def read_chunks(engine: Engine) -> dict[str, list[Row]]:
    """All chunk rows by job, in index order. Raises SQLAlchemy's DBAPIError."""
    found: dict[str, list[Row]] = {}
    with engine.connect() as connection:
        for row in connection.execute(select(chunks).order_by(chunks.c.job_id, chunks.c.chunk_index)).mappings():
            found.setdefault(row["job_id"], []).append(dict(row))
    return found


def changed_jobs(before: Sequence[Mapping[str, object]], after: Sequence[Mapping[str, object]]) -> list[str]:
    """The ids whose rows are not the same in both; each several tables' rows by job."""
    ids = {job_id for rows in (*before, *after) for job_id in rows}
    return sorted(
        job_id
        for job_id in ids
        if any(old.get(job_id) != new.get(job_id) for old, new in zip(before, after, strict=True))
    )


def read_log(log: Path) -> list[Call]:
    """The provider's log, in the order in which calls ended; one that is not there yet is empty."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [Call(**json.loads(line)) for line in lines]


def read_calls(log: Path) -> dict[tuple[str, int], list[Call]]:
    """The same by chunk."""
    found: dict[tuple[str, int], list[Call]] = {}
    for call in read_log(log):
        found.setdefault((call.job_id, call.chunk_index), []).append(call)
    return found


def read_endings(logs: Path) -> Counter[str]:
    """How often the logs say that a job ended, by job."""
    lines = (line for log in logs.glob("control.log*") for line in log.read_text(errors="replace").splitlines())
    ended = (_parse(line) for line in lines if '"the job ended' in line)
    return Counter(line["job_id"] for line in ended if "job_id" in line)


def read_quotes(state: Path) -> list[str]:
    """The logs in which a document's text stands."""
    return sorted(log.name for log in (state / "logs").iterdir() if MARK.encode() in log.read_bytes().lower())


def dump(rows: Iterable[Row], path: Path) -> None:
    """Keep rows as lines of JSON, for whoever looks for the cause."""
    path.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), encoding="utf-8")


def _parse(line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:  # the process was killed while it wrote
        return {}
    return parsed if isinstance(parsed, dict) else {}
