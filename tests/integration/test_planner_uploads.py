"""The planner looks at an upload before its first chunk, and names what is wrong with it and where."""

from __future__ import annotations

import pytest

from functions.core.chunking import MAX_CHUNK_CHARS, split
from functions.core.errors import DocumentsUnavailable
from functions.core.jobs import JobStatus
from functions.core.model import ChunkHint, JobView, Source, Span
from functions.planner.encodings import HEAD
from functions.planner.plan import COMMIT_BYTES, FIRST_BYTES
from tests.fakes.killer import KilledStore, Killer
from tests.fakes.stage import Stage

TEXT = "One line.\r\nZwölf Boxkämpfer jagen Viktor.\n\n日本語の文。👩‍👩‍👧 end. " * 20
BOM = b"\xef\xbb\xbf"


def spans_of(stage: Stage, job_id: str) -> list[Span]:
    """What the planner has made of it."""
    return [Span(r.chunk_index, r.char_start, r.char_end, r.byte_start, r.byte_end) for r in stage.rows(job_id)]


def settled(stage: Stage, data: bytes, *, max_chunk_chars: int, content_type: str = "text/plain") -> JobView:
    """The job of an upload, once it has ended."""
    document = stage.upload(data, content_type=content_type)
    return stage.settle(stage.submit_upload(document, max_chunk_chars=max_chunk_chars))


def failed(stage: Stage, data: bytes, content_type: str = "text/plain") -> str:
    """What is said of an upload that is no text, with its code before it."""
    job = settled(stage, data, max_chunk_chars=20_000, content_type=content_type)
    assert job.status is JobStatus.FAILED
    assert job.error
    return f"{job.error.code}: {job.error.message}"


def test_an_upload_is_looked_at_planned_and_analysed(stage: Stage) -> None:
    document = stage.upload(TEXT.encode())
    job_id = stage.submit_upload(document, max_chunk_chars=50)
    assert stage.job(job_id).encoding is None

    job = stage.settle(job_id)

    assert (job.status, job.encoding, job.bom_removed) == (JobStatus.COMPLETED, "utf-8", False)
    assert (job.document_chars, job.document_bytes) == (len(TEXT), len(TEXT.encode()))
    assert spans_of(stage, job_id) == split(TEXT, 50)
    assert [call.text for call in sorted(stage.model.calls, key=lambda call: call.chunk_index)] == [
        TEXT[span.char_start : span.char_end] for span in split(TEXT, 50)
    ]
    assert document.key not in stage.uploads.tagged  # kept, before anything else
    stage.check(job_id)


def test_a_byte_order_mark_is_no_part_of_the_text_and_that_is_said(stage: Stage) -> None:
    job_id = stage.submit_upload(stage.upload(BOM + TEXT.encode()), max_chunk_chars=50)

    job = stage.settle(job_id)

    assert (job.status, job.bom_removed, job.document_bytes) == (JobStatus.COMPLETED, True, len(TEXT.encode()))
    assert spans_of(stage, job_id) == split(TEXT, 50)
    assert stage.job_row(job_id).document_skip == 3


def test_two_jobs_of_one_upload_are_planned_each_for_itself(stage: Stage) -> None:
    document = stage.upload(BOM + TEXT.encode())
    first = stage.submit_upload(document, max_chunk_chars=50)
    second = stage.submit_upload(document, max_chunk_chars=9)

    assert (stage.settle(first).status, stage.settle(second).status) == (JobStatus.COMPLETED, JobStatus.COMPLETED)
    assert spans_of(stage, second) == split(TEXT, 9)


