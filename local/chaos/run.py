"""A run of chaos from its first process to its verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from functions.core.jobs import ACTIVE_JOB, OPEN_CHUNK
from functions.core.store.engines import make_engines
from local.chaos import evidence as left_behind
from local.chaos.databases import Database, Sqlite, given_database, own_postgres
from local.chaos.documents import POISON, document
from local.chaos.evidence import Evidence, Row
from local.chaos.faults import ANYWHERE, schedule
from local.chaos.injector import Injector
from local.chaos.invariants import Violation, violations
from local.chaos.journal import Journal
from local.chaos.load import Load
from local.chaos.numbers import Numbers
from local.chaos.queues import queues_at, send_again, waiting
from local.chaos.recovery import Recovery, Sampler
from local.client import Client
from local.event_source.wire import SqsError
from local.options import Options
from local.stack import Stack

Say = Callable[[str], None]

_GLANCE = 0.5  # seconds
_STILL = 3  # looks at empty queues in a row, so that what was received last has been worked
_START = 90.0  # seconds in which what was killed last is there again
_SLOWEST = 20  # messages a second that the slowest machine acknowledges


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is told; times in seconds. `database_url`: a Postgres that is there, else one is started."""

    seconds: float
    seed: int
    postgres: bool = False
    database_url: str | None = None
    faults_per_minute: float = 25.0
    workers: int = 3
    concurrency: int = 24
    clients: int = 4  # few, so that what a frozen worker held is worked by another before it comes back
    latency: float = 0.6
    numbers: Numbers = field(default_factory=Numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to; `drained` is the seconds from the last fault to the end of the last job."""

    plan: Plan
    database: str
    journal: Journal
    recovery: Recovery
    evidence: Evidence
    violations: Sequence[Violation]
    broken_requests: int
    messages_again: int
    drained: float

    @property
    def is_prompt(self) -> bool:
        """Whether all that stood still was moved on within the bound."""
        return not self.recovery.late

    @property
    def is_good(self) -> bool:
        """No violation, and no late recovery."""
        return self.is_prompt and not self.violations


def run(plan: Plan, state: Path, say: Say) -> Outcome:
    """Start a stack with its state in `state`, hurt it, let it end its work, and judge it. Raises StackError."""
    with _database(plan, state) as database, _Run(plan, state, database, say) as running:
        return running.go()


class _Run:
    def __init__(self, plan: Plan, state: Path, database: Database, say: Say) -> None:
        self._plan = plan
        self._state = state
        self._database = database
        self._say = say
        self._calls = state / "calls.jsonl"
        self._switch = state / "provider-is-out"
        self._journal = Journal(state / "faults.jsonl")
        self._held = ExitStack()

    def __enter__(self) -> _Run:
        with self._held:
            options = self._options()
            self._stack = self._held.enter_context(Stack(options, say=lambda _: None))
            engines = make_engines(self._database.url, pool_size=2)
            self._held.callback(engines.dispose)
            self._engine: Engine = engines.read
            self._held = self._held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _options(self) -> Options:
        plan = self._plan
        return Options(
            port=0, state_dir=self._state, model="simulated", concurrency=plan.concurrency, workers=plan.workers,
            grace=0.0,
            simulate={
                "latency": f"{plan.latency:g}", "latency_sigma": "0.3", "poison": POISON, "log": str(self._calls),
                "outage": str(self._switch), "seed": str(plan.seed),
            },
            env={
                **plan.numbers.env(),
                "PIECEWISE_DATABASE_URL": self._database.url,
                "MOTO_SQS_ENFORCE_STRICT_QUEUE_PURGE_BEHAVIOUR": "false",  # SQS allows one purge a minute; we want more
            },
        )  # fmt: skip

    def go(self) -> Outcome:
        plan = self._plan
        load = Load(self._stack.url, lambda number: document(plan.seed, number), plan.clients)
        bound = plan.numbers.recovery_bound()
        with Sampler(self._engine, self._stack, self._database, self._journal, bound=bound) as recovery:
            with load:
                self._hurt()
                load.submit_no_more()
                drained = self._drain(load)
            again = self._deliver_again()
        late = ({"at": at, "what": what, "seconds": seconds} for at, what, seconds in recovery.late)
        left_behind.dump(late, self._state / "late.jsonl")
        evidence = self._evidence(load, *again)
        return Outcome(
            plan=plan, database=self._database.name, journal=self._journal, recovery=recovery, evidence=evidence,
            violations=violations(evidence), broken_requests=load.broken, messages_again=again[0], drained=drained,
        )  # fmt: skip

    def _hurt(self) -> None:
        plan = self._plan
        faults = schedule(
            plan.seed, seconds=plan.seconds, per_minute=plan.faults_per_minute, workers=plan.workers,
            kinds=ANYWHERE | self._database.kinds, lease=plan.numbers.lease,
        )  # fmt: skip
        self._say(f"{len(faults)} faults in {plan.seconds:g} s on {self._database.name}; state in {self._state}")
        injector = Injector(self._stack, self._database, self._journal, switch=self._switch)
        injector.run(faults, plan.seconds)

    def _drain(self, load: Load) -> float:
        """Wait for all jobs, also those whose 202 never came; seconds. What has not ended in time is a violation."""
        began = time.monotonic()
        rows = left_behind.read_chunks(self._engine).values()
        still = sum(row["status"] in OPEN_CHUNK for of_job in rows for row in of_job)
        bound = self._plan.numbers.drain_bound(still, concurrency=self._plan.concurrency, latency=self._plan.latency)
        self._say(f"no more faults; {still} open chunks have {bound:.0f} s to end")
        load.wait(bound)
        while time.monotonic() - began < bound and any(
            job["status"] in ACTIVE_JOB for job in left_behind.read_jobs(self._engine).values()
        ):
            time.sleep(_GLANCE)
        return time.monotonic() - began

    def _deliver_again(self) -> tuple[int, list[str], int]:
        """(messages sent again, ids of the jobs that they changed, messages that nobody took)."""
        before = self._rows()
        chunks = (row for rows in before[1].values() for row in rows)
        self._settle(_START)
        with queues_at(self._stack.aws_url()) as sqs:
            sent = send_again(sqs, before[0].values(), chunks)
        self._say(f"all has ended; {sent} messages are delivered again")
        left = self._settle(30 + sent / _SLOWEST)
        return sent, left_behind.changed_jobs(before, self._rows()), left

    def _settle(self, seconds: float) -> int:
        """Wait until nothing can be received; what still can after so many seconds."""
        until, still = time.monotonic() + seconds, 0
        while True:
            left = self._waiting()
            still = still + 1 if left == 0 else 0
            if still >= _STILL or time.monotonic() > until:
                return left
            time.sleep(_GLANCE)

    def _waiting(self) -> int:
        try:
            with queues_at(self._stack.aws_url()) as sqs:
                return waiting(sqs)
        except SqsError:
            return 1  # not known, or not there yet

    def _rows(self) -> tuple[dict[str, Row], dict[str, list[Row]]]:
        return left_behind.read_jobs(self._engine), left_behind.read_chunks(self._engine)

    def _evidence(self, load: Load, _sent: int, changed: list[str], left: int) -> Evidence:
        jobs, chunks = self._rows()
        left_behind.dump(jobs.values(), self._state / "jobs.jsonl")
        left_behind.dump((row for rows in chunks.values() for row in rows), self._state / "chunks.jsonl")
        return Evidence(
            documents=load.documents, accepted=load.accepted, jobs=jobs, chunks=chunks,
            calls=left_behind.read_calls(self._calls), results=self._results(jobs),
            crash_limit=self._plan.numbers.crash_limit, endings=left_behind.read_endings(self._state / "logs"),
            freezes=self._journal.worker_freezes(), changed=changed, left=left,
            quotes=left_behind.read_quotes(self._state), seen=load.complaints,
        )  # fmt: skip

    def _results(self, jobs: dict[str, Row]) -> dict[str, str]:
        with Client(self._stack.url) as client:
            return {
                job_id: "".join(client.result(job_id))
                for job_id, job in jobs.items()
                if job["status"] not in ACTIVE_JOB and job["chunks_completed"]
            }


@contextmanager
def _database(plan: Plan, state: Path) -> Iterator[Database]:
    if plan.database_url is not None:
        with given_database(plan.database_url) as given:
            yield given
    elif plan.postgres:
        with own_postgres() as own:
            yield own
    else:
        yield Sqlite(state / "piecewise.db")
