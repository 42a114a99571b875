"""A queue message is a hint: lost, doubled, reordered, or all queues emptied, every job of the running stack ends."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from functions.core.messages import dump_chunk, dump_finalize, dump_plan
from functions.core.model import ChunkHint, PlanHint
from local.stack import Stack
from tests.fixtures.running import Running, is_empty, queues_of, send, until

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

QUEUES = ("piecewise-plan", "piecewise-chunk", "piecewise-finalize")


@pytest.fixture
def seen(crowd: tuple[Running, Stack]) -> Running:
    return crowd[0]


@pytest.fixture
def sqs(crowd: tuple[Running, Stack]) -> Iterator[SQSClient]:
    with queues_of(crowd[1].pids()["moto"]) as client:
        yield client


def pages(count: int) -> str:
    """A document that `max_chunk_chars=30` cuts into one chunk a page."""
    return "".join(f"Page {number:03} of the log.\n\n" for number in range(count))


def test_all_queues_emptied_in_mid_job_lose_nothing(seen: Running, sqs: SQSClient) -> None:
    text = pages(200)
    jobs = [seen.submit(text, max_chunk_chars=30) for _ in range(2)]
    until(lambda: len(seen.done(jobs[0])) >= 20)
    for queue in QUEUES:
        sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"])
    assert any(row["status"] == "PENDING" for row in seen.chunks(jobs[1]))
    for job_id in jobs:
        assert seen.check(job_id, text)["status"] == "COMPLETED"
    assert sorted((call.job_id, call.chunk_index) for call in seen.calls(*jobs)) == sorted(
        (job_id, index) for job_id in jobs for index in range(200)
    )


def test_lost_doubled_and_reordered_messages_of_every_queue_end_every_job_and_repeat_no_call(
    seen: Running, sqs: SQSClient
) -> None:
    text = pages(60)
    with thieves(sqs, random.Random(2)) as stolen:
        jobs = [seen.submit(text, max_chunk_chars=30)]
        while not all(stolen.values()):
            assert len(jobs) < 60
            jobs.append(seen.submit(text, max_chunk_chars=30))
            seen.ended(jobs[-1])
    for job_id in jobs:
        assert seen.check(job_id, text)["status"] == "COMPLETED"
        assert sorted(call.chunk_index for call in seen.calls(job_id)) == list(range(60))
        assert len(seen.logged(job_id=job_id, message="the job ended")) == 1


def test_old_messages_of_an_ended_job_change_nothing(seen: Running, sqs: SQSClient) -> None:
    text = pages(40)
    job_id = seen.submit(text, max_chunk_chars=30)
    job, rows = seen.check(job_id, text), seen.chunks(job_id)
    hints = [ChunkHint(job_id, index, claim_no) for index in range(40) for claim_no in (0, 1)]
    send(sqs, "piecewise-chunk", [dump_chunk(hint) for hint in hints])
    send(sqs, "piecewise-plan", [dump_plan(PlanHint(job_id, 0))] * 3)
    send(sqs, "piecewise-finalize", [dump_finalize(job_id, run) for run in (0, 1, 2)])
    until(lambda: all(is_empty(sqs, queue) for queue in QUEUES))
    assert seen.look(job_id) == job
    assert seen.chunks(job_id) == rows
    assert len(seen.calls(job_id)) == 40


@contextmanager
def thieves(sqs: SQSClient, chance: random.Random) -> Iterator[dict[str, int]]:
    """Take part in every queue as its pollers do; a message that one gets is lost, doubled, or put back at the end.

    Gives how many messages each queue has lost so far.
    """
    stop, stolen = threading.Event(), dict.fromkeys(QUEUES, 0)

    def steal(queue: str) -> None:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        while not stop.is_set():
            taken = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=3)
            for message in taken.get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                copies = chance.choice((0, 1, 2))
                send(sqs, queue, [message["Body"]] * copies)
                stolen[queue] += not copies

    with ExitStack() as ends:
        for queue in QUEUES * 4:
            thread = threading.Thread(target=steal, args=(queue,))
            thread.start()
            ends.callback(thread.join)
        ends.callback(stop.set)
        yield stolen