@pytest.mark.parametrize("skip", [b"", BOM])
@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"caf\xe9 au lait", 3),  # Latin-1
        (b"abc\xc3", 3),  # cut off in the middle of a character: its start
        (b"abc\xe3\x81", 3),
        (b"\xed\xa0\x80abc", 0),  # a surrogate
        (b"ab\xc0\x80", 2),  # a NUL spelt too long
        (b"a" * (FIRST_BYTES - 1) + "é".encode() * 9 + b"\xff", FIRST_BYTES + 17),  # a character over two blocks
        (b"a" * (FIRST_BYTES - 1) + b"\xe3", FIRST_BYTES - 1),
        (b"a" * (FIRST_BYTES - 1) + b"\xe3\x81\xff", FIRST_BYTES - 1),
    ],
)
def test_the_first_byte_that_is_not_utf_8_is_named_by_its_place_in_the_upload(
    sqlite_stage: Stage, skip: bytes, text: bytes, at: int
) -> None:
    assert failed(sqlite_stage, skip + text).startswith(
        f"document_unreadable: the document is not UTF-8 at byte {len(skip) + at} (counted from 0): save it as UTF-8"
    )


@pytest.mark.parametrize("skip", [b"", BOM])
@pytest.mark.parametrize(
    ("text", "at"), [("é\0a".encode(), 2), (b"\0", 0), (b"\0\xff", 0), (b"b" * FIRST_BYTES + b"c\0", FIRST_BYTES + 1)]
)
def test_a_nul_is_named_by_its_place_in_the_upload(sqlite_stage: Stage, skip: bytes, text: bytes, at: int) -> None:
    said = failed(sqlite_stage, skip + text)

    assert said.startswith(f"document_unreadable: the document is no text: it has a NUL at byte {len(skip) + at} ")


@pytest.mark.parametrize("data", ["Text".encode("utf-32"), "Text".encode("utf-32-be"), b"\0\0\xfe\xff\0\0\0A"])
def test_what_is_neither_utf_8_nor_utf_16_is_refused(sqlite_stage: Stage, data: bytes) -> None:
    assert failed(sqlite_stage, data).startswith("document_unreadable: the document is ")


def test_utf_16_of_an_unknown_byte_order_is_not_guessed(sqlite_stage: Stage) -> None:
    said = failed(sqlite_stage, "Text".encode("utf-16-le"), content_type="text/plain; charset=utf-16")

    assert said.endswith("announce it as utf-16le or utf-16be, and send it again")


@pytest.mark.parametrize("data", [b"", BOM, b"\xff\xfe", b"\xfe\xff"])
def test_an_upload_without_a_character_is_empty(stage: Stage, data: bytes) -> None:
    assert failed(stage, data) == (
        "document_empty: the document is empty: there is no character in it; send one with text in it"
    )


def test_an_upload_that_changed_under_its_job_is_read_no_further(stage: Stage) -> None:
    document = stage.upload(b"aaaabbbb")
    job_id = stage.submit_upload(document)
    stage.documents.objects[document.key] = b"aaaacccc"

    job = stage.settle(job_id)

    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "document_unreadable")


def test_an_upload_that_is_gone_ends_the_job_with_the_reason(stage: Stage) -> None:
    document = stage.upload(b"aaaabbbb")
    job_id = stage.submit_upload(document)
    stage.documents.objects.clear()

    job = stage.settle(job_id)

    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "document_missing")


def test_a_chunk_of_an_upload_that_changed_later_fails_alone(stage: Stage) -> None:
    document = stage.upload(b"aaaabbbb")
    job_id = stage.submit_upload(document)
    stage.plan(stage.queues.plans.pop(0))
    stage.work(ChunkHint(job_id, 0, 0))
    stage.documents.objects[document.key] = b"aaaabbbX"

    job = stage.settle(job_id)

    assert job.status is JobStatus.PARTIAL_SUCCESS
    assert stage.row(job_id, 1).error_code == "document_unreadable"


@pytest.mark.parametrize("character", ["a", "語"])
def test_too_many_chunks_name_a_size_that_fits(stage: Stage, character: str) -> None:
    words = stage.with_settings(max_chunks=40)
    text = f"{character * 9} {character * 21}. " * 300
    job = settled(words, text.encode(), max_chunk_chars=50)

    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "too_many_chunks")
    start = "the document makes more than 40 chunks of up to 50 characters; analyse it again with a max_chunk_chars of "
    assert job.error.message.startswith(start)
    suggested = int(job.error.message.removeprefix(start))
    assert suggested < 1_000
    job = settled(words, text.encode(), max_chunk_chars=suggested)
    assert (job.status, (job.progress.total or 99) <= 40) == (JobStatus.COMPLETED, True)


