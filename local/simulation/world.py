"""One history: a whole deployment in virtual time, made from the template, and played from one seed."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from functions.core.documents.s3 import S3Documents
from functions.core.documents.uploads import S3Uploads
from functions.core.model import Metric
from functions.core.queues.sqs import SqsQueues
from functions.core.settings import Settings
from functions.core.store.database import Database
from functions.core.store.sql import SqlStore
from functions.core.wiring import Parts, make_timing
from local.simulation.aws import S3, SQS, SimulatedSqs
from local.simulation.bound import bound
from local.simulation.calls import Calls
from local.simulation.carried import Carried
from local.simulation.clients import Clients
from local.simulation.database import SimulatedDatabase
from local.simulation.disturbances import Disturbances
from local.simulation.ending import Ending
from local.simulation.fate import Fate
from local.simulation.faults import Fault, Faults
from local.simulation.functions import Functions, Mapping
from local.simulation.log import LogSink
from local.simulation.loop import SimulatedLoop, Standstill
from local.simulation.meter import SimulatedMeter
from local.simulation.model import ModelOf, SimulatedModel
from local.simulation.outages import Outages
from local.simulation.process import Process
from local.simulation.queue import SimulatedQueue
from local.simulation.reconciler import Schedule
from local.simulation.s3 import SimulatedS3
from local.simulation.store import ToldStore
from local.simulation.story import Story, Violation
from local.simulation.trace import Trace
from local.simulation.watch import Watch
from local.simulation.way import WayToAws, WayToDatabase
from local.templates.deployment import Deployment

_QUEUES = {"plan_queue": "PlanQueue", "chunk_queue": "ChunkQueue", "finalize_queue": "FinalizeQueue"}
_MOST_ATTEMPTS = 5
_LENGTHS = (20.0, 80.0, 240.0)  # seconds in which faults strike
_LENGTHS_ALONE = (240.0, 600.0)  # the same where few were asked for
_PACES = (1.0, 1.0, 10.0, 50.0)  # seconds that a call takes, about
_RESTLESS = (0.1, 0.5)  # how likely a client cancels, or deletes
_DRAWN: dict[str, tuple[float, ...]] = {
    "plan_inline_chunks": (1, 3, 20),
    "plan_block": (1, 2, 5, 1_000),
    "inline_result_bytes": (40, 1_048_576),
    "response_bytes": (200, 4_600_000),
    "max_chunks": (100_000, 100_000, 8),
    "max_live_jobs": (1_000, 1_000, 1),
    "upload_life": (90.0, 86_400.0),
    "retention_days": (0, 1),
    "max_park": (300.0, 86_400.0),
    "hint_after": (60.0, 300.0),
    "hint_cap": (240.0, 3_600.0),
    "reconciler_passes": (1, 1, 2),
}


@dataclass(frozen=True, slots=True)
class History:
    """What came of a seed."""

    seed: int
    violation: str | None
    seconds: float  # virtual
    recovery: float  # virtual seconds from the last fault until every job had ended
    faults: Counter[Fault]
    outcomes: Counter[str]
    trace: Trace


class World:
    """A deployment and everything around it."""

    def __init__(
        self, seed: int, database: SimulatedDatabase, deployment: Deployment, log: LogSink, only: Collection[Fault]
    ) -> None:
        self.seed = seed
        self.database = database
        self.deployment = deployment
        self.random = Random(seed)
        self.story = Story()
        self.trace = Trace(self.clock)
        self.ends = self.random.choice(_LENGTHS_ALONE if only else _LENGTHS)
        self.faults = Faults(self.random, self.clock, end=self.ends, only=only)
        self.fate = Fate(self.faults, self.random, self.trace)
        self.loop = self.fate.loop = SimulatedLoop(self.random, self.fate.strike)
        self.outages = Outages(self.random, self.faults, self.clock, end=self.ends)
        self.settings = _settings(self.random, deployment)
        database.begin(self.clock, self.loop.violations)
        log.violations = self.loop.violations
        self._make_services()
        self._make_functions()
        self._make_people()

    def _make_services(self) -> None:
        """What the product talks to, and who watches it."""
        self.queues = self._queues()
        self.s3 = SimulatedS3(self.faults, self.random, self.clock, self.loop.violations)
        by_name = {queue.name: queue for queue in self.queues.values()}
        self.sqs = SimulatedSqs(by_name, self.faults, self.random, self.story.owners, self.loop.violations)
        self.metered: Counter[Metric] = Counter()
        self.watch = Watch(
            self.database, self.story, self.trace, self.clock, self.s3, self.loop.violations, self.settings
        )
        self.s3.needed = self.watch.needed
        self.calls = Calls(self.story, self.watch, crash_limit=self.settings.crash_limit)
        self.model = SimulatedModel(
            self.faults, self.outages, self.random, self.story, self.calls, self.trace, self.fate,
            pace=self.random.choice(_PACES),
        )  # fmt: skip

    def _make_functions(self) -> None:
        """What runs the product."""
        chunks = [self.queues["ChunkQueue"], self.queues["ChunkDeadLetterQueue"]]
        self.functions = Functions(
            self.loop, self.faults, self.fate, self.random, self.trace, self.parts,
            Carried(chunks, self.watch, self.faults),
        )  # fmt: skip
        self.mappings = self._mappings()
        self.schedule = Schedule(self.deployment.functions["reconciler"], self.functions, self.database)

    def _make_people(self) -> None:
        """Those who use it, disturb it, and judge it in the end."""
        queues = list(self.queues.values())
        self.disturbances = Disturbances(queues, self.mappings, self.faults, self.random, self.trace, self.ends)
        self.ending = Ending(
            self.functions, self.faults, self.watch, self.schedule, queues, self.s3, self.story, self.model,
            self.clock, self.patience, self.metered, self.database, self.settings,
        )  # fmt: skip
        self.clients = Clients(
            self.functions, self.random, self.story, self.trace, self.clock, self.s3, self.settings,
            last=self.ends * 0.6, restless=self.random.choice(_RESTLESS), patience=self.patience,
        )  # fmt: skip

    def clock(self) -> float:
        """Virtual seconds since the beginning."""
        return self.loop.now

    def patience(self) -> float:
        """When every job must have ended."""
        return self.ends + bound(self.settings, _MOST_ATTEMPTS)

    def parts(self, process: Process) -> Parts:
        """The product, wired for one invocation."""
        random = self.random
        to_database = WayToDatabase(
            process, self.fate, self.outages, random, self.faults, self.database, self.watch.look
        )
        database = Database(self.database.engines, to_database, random=random)
        store = SqlStore(database, make_timing(self.settings), renewals=database)
        to_sqs = WayToAws(process, self.fate, self.outages, random, self.faults, SQS)
        to_s3 = WayToAws(process, self.fate, self.outages, random, self.faults, S3)
        sqs: Any = self.sqs
        s3: Any = self.s3
        return Parts(
            settings=self.settings,
            store=ToldStore(store, process, self.trace, self.clock),
            queues=SqsQueues(
                sqs, to_sqs, plan_queue=self.settings.plan_queue, chunk_queue=self.settings.chunk_queue,
                finalize_queue=self.settings.finalize_queue,
            ),
            documents=S3Documents(s3, to_s3, bucket="bucket"),
            uploads=S3Uploads(s3, to_s3, bucket="bucket"),
            providers=ModelOf(process, self.model),
            meter=SimulatedMeter(self.metered),
            random=random,
            new_job_id=lambda: self.story.new_job(""),
        )  # fmt: skip

    def play(self) -> History:
        """The whole history, or as far as the first broken promise."""
        collects = gc.isenabled()
        gc.disable()  # when it runs depends on the program, not on the seed
        violation = None
        try:
            self.loop.run_until_complete(self._main())
        except (Violation, Standstill) as found:
            violation = str(found)
            self.trace.note("VIOLATION", violation)
        finally:
            self.loop.bury()
            self.loop.close()
            if collects:
                gc.enable()
        return History(
            self.seed, violation, self.clock(), self.ending.recovery, self.faults.counts, self._outcomes(), self.trace
        )

    async def _main(self) -> None:
        for work in (*(mapping.run() for mapping in self.mappings), self.schedule.run(), self.disturbances.run()):
            self.loop.spawn(work)
        await self.clients.run()
        await self.ending.run()

    def _outcomes(self) -> Counter[str]:
        ends = self.ending.ends or self.watch.tally()
        erased = Counter({"job deleted": len(self.story.erased)})
        return self.story.outcomes + self.functions.counts + ends + erased

    def _queues(self) -> dict[str, SimulatedQueue]:
        """The template's queues by logical id."""
        made = {
            spec.logical_id: SimulatedQueue(
                spec.name, spec.visibility_timeout, self.loop, self.faults, self.random,
                most_receives=spec.max_receive_count or 0,
            )
            for spec in self.deployment.queues.values()
        }  # fmt: skip
        for spec in self.deployment.queues.values():
            if spec.dead_letter:
                made[spec.logical_id].dead_letters = made[spec.dead_letter]
        return made

    def _mappings(self) -> list[Mapping]:
        """The template's event source mappings."""
        by_name = {queue.name: queue for queue in self.queues.values()}
        return [
            Mapping(
                by_name[spec.queue_name], function, spec, self.functions,
                concurrency=self.random.choice((2, spec.maximum_concurrency or 10)),
            )
            for function in self.deployment.functions.values()
            for spec in function.mappings
        ]  # fmt: skip


def _settings(random: Random, deployment: Deployment) -> Settings:
    """As on AWS, with limits so low that small documents meet them."""
    drawn = {name: random.choice(values) for name, values in _DRAWN.items()}
    named = {name: deployment.queues[of].name for name, of in _QUEUES.items()}
    return _made((*named.items(), *drawn.items()))


@cache
def _made(given: tuple[tuple[str, Any], ...]) -> Settings:
    fixed: dict[str, Any] = {
        "_env_prefix": "PIECEWISE_SIMULATION_",  # the environment has no part in a history
        "database_url": "sqlite://",
        "bucket": "bucket",
        "auth": "none",
    }
    return Settings(**fixed, **dict(given))
