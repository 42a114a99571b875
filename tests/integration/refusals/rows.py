"""What a row of the tables says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

ANALYZE = "/v1/analyze"
JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain"}


@dataclass(frozen=True)
class Bad:
    """A request that is refused. `path` may name what the scene holds: `{done}`, `{waiting}`, …

    `says`: words of the detail or of the message of the field that is to blame.
    """

    status: int
    slug: str
    says: str
    method: str = "GET"
    path: str = ANALYZE
    query: str = ""
    body: str | bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    blames: str | None = None  # the field
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        sent = self.body if self.body is None or len(self.body) <= 60 else f"{len(self.body)} of body"
        headers = {name: value[:40] for name, value in self.headers.items()} if self.headers not in (JSON, TEXT) else ""
        return f"{self.method} {self.path[:60]}?{self.query[:60]} {headers} {sent!r}"


def analyze(fields: object, blames: str, says: str, **more: Any) -> Bad:
    """POST /v1/analyze with JSON of which one field is wrong."""
    given: dict[str, Any] = {"status": 422, "slug": "invalid-request", "headers": JSON} | more
    return Bad(method="POST", body=json.dumps(fields), blames=blames, says=says, **given)


def text(body: str | bytes, blames: str, says: str, query: str = "", **more: Any) -> Bad:
    """POST /v1/analyze with plain text."""
    given: dict[str, Any] = {"status": 422, "slug": "invalid-request", "headers": TEXT} | more
    return Bad(method="POST", body=body, query=query, blames=blames, says=says, **given)


def upload(fields: object, blames: str | None, says: str, **more: Any) -> Bad:
    """POST /v1/documents."""
    given: dict[str, Any] = {"status": 422, "slug": "invalid-request", "headers": JSON} | more
    return Bad(method="POST", path="/v1/documents", body=json.dumps(fields), blames=blames, says=says, **given)


def get(path: str, query: str, blames: str, says: str) -> Bad:
    """A list with a query that is wrong."""
    return Bad(422, "invalid-request", says, path=path, query=query, blames=blames)
