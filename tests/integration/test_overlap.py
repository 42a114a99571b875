"""What stands beside a chunk goes to the model with it, marked as context: offsets stay exact, nothing counts twice."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from random import Random

import pytest

from functions.chunk_worker.spans import Excerpt, Text, read_texts
from functions.core.chunking import split
from functions.core.errors import DocumentUnreadable
from functions.core.jobs import JobStatus
from functions.core.model import Claim, Source, Span
from tests.fakes.shelf import MemoryDocuments
from tests.fakes.stage import Stage

TEXT = "aé語😀bç日😁" * 6


def claims_of(text: str, *, max_chars: int, overlap_chars: int, skip: int = 0) -> list[Claim]:
    """One for each chunk of a document."""
    return [
        Claim(
            job_id="job",
            span=span,
            claim_no=1,
            attempts=0,
            crashes=0,
            max_attempts=3,
            model="script",
            instructions=None,
            source=Source("key", skip=skip),
            parked_ms=0,
            owner="local",
            document_bytes=len(text.encode()),
            overlap_chars=overlap_chars,
        )
        for span in split(text, max_chars)
    ]


def read(documents: MemoryDocuments, claims: list[Claim]) -> list[Text]:
    """What the worker hands on."""
    texts = asyncio.run(read_texts(documents, claims))
    return [texts[claim] for claim in claims]


def expected(text: str, span: Span, overlap: int) -> Excerpt:
    """By characters, which is what `overlap_chars` counts."""
    start, end = span.char_start, span.char_end
    return Excerpt(text[start:end], text[max(0, start - overlap) : start], text[end : end + overlap])


@pytest.mark.parametrize("overlap", [0, 1, 2, 3, 7, 40, 10_000])
@pytest.mark.parametrize("max_chars", [1, 3, 5])
def test_context_is_whole_characters_and_ends_with_the_document(overlap: int, max_chars: int) -> None:
    claims = claims_of(TEXT, max_chars=max_chars, overlap_chars=overlap)
    documents = MemoryDocuments({"key": TEXT.encode()})

    for claim in claims:  # each alone
        assert read(documents, [claim]) == [expected(TEXT, claim.span, overlap)]
    assert read(documents, claims) == [expected(TEXT, claim.span, overlap) for claim in claims]


def test_neighbours_and_what_stands_beside_them_are_one_read() -> None:
    documents = MemoryDocuments({"key": b"a" * 100})
    claims = claims_of("a" * 100, max_chars=10, overlap_chars=2)

    read(documents, claims[3:6])
    read(documents, [claims[0]])
    read(documents, [claims[9]])

    assert documents.reads == [("key", 22, 68), ("key", 0, 18), ("key", 82, 100)]


def test_what_stands_before_the_text_of_an_upload_is_no_context() -> None:
    claims = claims_of(TEXT, max_chars=5, overlap_chars=9, skip=3)
    documents = MemoryDocuments({"key": b"\xef\xbb\xbf" + TEXT.encode()})

    assert read(documents, claims) == [expected(TEXT, claim.span, 9) for claim in claims]


def test_random_documents_batches_and_overlaps_give_what_was_asked_for() -> None:
    random = Random(11)
    for _ in range(300):
        text = "".join(random.choices("ab é語😀\n", k=random.randrange(1, 60)))
        overlap = random.randrange(6)
        claims = claims_of(text, max_chars=random.randrange(1, 9), overlap_chars=overlap)
        batch = random.sample(claims, k=random.randrange(1, len(claims) + 1))
        documents = MemoryDocuments({"key": text.encode()})
        assert read(documents, batch) == [expected(text, claim.span, overlap) for claim in batch]


def test_a_neighbour_s_broken_bytes_fail_the_neighbour_alone() -> None:
    [first, second, third] = claims_of("aaaabbbbcccc", max_chars=4, overlap_chars=2)
    texts = read(MemoryDocuments({"key": b"aaaa\xffbbbcccc"}), [first, second, third])

    assert texts[0] == Excerpt("aaaa", "", "\ufffdb")
    assert isinstance(texts[1], DocumentUnreadable)
    assert texts[2] == Excerpt("cccc", "bb", "")


def test_bytes_that_are_not_those_that_were_planned_fail_the_chunk() -> None:
    claims = claims_of("aaaabbbb", max_chars=4, overlap_chars=0)
    assert claims[1].span.sha256 == sha256(b"bbbb").hexdigest()

    texts = read(MemoryDocuments({"key": b"aaaabbbX"}), claims)

    assert texts[0] == Excerpt("aaaa")
    assert str(texts[1]) == "bytes 4 to 8 of the document are not those that were planned"


def test_a_row_that_is_older_than_the_hashes_is_worked_on(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.change(job_id, 0, sha256=None)
    stage.change(job_id, 1, sha256="0" * 64)

    job = stage.settle(job_id)

    assert (job.status, job.analysis_result) == (JobStatus.PARTIAL_SUCCESS, "<aaaa>")
    assert stage.row(job_id, 1).error_code == "document_unreadable"


def test_the_model_is_told_what_stands_beside_the_text_and_where_the_text_begins(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbcccc")
    stage.change_job(job_id, overlap_chars=3)

    job = stage.settle(job_id)

    assert job.analysis_result == "<aaaa>\n\n<bbbb>\n\n<cccc>"
    seen = sorted((call.char_start, call.before, call.text, call.after) for call in stage.model.calls)
    assert seen == [(0, "", "aaaa", "bbb"), (4, "aaa", "bbbb", "ccc"), (8, "bbb", "cccc", "")]
    stage.check(job_id)
