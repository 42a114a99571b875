"""The arithmetic: so many units of each price. No price, speed or size stands here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local.costs.measured import Counted, Measured
from local.costs.prices import Prices
from local.costs.sizes import Sizes

_MINUTE = 60
_GB = 1e9
_REQUEST_KB = 512 * 1024  # of a body, for which API Gateway counts one request
_WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
_SENDS = ("SendMessageBatch",)
_FUNCTION_OF = {"poll": "api", "passes": "reconciler"}  # what was counted apart, and the function that does it


@dataclass(frozen=True, slots=True)
class Work:
    """So many chunks, in documents of so many bytes."""

    chunks: float
    document_bytes: float


@dataclass(frozen=True, slots=True)
class Line:
    """So many units of a price."""

    what: str
    price: str
    quantity: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """The same chunks by other means: what starts and keeps them, and the Lambda time that calls the model."""

    what: str
    lines: tuple[Line, ...]

    @property
    def dollars(self) -> float:
        """In all."""
        return total(self.lines)


def total(lines: Sequence[Line]) -> float:
    """Dollars of all lines."""
    return sum(line.dollars for line in lines)


@dataclass(frozen=True, slots=True)
class Bill:
    """What stands behind every line."""

    prices: Prices
    measured: Measured
    sizes: Sizes

    # -- so many chunks

    def work(self, work: Work) -> list[Line]:
        """What the chunks cost beyond a stack that stands there anyway."""
        return [
            *self._lambda_lines(work),
            *self._queue_lines(work),
            *self._bucket_lines(work),
            *self._database_lines(work),
            *self._edge_lines(work),
        ]

    def hours(self, work: Work) -> float:
        """How long the model takes for the chunks, with as many in flight as the template allows."""
        return work.chunks * self._of("model_seconds") / self.sizes.in_flight / 3600

    def worker_seconds(self) -> float:
        """Billed seconds of one invocation of the chunk worker: a batch's CPU and round trips, and one model call."""
        worker, chunks = self.measured.rooms["chunk_worker"], self.sizes.batch_size
        own = self._own_seconds("chunk_worker", worker) * chunks / self.measured.chunks
        return own + self._of("model_seconds")

    def _lambda_lines(self, work: Work) -> Iterator[Line]:
        for room, invocations, seconds in self._lambda_work(work):
            yield from self._lambda(room, _FUNCTION_OF.get(room, room), invocations, seconds)

    def _lambda_work(self, work: Work) -> Iterator[tuple[str, float, float]]:
        """(room, invocations, billed seconds in all)."""
        rooms, documents = self.measured.rooms, self._documents(work)
        larger = work.document_bytes / self.measured.bytes
        batches = work.chunks / self.sizes.batch_size
        yield "api", documents, documents * larger * self._own_seconds("api", rooms["api"])
        polls = documents * self._of("polls_a_document")
        yield "poll", polls, polls * self._own_seconds("api", rooms["poll"])
        for room in ("planner", "finalizer"):
            yield room, documents, self._scale(work) * self._own_seconds(room, rooms[room])
        yield "chunk_worker", batches, batches * self.worker_seconds()

    def _queue_lines(self, work: Work) -> Iterator[Line]:
        """Sent in batches, received and deleted once for each invocation."""
        batches = work.chunks / self.sizes.batch_size
        sends = self._scale(work) * sum(self._calls(_SENDS, "planner", "chunk_worker"))
        others = self._documents(work) * (4 + sum(self._calls(_SENDS, "api", "finalizer")))
        yield self._line("SQS, chunk messages", "sqs_request", sends + 2 * batches)
        yield self._line("SQS, their groups (fair queues)", "sqs_fair_request", sends + 2 * batches)
        yield self._line("SQS, plan and finalize messages", "sqs_request", others)

    def _bucket_lines(self, work: Work) -> Iterator[Line]:
        documents = self._documents(work)
        writes = documents * sum(self._calls(_WRITES, "api")) + self._scale(work) * sum(
            self._calls(_WRITES, "finalizer")
        )
        reads = work.chunks * self._of("gets_a_chunk") + self._scale(work) * sum(self._calls(("GetObject",), "planner"))
        kept = documents * work.document_bytes + work.chunks * self._of("answer_bytes")
        yield self._line("S3, documents written", "s3_write", writes)
        yield self._line("S3, spans read", "s3_read", reads)
        yield self._line("S3, documents and results kept for a month", "s3_gb_month", kept / _GB)

    def _database_lines(self, work: Work) -> Iterator[Line]:
        commits = self._scale(work) * sum(
            self.measured.rooms[room].commits for room in ("api", "planner", "chunk_worker", "finalizer")
        )
        more = max(0.0, self._of("busy_acu") - self.sizes.least_acu) * min(1, self.sizes.database_instances)
        yield self._line("Aurora, one write a commit", "aurora_io", commits)
        yield self._line("Aurora, above its minimum while they run", "aurora_acu_hour", more * self.hours(work))

    def _edge_lines(self, work: Work) -> Iterator[Line]:
        documents = self._documents(work)
        requests = documents * (math.ceil(work.document_bytes / _REQUEST_KB) + self._of("polls_a_document"))
        invocations = sum(count for _, count, _ in self._lambda_work(work))
        own = self._scale(work) * sum(room.log_bytes for name, room in self.measured.rooms.items() if name != "passes")
        yield self._line("HTTP API", "http_api_request", requests)
        yield self._line("logs", "log_gb", (own + invocations * self._of("runtime_log_bytes")) / _GB)
        if self.sizes.tracing:
            yield self._line("traces", "trace", invocations * self._of("traced_share"))
        if self.sizes.nat_gateways:
            through = work.chunks * (self.measured.bytes / self.measured.chunks + self._of("answer_bytes"))
            yield self._line("NAT, chunks and answers", "nat_gateway_gb", through / _GB)

    # -- other means

    def alternatives(self, work: Work) -> list[Alternative]:
        """The same chunks by AWS's own orchestrators, each with the Lambda time that calls the model."""
        batch = self.sizes.batch_size
        transitions = work.chunks * self._of("transitions_a_chunk")
        alone, together = tuple(self._calling(work, 1)), tuple(self._calling(work, batch))
        durable = (
            self._line("operations", "durable_operation", work.chunks * self._of("operations_a_chunk")),
            self._line("answers written", "durable_gb_written", work.chunks * self._of("answer_bytes") / _GB),
            self._line("answers kept", "durable_gb_month", self._kept_gb_months(work)),
        )
        return [
            Alternative(
                "Step Functions Distributed Map, a workflow a chunk",
                (self._line("transitions", "state_transition", transitions), *alone),
            ),
            Alternative(
                f"Step Functions Distributed Map, a workflow for {batch} chunks",
                (self._line("transitions", "state_transition", transitions / batch), *together),
            ),
            Alternative("Step Functions Distributed Map, an express workflow a chunk", (*self._express(work), *alone)),
            Alternative(f"Lambda durable functions, {batch} chunks at once", (*durable, *together)),
        ]

    def _express(self, work: Work) -> Iterator[Line]:
        seconds = work.chunks * self._calling_seconds(1)
        yield self._line("express workflows", "express_request", work.chunks)
        yield self._line("their duration", "express_gb_second", seconds * self._of("express_gb"))

    def _kept_gb_months(self, work: Work) -> float:
        return work.chunks * self._of("answer_bytes") / _GB * self._of("durable_months_kept")

    def _calling(self, work: Work, batch: int) -> Iterator[Line]:
        """Lambda's part with `batch` chunks an invocation: CPU and the model, and nothing that is kept."""
        invocations = work.chunks / batch
        yield from self._lambda("calls", "chunk_worker", invocations, invocations * self._calling_seconds(batch))

    def _calling_seconds(self, batch: int) -> float:
        worker = self.measured.rooms["chunk_worker"]
        cpu = self._cpu_seconds("chunk_worker", worker) * batch / self.measured.chunks
        return cpu + self._of("model_seconds")

    # -- a month in which nothing happens

    def floor(self) -> list[Line]:
        """What a stack costs that stands there and does nothing."""
        hours, sizes = self._of("hours_a_month"), self.sizes
        idle = sizes.mappings * self._of("pollers") * hours * 3600 / self._of("poll_seconds")
        lines = [
            self._line("interface endpoints", "interface_endpoint_hour", sizes.endpoint_zones * hours),
            self._line("Aurora at its minimum", "aurora_acu_hour", sizes.least_acu * sizes.database_instances * hours),
            self._line(
                "Aurora's storage", "aurora_gb_month", self._of("database_gb") * min(1, sizes.database_instances)
            ),
            self._line("RDS Proxy", "rds_proxy_acu_hour", sizes.proxies * self._proxy_acu() * hours),
            self._line("NAT gateways", "nat_gateway_hour", sizes.nat_gateways * hours),
            self._line("their addresses", "public_ipv4_hour", sizes.nat_gateways * hours),
            *self._reconciler(),
            self._line("Lambda asks empty queues", "sqs_request", idle),
            self._line("alarms", "alarm_month", sizes.alarms),
            self._line("dashboard", "dashboard_month", sizes.dashboards),
            self._line("metrics of our own", "metric_month", sizes.metrics),
            self._line("secrets", "secret_month", sizes.secrets),
            self._line("keys of one's own", "kms_key_month", sizes.keys),
        ]
        return [line for line in lines if line.quantity]

    def _reconciler(self) -> list[Line]:
        """Its pause between two passes is billed like work."""
        sizes = self.sizes
        invocations = self._of("hours_a_month") * _MINUTE / sizes.schedule_minutes
        seconds = sizes.passes * self._own_seconds("reconciler", self.measured.rooms["passes"])
        return list(
            self._lambda(
                "reconciler",
                "reconciler",
                invocations,
                invocations * (seconds + (sizes.passes - 1) * sizes.pause_seconds),
            )
        )

    def _proxy_acu(self) -> float:
        return max(self._of("rds_proxy_least_acu"), self.sizes.least_acu)

    # -- parts

    def _lambda(self, room: str, function: str, invocations: float, seconds: float) -> Iterator[Line]:
        gb_seconds = seconds * self.sizes.memory[function] / 1024
        yield self._line(f"Lambda, {room}: invocations", "lambda_request", invocations)
        yield self._line(f"Lambda, {room}: duration", f"lambda_gb_second_{self.sizes.architecture}", gb_seconds)

    def _own_seconds(self, function: str, room: Counted) -> float:
        """Billed seconds of what was counted, without a model: CPU by the memory's share, and every wait by itself."""
        waits = (
            room.statements * self._of("statement_ms")
            + room.commits * self._of("commit_ms")
            + sum(room.calls.values()) * self._of("call_ms")
        )
        return self._cpu_seconds(function, room) + waits / 1000

    def _cpu_seconds(self, function: str, room: Counted) -> float:
        share = min(1.0, self.sizes.memory[function] / self._of("mb_a_vcpu"))
        return room.cpu_ms / 1000 / share

    def _calls(self, operations: Sequence[str], *rooms: str) -> Iterator[int]:
        return (self.measured.rooms[room].calls.get(operation, 0) for room in rooms for operation in operations)

    def _scale(self, work: Work) -> float:
        return work.chunks / self.measured.chunks

    def _documents(self, work: Work) -> float:
        return work.chunks * self.measured.bytes / self.measured.chunks / work.document_bytes

    def _of(self, name: str) -> float:
        return self.measured.assumed[name]

    def _line(self, what: str, price: str, quantity: float) -> Line:
        return Line(what, price, quantity, self.prices[price].of(quantity))
