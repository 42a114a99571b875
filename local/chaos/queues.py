"""The queues of a stack from outside: emptied, looked into, and filled with every message that could still be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice

from functions.core.messages import dump_chunk, dump_finalize, dump_plan
from functions.core.model import ChunkHint, PlanHint
from local.chaos.evidence import Row
from local.event_source.wire import Sqs
from local.templates.laptop import load_template

_BATCH = 10
_REGION = "us-east-1"
_WAITING = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed")


@contextmanager
def queues_at(url: str) -> Iterator[Sqs]:
    """A client of its own each time: the server may have been another one a moment ago."""
    with closing(Sqs(url, _REGION)) as sqs:
        yield sqs


def purge(sqs: Sqs) -> None:
    """Empty all queues. Raises SqsError."""
    for name in _names():
        sqs.call("PurgeQueue", QueueUrl=_url(sqs, name))


def waiting(sqs: Sqs) -> int:
    """Messages that can be received now or after their delay, in all queues. Raises SqsError."""
    counts = 0
    for name in _names():
        answer = sqs.call("GetQueueAttributes", QueueUrl=_url(sqs, name), AttributeNames=["All"])
        counts += sum(int(answer["Attributes"][each]) for each in _WAITING)
    return counts


def send_again(sqs: Sqs, jobs: Iterable[Row], chunks: Iterable[Row]) -> int:
    """Every message that was ever sent for these rows, once more; how many. Raises SqsError.

    What a killed process had received is invisible for half an hour, and cannot be had back: whatever lies there is
    one of these.
    """
    settings = load_template().functions["api"].environment
    plan, chunk, finalize = (settings[f"PIECEWISE_{kind}_QUEUE"] for kind in ("PLAN", "CHUNK", "FINALIZE"))
    jobs = list(jobs)
    plans = (PlanHint(job["job_id"], claim_no) for job in jobs for claim_no in range(job["plan_claim_no"] + 1))
    finals = ((job["job_id"], run) for job in jobs for run in range(1, job["run"] + 1))
    hints = (
        ChunkHint(row["job_id"], row["chunk_index"], claim_no)
        for row in chunks
        for claim_no in range(row["claim_no"] + 1)
    )
    return (
        _send(sqs, plan, map(dump_plan, plans))
        + _send(sqs, finalize, (dump_finalize(*final) for final in finals))
        + _send(sqs, chunk, map(dump_chunk, hints))
    )


def _send(sqs: Sqs, queue: str, bodies: Iterable[str]) -> int:
    url, bodies, sent = _url(sqs, queue), iter(bodies), 0
    while batch := list(islice(bodies, _BATCH)):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
        sqs.call("SendMessageBatch", QueueUrl=url, Entries=entries)
        sent += len(batch)
    return sent


def _names() -> list[str]:
    return [queue.name for queue in load_template().queues.values()]


def _url(sqs: Sqs, name: str) -> str:
    return str(sqs.call("GetQueueUrl", QueueName=name)["QueueUrl"])
