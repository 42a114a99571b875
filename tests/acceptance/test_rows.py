"""What goes in comes out: a table of 100,000 rows, and a model that says which rows it was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from functions.core.results import SEPARATOR
from local.client import Client
from local.options import Options
from local.stack import Stack
from tests.acceptance.conftest import NewDatabase
from tests.fixtures.model_server import Answer, ModelServer, Request
from tests.fixtures.running import SOON, Running

ROWS = 100_000
TABLE = "".join(f"row {number:06}; {number * 7919 % ROWS:05}\n" for number in range(ROWS))


def rows_shown(request: Request) -> str:
    """The numbers of the rows in the text that is to be analysed."""
    return " ".join(re.findall(r"^row (\d{6}); \d{5}$", request.body["messages"][-1]["content"], re.MULTILINE))


@pytest.fixture
def reader(tmp_path: Path, new_database: NewDatabase) -> Iterator[Running]:
    """A stack whose model is a server on this machine, as OpenAI's would be."""
    database_url = new_database()
    with ModelServer() as model:
        model.answer = Answer(say=rows_shown)
        env = {**SOON, "PIECEWISE_MODEL_BASE_URL": f"{model.url}/v1", "PIECEWISE_MODEL_API_KEY": "none"}
        options = Options(
            port=0, state_dir=tmp_path, model="openai:rows", concurrency=16, grace=0, env=env, database_url=database_url
        )
        with (
            Stack(options, say=lambda _: None) as stack,
            closing(
                Running(stack.url, state=stack.state_path, log=tmp_path / "none", database_url=database_url)
            ) as seen,
        ):
            yield seen


def test_every_row_of_a_large_table_is_read_by_the_model_once_and_said_in_order(
    reader: Running, tmp_path: Path
) -> None:
    (tmp_path / "table.txt").write_text(TABLE)
    with Client(reader.url) as client:
        document = client.upload(tmp_path / "table.txt")
        job_id = client.submit_document(document["document_id"], max_chunk_chars=10_000)["job_id"]
    job = reader.ended(job_id)
    assert (job["status"], job["document_chars"]) == ("COMPLETED", len(TABLE))
    assert job["total_chunks"] > len(TABLE) // 10_000
    said = [re.findall(r"\d{6}", answer) for answer in reader.result(job_id).split(SEPARATOR)]
    assert all(said)
    assert [int(number) for numbers in said for number in numbers] == list(range(ROWS))
