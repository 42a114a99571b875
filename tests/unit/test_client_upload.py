from __future__ import annotations

import hashlib
import io
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.client import Client, Refused, Sent, ServerNotReached, SourceChanged, Time
from local.client.source import PART, opened
from tests.unit.fake_server import Answer, FakeServer, serving
from tests.unit.fake_uploads import DOCUMENT_ID, EXPIRES_AT, FakeUploads

SMALL = "Größe\n".encode() * 1000
LARGE = random.Random(1).randbytes(2 * PART + 12_345)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def uploads(server: FakeServer) -> FakeUploads:
    return FakeUploads(server)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(server: FakeServer, clock: Clock) -> Iterator[Client]:
    with Client(server.url, time=Time(clock, clock.sleep)) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def made(data: bytes) -> Path:
        path = tmp_path / "document"
        path.write_bytes(data)
        return path

    return made


def test_a_small_file_is_one_put_with_the_headers_that_were_signed(
    client: Client, uploads: FakeUploads, server: FakeServer, file: Callable[[bytes], Path]
) -> None:
    document = client.upload(file(SMALL))
    assert (document["document_id"], document["status"]) == (DOCUMENT_ID, "uploaded")
    assert uploads.announced == {
        "bytes": len(SMALL), "sha256": hashlib.sha256(SMALL).hexdigest(), "content_type": "text/plain",
    }  # fmt: skip
    assert uploads.data == SMALL
    (put,) = (asked for asked in server.asked if asked.method == "PUT")
    assert put.headers["content-length"] == str(len(SMALL))
    assert put.headers["if-none-match"] == "*"
    assert "Transfer-Encoding" not in put.headers
    assert "Authorization" not in put.headers


def test_a_large_file_goes_in_parts_that_tile_it_each_with_its_digest(
    client: Client, uploads: FakeUploads, file: Callable[[bytes], Path]
) -> None:
    client.upload(str(file(LARGE)), content_type="text/markdown; charset=utf-8")
    assert uploads.data == LARGE
    assert [part["bytes"] for part in uploads.announced["parts"]] == [PART, PART, 12_345]
    assert uploads.announced["content_type"] == "text/markdown; charset=utf-8"
    assert set(uploads.tries.values()) == {1}


@pytest.mark.parametrize("fault", ["expired", "full", "lost"])
def test_what_did_not_get_through_is_sent_to_fresh_urls_and_nothing_else_is(
    client: Client, uploads: FakeUploads, file: Callable[[bytes], Path], fault: str
) -> None:
    uploads.faults.append(fault)
    client.upload(file(LARGE), threads=1)
    assert uploads.data == LARGE
    assert uploads.tries == ({1: 1, 2: 1, 3: 1} if fault == "lost" else {1: 2, 2: 1, 3: 1})


def test_a_connection_that_breaks_while_a_part_is_sent_costs_that_part(
    client: Client, uploads: FakeUploads, server: FakeServer, file: Callable[[bytes], Path]
) -> None:
    server.broken_bodies = 2
    client.upload(file(LARGE), threads=3)
    assert uploads.data == LARGE


def test_a_single_put_whose_answer_was_lost_is_not_sent_again(
    client: Client, uploads: FakeUploads, file: Callable[[bytes], Path]
) -> None:
    uploads.faults.append("lost")
    assert client.upload(file(SMALL))["status"] == "uploaded"
    assert uploads.tries == {1: 1}


def test_an_upload_that_never_gets_through_is_given_up_in_the_buckets_words(
    client: Client, uploads: FakeUploads, clock: Clock, file: Callable[[bytes], Path]
) -> None:
    uploads.faults.extend(["full"] * 100)
    with pytest.raises(Refused, match=r"^S3 says SlowDown: Please reduce your request rate. \(503\)$"):
        client.upload(file(SMALL), patience=30)
    assert 20 < clock.now <= 30


