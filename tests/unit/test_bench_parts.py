from __future__ import annotations

import json
import os
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from functions.core.chunking import split
from local.bench.accept import post
from local.bench.beside import bare_endpoint
from local.bench.chunking import chunking
from local.bench.processes import ProcessDied, Snapshot, peak_mb
from local.bench.provider import provider
from local.bench.texts import json_body, kinds, prose, write_prose
from local.bench.throughput import bare_loop
from local.cli.main import main
from local.options import HOST

BOOK = "“Call me Ishmael.”\n\nSome years ago, never mind how long precisely, I was 37.\n" * 400


@pytest.mark.parametrize("size", [1_000, 100_000, 1_000_000])
def test_a_body_has_nearly_the_size_that_was_asked_for(size: int) -> None:
    body = json_body(BOOK, size)
    assert 0.99 * size <= len(body) <= 1.01 * size
    assert json.loads(body)["raw_text"].startswith("“Call me")


def test_texts_of_all_kinds_have_the_size_in_bytes() -> None:
    for text in (prose(BOOK, 9_999), *kinds(BOOK, 9_999).values()):
        assert len(text.encode()) == pytest.approx(9_999, abs=4)


@pytest.mark.parametrize("size", [1, 3, 4, 1_000, 99_999])
def test_a_file_of_prose_has_its_size_to_the_byte_and_whole_characters(tmp_path: Path, size: int) -> None:
    write_prose(BOOK.encode(), size, tmp_path / "prose")
    written = (tmp_path / "prose").read_bytes()
    assert len(written) == size
    assert written.decode().rstrip() in BOOK * (size // len(BOOK) + 1)


def test_the_bare_endpoint_parses_bodies_in_a_process_of_its_own() -> None:
    with bare_endpoint() as bare, closing(HTTPConnection(HOST, bare.port)) as connection:
        took, said = post(connection, json_body(BOOK, 10_000))
        assert took > 0
        assert said["keys"] == "raw_text"
        assert bare.pid != os.getpid()
        assert peak_mb(bare.pid) > 1
        connection.request("POST", "/v1/analyze", b"no JSON", {"Content-Type": "application/json"})
        assert connection.getresponse().status >= 400


def test_chunking_is_measured_for_every_kind_of_text() -> None:
    said: list[str] = []
    figures = chunking(BOOK, say=said.append, size=20_000)
    assert [figure.id for figure in figures] == [
        "chunking.prose", "chunking.one_letter", "chunking.newlines", "chunking.emoji", "chunking.combining_marks",
    ]  # fmt: skip
    assert all(figure.value > 0 and figure.ratio > 0 for figure in figures)
    assert said


def test_the_provider_is_measured_on_a_document_shorter_than_a_chunk_too() -> None:
    for book in (BOOK, BOOK[:50]):
        (figure,) = provider(book, say=lambda _: None)
        assert figure.value > 0


def test_the_bare_loop_makes_every_call() -> None:
    loop = bare_loop(BOOK, 0.0)
    assert loop.ideal == 0
    assert loop.cpu_a_chunk * len(split(BOOK, 4000)) <= loop.wall * (os.cpu_count() or 1)


def test_a_snapshot_of_a_process_that_is_gone_says_so() -> None:
    taken = Snapshot.take({"me": os.getpid()})
    assert taken.cpu["me"] > 0
    with pytest.raises(ProcessDied):
        Snapshot.take({"gone": 2**22 + 1})


def test_the_command_prints_json_alone_on_stdout(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--only", "provider", "--json"])
    captured = capsysbinary.readouterr()
    said = json.loads(captured.out)
    assert ended.value.code == 0
    assert [figure["id"] for figure in said["figures"]] == ["provider.local"]
    assert said["facts"]["cores"] == os.cpu_count()
    assert b"provider" in captured.err


@pytest.mark.parametrize("sizes", ["", "0", "1,,2", "ten", "2000", "1.5"])
def test_sizes_that_are_none_are_refused(capsys: pytest.CaptureFixture[str], sizes: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--documents", "--sizes", sizes])
    assert ended.value.code == 2
    assert "--sizes" in capsys.readouterr().err
