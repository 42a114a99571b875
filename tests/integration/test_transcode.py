"""UTF-16 becomes UTF-8, part by part, whoever dies in between; and what is not UTF-16 is named by its byte."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.chunking import split
from functions.core.errors import DocumentUnreadable
from functions.core.jobs import JobStatus
from functions.core.model import JobView
from functions.planner.encodings import Characters, Encoding, encoding_of
from functions.planner.hold import Hold, Lost, Near
from functions.planner.transcode import SOURCE_PART, transcode
from tests.fakes.killer import Killed, KilledStore, Killer
from tests.fakes.stage import FixedDeadline, Stage

TEXT = "Zwölf Boxkämpfer.\r\n\n日本語の文。👩‍👩‍👧 end. " * 20
MARKS = {"utf-16le": b"\xff\xfe", "utf-16be": b"\xfe\xff"}
both_orders = pytest.mark.parametrize("name", MARKS)


def settled(stage: Stage, data: bytes, content_type: str = "text/plain") -> JobView:
    """The job of an upload, once it has ended."""
    return stage.settle(stage.submit_upload(stage.upload(data, content_type=content_type), max_chunk_chars=50))


def error_of(job: JobView) -> str:
    """What a job that failed says."""
    assert job.error
    assert (job.status, job.error.code) == (JobStatus.FAILED, "document_unreadable")
    return job.error.message


def hold_of(stage: Stage, text: str, name: str = "utf-16le") -> Hold:
    """A planner that has just begun with an upload of this text."""
    job_id = stage.submit_upload(stage.upload(MARKS[name] + text.encode(name)))
    return held_again(stage, job_id)


def held_again(stage: Stage, job_id: str) -> Hold:
    """The next planner, after a lease's time."""
    stage.pass_time(61)

    async def begin() -> Hold:
        plan = await stage.store.begin_plan(job_id)
        assert plan
        return Hold(stage.parts, stage.deadline, plan)

    return stage.run(begin())


@both_orders
def test_utf_16_with_a_mark_is_analysed_as_utf_8(stage: Stage, name: str) -> None:
    job = settled(stage, MARKS[name] + TEXT.encode(name))

    assert (job.status, job.encoding, job.bom_removed) == (JobStatus.COMPLETED, name, True)
    assert (job.document_chars, job.document_bytes) == (len(TEXT), len(TEXT.encode()))
    assert stage.documents.objects[f"documents/{job.job_id}"] == TEXT.encode()
    assert stage.uploads.uploads == {}
    rows = [(row.char_start, row.char_end) for row in stage.rows(job.job_id)]
    assert rows == [(span.char_start, span.char_end) for span in split(TEXT, 50)]
    stage.check(job.job_id)


@both_orders
def test_utf_16_without_a_mark_is_read_as_it_was_announced(sqlite_stage: Stage, name: str) -> None:
    job = settled(sqlite_stage, TEXT.encode(name), f'text/plain; charset="{name.upper()}"')

    assert (job.status, job.encoding, job.bom_removed) == (JobStatus.COMPLETED, name, False)


@pytest.mark.parametrize(
    ("head", "announced", "expected"),
    [
        (b"Text", None, Encoding("utf-8", 0)),
        (b"Text", "text/plain; charset=utf-8", Encoding("utf-8", 0)),
        (b"\xef\xbb\xbfT", "text/plain; charset=utf-16le", Encoding("utf-8", 3)),
        (b"\xff\xfeT\0", "text/plain; charset=utf-8", Encoding("utf-16le", 2)),
        (b"\xfe\xff\0T", "text/plain; charset=utf-16", Encoding("utf-16be", 2)),
        (b"\xfe\xff\0T", "text/plain; charset=utf-16le", Encoding("utf-16be", 2)),
        (b"T\0", "text/markdown; charset=utf-16le", Encoding("utf-16le", 0)),
        (b"", "text/plain", Encoding("utf-8", 0)),
        (b"\xff", None, Encoding("utf-8", 0)),
    ],
)
def test_a_mark_wins_over_what_was_announced(head: bytes, announced: str | None, expected: Encoding) -> None:
    assert encoding_of(head, announced) == expected