def test_patience_lasts_from_the_last_part_that_got_through(
    client: Client, uploads: FakeUploads, clock: Clock, file: Callable[[bytes], Path]
) -> None:
    for _ in range(3):
        uploads.faults.extend(["full"] * 4)
        uploads.faults.append("lost")
    client.upload(file(LARGE), threads=1, patience=20)
    assert clock.now == 3 * (1 + 2 + 4 + 8)


def test_an_upload_that_expired_says_so(client: Client, uploads: FakeUploads, file: Callable[[bytes], Path]) -> None:
    uploads.faults.append("expired")
    uploads.status = "expired"
    with pytest.raises(Refused, match="was not complete in time") as refused:
        client.upload(file(SMALL))
    assert refused.value.status == 410


def test_what_the_service_does_not_take_is_refused_before_a_byte_is_sent(
    client: Client, server: FakeServer, file: Callable[[bytes], Path]
) -> None:
    server.on("POST", "/v1/documents", Answer({"detail": "at most 5 GiB"}, 422))
    with pytest.raises(Refused, match="at most 5 GiB"):
        client.upload(file(SMALL))
    assert len(server.asked) == 1


def test_a_service_that_is_away_for_a_moment_is_waited_for(
    client: Client, server: FakeServer, clock: Clock, file: Callable[[bytes], Path]
) -> None:
    server.on("POST", "/v1/documents", Answer({}, 503, {"Retry-After": "3"}), Answer({}, 503))
    server.on("GET", f"/v1/documents/{DOCUMENT_ID}", Answer({}, 502))
    uploads = FakeUploads(server)
    client.upload(file(SMALL))
    assert uploads.data == SMALL
    assert clock.now == 3 + 2 + 1


def test_nobody_there_is_said_at_once(clock: Clock, file: Callable[[bytes], Path]) -> None:
    with serving() as gone:
        url = gone.url
    with Client(url, time=Time(clock, clock.sleep)) as client, pytest.raises(ServerNotReached):
        client.upload(file(SMALL))
    assert clock.now == 0


def test_a_stream_is_copied_first_and_an_open_file_is_taken_whole(
    client: Client, uploads: FakeUploads, file: Callable[[bytes], Path]
) -> None:
    client.upload(io.BytesIO(SMALL))
    assert uploads.data == SMALL
    uploads.parts.clear()
    uploads.status = "waiting"
    with file(LARGE).open("rb") as opened_file:
        opened_file.read(7)
        client.upload(opened_file)
    assert uploads.data == LARGE


def test_progress_rises_to_the_whole_and_counts_nothing_twice(
    client: Client, uploads: FakeUploads, file: Callable[[bytes], Path]
) -> None:
    uploads.faults.append("full")
    seen: list[Sent] = []
    client.upload(file(LARGE), threads=2, progress=seen.append)
    assert seen[0] == Sent(DOCUMENT_ID, EXPIRES_AT, 0, len(LARGE))
    assert max(step.sent for step in seen) == seen[-1].sent == len(LARGE)


@pytest.mark.parametrize("size", [0, len(SMALL) - 1, len(SMALL) + 1])
def test_a_file_that_grows_or_shrinks_while_it_is_sent_is_not_passed_off_as_whole(
    client: Client, uploads: FakeUploads, file: Callable[[bytes], Path], size: int
) -> None:
    path = file(SMALL)

    def meddle(sent: Sent) -> None:
        if sent.sent == 0:
            os.truncate(path, size)

    with pytest.raises(SourceChanged, match="was written to while it was being read"):
        client.upload(path, progress=meddle)


def test_a_part_is_read_in_small_blocks(file: Callable[[bytes], Path]) -> None:
    with opened(file(LARGE)) as source:
        assert max(len(block) for part in source.parts for block in source.blocks(part)) <= 256 * 1024
        assert b"".join(block for part in source.parts for block in source.blocks(part)) == LARGE


def test_an_unreadable_file_is_the_callers_oserror(client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.upload(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        client.upload(tmp_path)
