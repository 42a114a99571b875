"""What was counted and measured, and what had to be assumed, from one dated file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from functions.core.errors import Misconfigured
from local.costs.prices import check, read_toml

MEASURED = Path(__file__).resolve().parents[2] / "infra" / "measured.toml"
ROOMS = ("api", "poll", "planner", "chunk_worker", "finalizer", "passes")
"""What was counted apart: `poll` is the api function asked for a job, `passes` is one pass of the reconciler."""

_NUMBER = (int, float)
_ROOM: dict[str, type | tuple[type, ...]] = {
    "invocations": int,
    "cpu_ms": _NUMBER,
    "statements": int,
    "commits": int,
    "log_bytes": int,
    "calls": dict,
}


@dataclass(frozen=True, slots=True)
class Counted:
    """What a room did for one document, in all its invocations; `calls` by AWS's operation."""

    invocations: int
    cpu_ms: float
    statements: int
    commits: int
    log_bytes: int
    calls: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """One document of so many chunks and bytes, what each room did for it, and the assumptions by name."""

    date: date
    machine: str
    chunks: int
    bytes: int
    rooms: Mapping[str, Counted]
    assumed: Mapping[str, float]

    def with_cpu_of(self, bench: Path) -> Measured:
        """The same with the chunk worker's CPU from `piecewise bench --json`. Raises Misconfigured."""
        worker = self.rooms["chunk_worker"]
        worker = replace(worker, cpu_ms=_worker_ms(bench) * self.chunks)
        return replace(self, rooms={**self.rooms, "chunk_worker": worker})

    def with_model(self, seconds: float) -> Measured:
        """The same with a model of another latency."""
        return replace(self, assumed={**self.assumed, "model_seconds": seconds})


def load_measured(path: Path = MEASURED) -> Measured:
    """Raises Misconfigured: one line with the file and what is wrong in it."""
    tables = dict.fromkeys(("assumed", "document", *ROOMS), dict)
    content = read_toml(path, {"date": date, "machine": str, **tables})
    check(path, "document", content["document"], {"chunks": int, "bytes": int})
    return Measured(
        date=content["date"],
        machine=content["machine"],
        chunks=content["document"]["chunks"],
        bytes=content["document"]["bytes"],
        rooms={room: _counted(path, room, content[room]) for room in ROOMS},
        assumed={name: _value(path, name, fields) for name, fields in content["assumed"].items()},
    )


def _counted(path: Path, room: str, fields: object) -> Counted:
    check(path, room, fields, _ROOM)
    assert isinstance(fields, dict)
    return Counted(**fields)


def _value(path: Path, name: str, fields: object) -> float:
    check(path, name, fields, {"value": _NUMBER, "why": str})
    assert isinstance(fields, dict)
    return float(fields["value"])


def _worker_ms(bench: Path) -> float:
    """Milliseconds of CPU a chunk of the processes that stand for Lambda's workers."""
    try:
        figures: list[dict[str, Any]] = json.loads(bench.read_text(encoding="utf-8"))["figures"]
        by_process = [figure["more"]["by_process"] for figure in figures if "by_process" in figure["more"]]
        return float(sum(ms for name, ms in by_process[-1].items() if name.startswith("worker")))
    except OSError as error:
        raise Misconfigured(f"{bench}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise Misconfigured(f"{bench}: is not what `piecewise bench --json` prints, with its throughput") from None