@both_orders
@pytest.mark.parametrize(
    ("units", "at"),
    [
        ("0061 d800 0062", 2),  # the first half of a pair, and no second
        ("0061 dc00 0062", 2),  # a second half alone
        ("d83d de00 d800", 4),  # half a pair at the end
        ("0061 0000 0062", 2),  # a NUL
        ("0061 0000 d800", 2),  # the first of two
    ],
)
def test_what_is_no_utf_16_is_named_by_its_byte_in_the_upload(
    sqlite_stage: Stage, name: str, units: str, at: int
) -> None:
    data = bytes.fromhex(units)
    if name == "utf-16le":
        data = b"".join(data[place : place + 2][::-1] for place in range(0, len(data), 2))

    assert f" at byte {at + 2} (counted from 0)" in error_of(settled(sqlite_stage, MARKS[name] + data))
    assert sqlite_stage.uploads.uploads == {}  # nothing is kept half-way


def test_half_a_character_at_the_end_is_named(sqlite_stage: Stage) -> None:
    said = error_of(settled(sqlite_stage, b"\xff\xfea\0b"))

    assert said == "the document is not UTF-16: half a character stands at byte 4, its last one"


@both_orders
def test_parts_of_any_size_make_the_same_text(sqlite_stage: Stage, name: str) -> None:
    text = "a😀é語😀😀" * 3
    for part_bytes in range(2, 40, 2):
        hold = hold_of(sqlite_stage, text, name)
        size = sqlite_stage.run(transcode(hold, Encoding(name, 2), part_bytes=part_bytes))
        assert sqlite_stage.documents.objects[f"documents/{hold.plan.job_id}"].decode() == text, part_bytes
        assert size == len(text.encode())


@both_orders
def test_an_error_behind_the_first_part_is_named_by_its_byte_too(sqlite_stage: Stage, name: str) -> None:
    for part_bytes in (2, 4, 6, 8):
        job_id = sqlite_stage.submit_upload(
            sqlite_stage.upload(MARKS[name] + "ab😀c\ud83dd".encode(name, "surrogatepass"))
        )
        hold = held_again(sqlite_stage, job_id)
        with pytest.raises(DocumentUnreadable, match="not UTF-16 at byte 12 "):
            sqlite_stage.run(transcode(hold, Encoding(name, 2), part_bytes=part_bytes))


