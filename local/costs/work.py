"""What so many chunks cost."""

from __future__ import annotations

import math
from collections.abc import Iterator

from functions.core.documents.s3 import PART
from functions.core.settings import Settings
from local.costs.bill import GB, Bill, Line, Work

_PAGE = 1_000  # parts that one ListParts names
_JOINING = 3  # CreateMultipartUpload, ListParts, CompleteMultipartUpload
_LOOKS = ("HeadObject", "GetObject")
_TAGS = ("DeleteObjectTagging",)
_SENDS = ("SendMessageBatch",)
_FUNCTION_OF = {"poll": "api", "passes": "reconciler"}  # what was counted apart, and the function that does it


def work_lines(bill: Bill, work: Work) -> list[Line]:
    """What the chunks cost beyond a stack that stands there anyway."""
    return [
        *_lambda_lines(bill, work),
        *_queue_lines(bill, work),
        *_bucket_lines(bill, work),
        *_database_lines(bill, work),
        *_edge_lines(bill, work),
    ]


def hours(bill: Bill, work: Work) -> float:
    """How long the model takes for the chunks, with as many in flight as the template allows."""
    return work.chunks * bill.of("model_seconds") / bill.sizes.in_flight / 3600


def worker_seconds(bill: Bill) -> float:
    """Billed seconds of one invocation of the chunk worker: a batch's CPU and round trips, and one model call."""
    worker, chunks = bill.measured.rooms["chunk_worker"], bill.sizes.batch_size
    own = bill.own_seconds("chunk_worker", worker) * chunks / bill.measured.chunks
    return own + bill.of("model_seconds")


def _lambda_lines(bill: Bill, work: Work) -> Iterator[Line]:
    for room, invocations, seconds in _lambda_work(bill, work):
        yield from bill.lambda_lines(room, _FUNCTION_OF.get(room, room), invocations, seconds)


def _lambda_work(bill: Bill, work: Work) -> Iterator[tuple[str, float, float]]:
    """(room, invocations, billed seconds in all)."""
    rooms, documents = bill.measured.rooms, bill.documents(work)
    batches = work.chunks / bill.sizes.batch_size
    asked = documents * rooms["api"].invocations  # for an upload, then for its analysis: the document passes it by
    yield "api", asked, documents * bill.own_seconds("api", rooms["api"])
    polls = documents * bill.of("polls_a_document")
    yield "poll", polls, polls * bill.own_seconds("api", rooms["poll"])
    for room in ("planner", "finalizer"):
        yield room, documents, bill.scale(work) * bill.own_seconds(room, rooms[room])
    yield "chunk_worker", batches, batches * worker_seconds(bill)


def _queue_lines(bill: Bill, work: Work) -> Iterator[Line]:
    """Sent in batches, received and deleted once for each invocation."""
    batches = work.chunks / bill.sizes.batch_size
    sends = bill.scale(work) * sum(bill.calls(_SENDS, "planner", "chunk_worker"))
    others = bill.documents(work) * (4 + sum(bill.calls(_SENDS, "api", "finalizer")))
    yield bill.line("SQS, chunk messages", "sqs_request", sends + 2 * batches)
    yield bill.line("SQS, their groups (fair queues)", "sqs_fair_request", sends + 2 * batches)
    yield bill.line("SQS, plan and finalize messages", "sqs_request", others)


def _bucket_lines(bill: Bill, work: Work) -> Iterator[Line]:
    documents = bill.documents(work)
    results = list(_stored_results(bill, work))
    writes = documents * (_requests_of(work.document_bytes, bill.of("part_bytes")) + sum(bill.calls(_TAGS, "planner")))
    streams = documents * sum(_requests_of(size, PART) for size in results)
    looks = documents * sum(bill.calls(_LOOKS, "api"))
    planned = bill.scale(work) * sum(bill.calls(_LOOKS, "planner"))
    kept = documents * (work.document_bytes + sum(results)) + work.chunks * bill.of("answer_bytes")
    yield bill.line("S3, documents written", "s3_write", writes)
    yield bill.line("S3, large results written", "s3_write", streams)
    yield bill.line("S3, spans read", "s3_read", work.chunks * bill.of("gets_a_chunk") + planned + looks)
    yield bill.line("S3, documents and results kept for a month", "s3_gb_month", kept / GB)


def _requests_of(size: float, part: float) -> float:
    """Those that write an object: one, or those of a multipart upload."""
    parts = math.ceil(size / part)
    return 1 if parts <= 1 else parts + _JOINING + parts // _PAGE


def _stored_results(bill: Bill, work: Work) -> Iterator[float]:
    """Bytes of a document's result, as text and as NDJSON, where those are too large for the database and an answer."""
    chunks = work.chunks / bill.documents(work)
    limits = Settings.model_fields
    text, records = chunks * bill.of("answer_bytes"), chunks * (bill.of("answer_bytes") + bill.of("record_bytes"))
    if text > limits["inline_result_bytes"].default:
        yield text
    if records > limits["response_bytes"].default:
        yield records


def _database_lines(bill: Bill, work: Work) -> Iterator[Line]:
    commits = bill.scale(work) * sum(
        bill.measured.rooms[room].commits for room in ("api", "planner", "chunk_worker", "finalizer")
    )
    more = max(0.0, bill.of("busy_acu") - bill.sizes.least_acu) * min(1, bill.sizes.database_instances)
    yield bill.line("Aurora, one write a commit", "aurora_io", commits)
    yield bill.line("Aurora, above its minimum while they run", "aurora_acu_hour", more * hours(bill, work))


def _edge_lines(bill: Bill, work: Work) -> Iterator[Line]:
    documents = bill.documents(work)
    requests = documents * (bill.measured.rooms["api"].invocations + bill.of("polls_a_document"))
    invocations = sum(count for _, count, _ in _lambda_work(bill, work))
    own = bill.scale(work) * sum(room.log_bytes for name, room in bill.measured.rooms.items() if name != "passes")
    yield bill.line("HTTP API", "http_api_request", requests)
    yield bill.line("logs", "log_gb", (own + invocations * bill.of("runtime_log_bytes")) / GB)
    if bill.sizes.tracing:
        yield bill.line("traces", "trace", invocations * bill.of("traced_share"))
    if bill.sizes.nat_gateways:
        through = work.chunks * (bill.measured.bytes / bill.measured.chunks + bill.of("answer_bytes"))
        yield bill.line("NAT, chunks and answers", "nat_gateway_gb", through / GB)
