"""A client of the api room that uploads documents, and what may happen to it meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import select, update

from functions.api.announcement import SMALLEST_PART
from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.store.tables import documents
from functions.core.wiring import Parts
from tests.fakes.gateway import FakeContext, event, post_json
from tests.fakes.stage import Stage

TEXT = b"One. Two. Three."
NOW = 1_795_328_220_123
Answer = tuple[int, dict[str, str], dict[str, Any]]


PARTS = [b"a" * SMALLEST_PART, b"b" * SMALLEST_PART, b"end"]


def ask(parts: Parts, made: dict[str, Any]) -> Answer:
    """Status, headers and body of the answer to an event."""
    answer = respond(create_app(parts, now=lambda: NOW), made, FakeContext())  # type: ignore[arg-type]
    return answer["statusCode"], answer["headers"], json.loads(answer["body"])


def announce(parts: Parts, fields: object, **more: Any) -> Answer:
    """POST /v1/documents."""
    return ask(parts, post_json(fields, path="/v1/documents", **more))


def read(parts: Parts, document_id: str, **more: Any) -> Answer:
    """GET /v1/documents/{document_id}."""
    return ask(parts, event("GET", f"/v1/documents/{document_id}", **more))


def analyse(parts: Parts, document_id: str, **options: Any) -> Answer:
    """POST /v1/analyze of an upload."""
    return ask(parts, post_json({"document_id": document_id, **options}))


def told(answer: Answer) -> tuple[int, str]:
    """Status and kind of a refusal."""
    return answer[0], answer[2]["type"].removeprefix("urn:piecewise:problem:")


def about(data: bytes) -> dict[str, Any]:
    """Size and digest of a document, or of a part."""
    return {"bytes": len(data), "sha256": sha256(data).hexdigest()}


@dataclass
class Sent:
    """An upload by a client."""

    stage: Stage
    document_id: str

    @classmethod
    def of(cls, stage: Stage, data: bytes = TEXT, content_type: str = "text/plain") -> Sent:
        """One that is announced, and sent in one piece."""
        body = announce(stage.parts, {**about(data), "content_type": content_type})[2]
        assert stage.uploads.send(body["upload"]["url"], body["upload"]["headers"], data) == 200
        return cls(stage, body["document_id"])

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"uploads/{self.document_id}"

    def row(self) -> Any:
        """Its row."""
        with self.stage.engine.begin() as connection:
            return connection.execute(select(documents).where(documents.c.document_id == self.document_id)).one()

    def expire(self) -> None:
        """Let its time go by."""
        with self.stage.engine.begin() as connection:
            here = documents.c.document_id == self.document_id
            connection.execute(update(documents).where(here).values(expires_at=1))


def in_parts(stage: Stage) -> tuple[str, list[dict[str, Any]]]:
    """An announced upload of three parts: its id, and the requests that send them."""
    body = announce(stage.parts, {"parts": [about(part) for part in PARTS], "content_type": "text/markdown"})[2]
    assert (body["bytes"], body["content_type"]) == (2 * SMALLEST_PART + 3, "text/markdown")
    return body["document_id"], body["upload"]["parts"]


def send(stage: Stage, signed: list[dict[str, Any]], *numbers: int) -> None:
    """Send these parts."""
    for number in numbers:
        request = signed[number - 1]
        assert (request["part_number"], request["method"]) == (number, "PUT")
        assert stage.uploads.send(request["url"], request["headers"], PARTS[number - 1]) == 200


class Changing:
    """A part of the world in which something happens before or after one of its methods."""

    def __init__(
        self,
        inner: Any,
        method: str,
        *,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._inner, self._method, self._before, self._after = inner, method, before, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name != self._method:
            return real

        async def changed(*given: Any, **named: Any) -> Any:
            self._before()
            answer = await real(*given, **named)
            self._after()
            return answer

        return changed


def elsewhere(request: Callable[[], Answer]) -> Answer:
    """A request that another process serves while this one is in the middle of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(request).result()


def raising(error: Exception) -> Callable[[], object]:
    """Something that happens."""

    def happen() -> None:
        raise error

    return happen