def test_a_large_document_is_made_of_parts_that_s3_takes(sqlite_stage: Stage) -> None:
    """More than one part, as a planner makes them: the worst text is ASCII, which halves."""
    text = ("0123456789 and so on.\n" * 600_000)[: SOURCE_PART // 2 + 1_000]
    job_id = sqlite_stage.submit_upload(sqlite_stage.upload(text.encode("utf-16")), max_chunk_chars=100_000)
    sizes: list[int] = []
    put = sqlite_stage.uploads.put_part

    async def noted(key: str, upload_id: str, number: int, data: bytes) -> object:
        sizes.append(len(data))
        return await put(key, upload_id, number, data)

    sqlite_stage.uploads.put_part = noted  # type: ignore[method-assign,assignment]
    sqlite_stage.plan(job_id)

    assert sizes[0] >= 5 * 1024 * 1024
    assert sum(sizes) == len(text)
    assert sqlite_stage.job(job_id).document_chars == len(text)
    sqlite_stage.check(job_id)


def test_a_planner_near_its_deadline_hands_on_between_two_parts(stage: Stage) -> None:
    hold = hold_of(stage, TEXT)
    job_id = hold.plan.job_id
    puts = 0
    put = stage.uploads.put_part

    async def slow(key: str, upload_id: str, number: int, data: bytes) -> object:
        nonlocal puts
        puts += 1
        stage.deadline.seconds = 1 if puts % 2 else 300  # every second part the time is over
        return await put(key, upload_id, number, data)

    stage.uploads.put_part = slow  # type: ignore[method-assign,assignment]
    invocations = 1
    while True:
        stage.deadline.seconds = 300
        try:
            stage.run(transcode(hold, Encoding("utf-16le", 2), part_bytes=200))
            break
        except Near:
            assert stage.run(stage.store.rest_plan(hold.plan, seconds=0))
            hold, invocations = held_again(stage, job_id), invocations + 1

    parts = -(-len(TEXT.encode("utf-16-le")) // 200)
    assert (puts, invocations) == (parts, parts // 2 + 1)  # none is made twice
    assert stage.documents.objects[f"documents/{job_id}"] == TEXT.encode()


def test_the_plan_of_an_upload_near_its_deadline_rests_and_is_sent_again(stage: Stage) -> None:
    job_id = stage.submit_upload(stage.upload(TEXT.encode("utf-16")), max_chunk_chars=50)
    stage.queues.lose_everything()
    stage.deadline = FixedDeadline(1)
    stage.plan(job_id)

    assert (stage.queues.plans, stage.rows(job_id)) == ([job_id], [])
    stage.deadline = FixedDeadline(300)
    job = stage.settle(job_id)
    assert (job.status, stage.job_row(job_id).plan_crashes) == (JobStatus.COMPLETED, 0)


def test_an_upload_of_parts_that_is_gone_is_begun_anew(stage: Stage) -> None:
    hold = hold_of(stage, TEXT)

    async def interrupted() -> None:
        upload_id = await stage.uploads.begin(f"documents/{hold.plan.job_id}", content_type="", from_client=False)
        hold.moved_on(await stage.store.begin_transcode(hold.plan, upload_id))
        await stage.uploads.abort("", upload_id)  # the bucket's lifecycle rule
        await transcode(hold, Encoding("utf-16le", 2), part_bytes=100)

    stage.run(interrupted())

    assert stage.documents.objects[f"documents/{hold.plan.job_id}"] == TEXT.encode()


def test_a_planner_that_lost_its_lease_leaves_no_upload_behind(stage: Stage) -> None:
    hold = hold_of(stage, TEXT)
    other = held_again(stage, hold.plan.job_id)

    with pytest.raises(Lost):
        stage.run(transcode(hold, Encoding("utf-16le", 2)))
    stage.run(transcode(other, Encoding("utf-16le", 2)))

    assert stage.uploads.uploads == {}


def test_a_crash_at_every_effect_makes_no_part_wrong(stage: Stage) -> None:
    every = 1 if stage.engine.dialect.name == "sqlite" else 5
    for after in (True, False):
        for at in range(0, 26, every):
            hold = hold_of(stage, "a😀é語" * 12)
            job_id = hold.plan.job_id
            killer = Killer(at=at, after=after)
            stage.uploads, uploads = KilledStore(stage.uploads, killer), stage.uploads  # type: ignore[assignment]
            stage.store, store = KilledStore(stage.store, killer), stage.store  # type: ignore[assignment]
            try:
                stage.run(transcode(replace(hold, parts=stage.parts), hold_encoding(), part_bytes=14))
            except Killed:
                stage.uploads, stage.store = uploads, store
                stage.run(transcode(held_again(stage, job_id), hold_encoding(), part_bytes=14))
            stage.uploads, stage.store = uploads, store
            assert stage.documents.objects[f"documents/{job_id}"].decode() == "a😀é語" * 12, (at, after)


def hold_encoding() -> Encoding:
    """Of what `hold_of` uploads."""
    return Encoding("utf-16le", 2)


def test_twenty_crashes_of_a_planner_over_a_large_document(stage: Stage) -> None:
    """At seeded random moments, each behind the one before: the rows tile, and no chunk is there or sent twice."""
    random = Random(5)
    text = "".join(random.choices(["word ", "Wörter. ", "語", "😀", "\n\n"], k=120_000))
    job_id = stage.submit_upload(stage.upload(text.encode("utf-16")), max_chunk_chars=100)
    stage.queues.plans.clear()
    small = stage.with_settings(plan_block=40)
    real = (small.store, small.uploads)
    deaths = 0
    while deaths < 20:
        killer = Killer(at=random.randrange(24), after=random.random() < 0.5)
        small.store = KilledStore(real[0], killer)  # type: ignore[assignment]
        small.uploads = KilledStore(real[1], killer)  # type: ignore[assignment]
        small.queues.before = killer.effect
        try:
            small.plan(job_id)
        except Killed:
            deaths += 1
            stage.pass_time(61)
        assert stage.job(job_id).progress.total is None, deaths
        stage.check(job_id)

    small.store, small.uploads = real
    small.queues.before = Killer(at=-1, after=False).effect
    small.plan(job_id)

    spans = split(text, 100)
    found = [(row.chunk_index, row.char_start, row.char_end, row.byte_start) for row in stage.rows(job_id)]
    assert found == [(span.chunk_index, span.char_start, span.char_end, span.byte_start) for span in spans]
    assert stage.job(job_id).progress.total == len(spans)
    sent = [hint.chunk_index for hint, _ in stage.queues.chunks]
    assert len(sent) == len(set(sent))
    stage.check(job_id)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")), st.integers(1, 9), st.sampled_from(list(MARKS)))
def test_characters_come_out_of_blocks_of_any_size_as_they_went_in(text: str, size: int, name: str) -> None:
    for encoding in (name, "utf-8"):
        data = text.encode(encoding)
        characters = Characters(encoding, 0)
        blocks = [data[at : at + size] for at in range(0, len(data), size)]
        decoded = [characters.decode(block, final=at == len(blocks) - 1) for at, block in enumerate(blocks)]
        assert "".join(decoded) == text
