"""What a stack is told, and how the chunks in work at once are shared among processes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
DEFAULT_PORT = 3000
DEFAULT_CONCURRENCY = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A stack as the command line, a test or a benchmark wants it.

    `port` 0 takes a free one; `state_dir` None is a temporary directory, removed at the end; `model` None is what the
    environment says, else `local`; `concurrency` is chunks in work at once; `workers` is processes among which
    these are shared at most, None is one a core; `simulate` are the simulated provider's
    keys; `grace` is seconds that running calls get at the end; `env` overrides anything a process sees.
    `database_url` is a database that lives on, for which the state directory must be named too; `postgres`: a Postgres
    of the stack's own; neither: an SQLite file. `isolated`: functions in processes of their own, as on Lambda;
    `workers` says nothing then, and `chunk_timeout` seconds are the most that an invocation of the chunk worker gets,
    whatever the template says.
    """

    port: int = DEFAULT_PORT
    state_dir: Path | None = None
    database_url: str | None = None
    postgres: bool = False
    isolated: bool = False
    chunk_timeout: float | None = None
    model: str | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    workers: int | None = None
    simulate: Mapping[str, str] = field(default_factory=dict)
    grace: float = 5.0
    start_timeout: float = 60.0
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shares:
    """`batch_size` chunks an invocation; each worker process runs as many invocations at once as its entry says."""

    batch_size: int
    invocations: tuple[int, ...]


def shares(concurrency: int, batch_size: int, processes: int) -> Shares:
    """Spread `concurrency` chunks over invocations of at most `batch_size`, and these over at most so many processes.

    Never more than `concurrency` at once, and as near to it as whole, equal batches come.
    """
    invocations = -(-concurrency // batch_size)
    workers = min(processes, invocations)
    each, rest = divmod(invocations, workers)
    return Shares(concurrency // invocations, tuple(each + (1 if worker < rest else 0) for worker in range(workers)))
