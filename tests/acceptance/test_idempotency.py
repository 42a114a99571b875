"""One key makes one job, whoever asks how often and at the same time, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import httpx

from tests.fixtures.running import Running

CROWD = 50


def test_a_crowd_with_one_key_makes_one_job_and_all_are_told_of_it(piecewise: Running) -> None:
    key, together = str(uuid4()), Barrier(CROWD)
    document = f"Once only, whoever asks: {key}."

    def post(_: int) -> httpx.Response:
        together.wait()
        headers = {"content-type": "text/plain", "idempotency-key": key}
        return piecewise.http.post("/v1/analyze", content=document, headers=headers)

    with ThreadPoolExecutor(CROWD) as threads:
        answers = list(threads.map(post, range(CROWD)))
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    [job_id] = {answer.json()["job_id"] for answer in answers}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert piecewise.check(job_id, document)["status"] == "COMPLETED"
    made = piecewise.rows("SELECT job_id FROM idempotency_keys WHERE idempotency_key = :key", key=key)
    assert [row["job_id"] for row in made] == [job_id]
    newest = piecewise.http.get("/v1/analyze", params={"limit": 100}).json()["items"]
    assert sum(job["document_bytes"] == len(document) for job in newest) == 1
    assert len(piecewise.calls(job_id)) == 1


def test_a_key_is_for_one_document(piecewise: Running) -> None:
    headers = {"content-type": "text/plain", "idempotency-key": f'"{uuid4()}"'}
    assert piecewise.http.post("/v1/analyze", content="One.", headers=headers).status_code == 202
    refused = piecewise.http.post("/v1/analyze", content="Another.", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:piecewise:problem:idempotency-key-reused")