def test_a_document_that_no_size_fits_is_to_be_split(sqlite_stage: Stage) -> None:
    small = sqlite_stage.with_settings(max_chunks=2)
    job = settled(small, b"a" * (3 * MAX_CHUNK_CHARS), max_chunk_chars=MAX_CHUNK_CHARS)

    assert job.error
    assert job.error.message.endswith(f"not even {MAX_CHUNK_CHARS} would do: split the document")


def test_the_largest_size_there_is_may_be_the_one_that_fits(sqlite_stage: Stage) -> None:
    small = sqlite_stage.with_settings(max_chunks=2)
    job = settled(small, b"a" * (2 * MAX_CHUNK_CHARS), max_chunk_chars=MAX_CHUNK_CHARS - 1)

    assert job.error
    assert job.error.message.endswith(f"a max_chunk_chars of {MAX_CHUNK_CHARS}")


def test_what_certainly_makes_too_many_is_refused_before_all_of_it_is_paid_for(sqlite_stage: Stage) -> None:
    small = sqlite_stage.with_settings(max_chunks=1_000)
    job_id = small.submit_upload(small.upload(b"a" * 4_000_000), max_chunk_chars=1_000)

    small.deliver()

    assert small.job(job_id).status is JobStatus.FAILED
    assert len(small.rows(job_id)) == 0  # 4 MB of ASCII is four times the limit: known at the first block


def test_a_bucket_that_is_away_is_no_crash_and_the_look_begins_again(stage: Stage) -> None:
    job_id = stage.submit_upload(stage.upload(b"aaaabbbb"))
    stage.documents.away = True
    for _ in range(5):
        stage.deliver()
        stage.pass_time(61)
        stage.reconcile()

    stage.documents.away = False

    assert stage.settle(job_id).status is JobStatus.COMPLETED
    assert stage.job_row(job_id).plan_crashes == 0


def test_waiting_counts_from_the_newest_step_and_not_from_the_invocation_s_begin(stage: Stage) -> None:
    """After 25 hours in which nothing ran it makes a step, and only then S3 is away."""
    job_id = stage.submit("a" * 8_000_000, max_chunk_chars=1_000, planned=False)
    stage.change_job(job_id, updated_at=0)
    real = stage.documents.read

    async def away_after_the_first(source: Source, byte_start: int, byte_end: int) -> bytes:
        if byte_start:
            raise DocumentsUnavailable("S3 GetObject: SlowDown")
        return await real(source, byte_start, byte_end)

    stage.documents.read = away_after_the_first  # type: ignore[method-assign]
    stage.plan(job_id)

    assert (stage.job(job_id).status, len(stage.rows(job_id)) > 200) == (JobStatus.PENDING, True)
    stage.documents.read = real  # type: ignore[method-assign]
    stage.plan(job_id)
    assert stage.job(job_id).progress.total == 8_000


def test_learning_is_a_step_too(stage: Stage) -> None:
    job_id = stage.submit_upload(stage.upload(b"aaaabbbb"))
    stage.change_job(job_id, updated_at=0)
    real = stage.documents.read

    async def away_after_the_look(source: Source, byte_start: int, byte_end: int) -> bytes:
        if byte_end > HEAD:
            raise DocumentsUnavailable("S3 GetObject: SlowDown")
        return await real(source, byte_start, byte_end)

    stage.documents.read = away_after_the_look  # type: ignore[method-assign]
    stage.plan(job_id)

    assert (stage.job(job_id).status, stage.job(job_id).encoding) == (JobStatus.PENDING, "utf-8")


def test_large_chunks_are_committed_before_a_lease_runs_out(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("a" * (2 * COMMIT_BYTES), max_chunk_chars=MAX_CHUNK_CHARS, planned=False)
    effects = Killer(at=-1, after=False)
    sqlite_stage.store = KilledStore(sqlite_stage.store, effects)  # type: ignore[assignment]

    sqlite_stage.plan(job_id)

    assert effects.names.count("add_chunks") >= 3  # the first block, and each COMMIT_BYTES
