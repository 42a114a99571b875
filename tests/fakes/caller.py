"""A client of the api room: requests as API Gateway hands them over, answers as it gets them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from functions.api.app import create_app, wall_clock
from functions.api.handler import respond
from functions.core.wiring import Parts
from tests.fakes.gateway import FakeContext, event


@dataclass(frozen=True)
class Answer:
    """What came back; `headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body of JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """The status and the kind of a refusal, which must be a problem."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return self.status, self.json["type"].removeprefix("urn:piecewise:problem:")

    @property
    def fields(self) -> list[str]:
        """The fields that a refusal names."""
        return [each["field"] for each in self.json["errors"]]


@dataclass
class Caller:
    """Calls one app over these parts."""

    parts: Parts
    now: Callable[[], int] = wall_clock
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        """One app for all requests, as in a function."""
        self.app = create_app(self.parts, now=self.now)

    def __call__(self, method: str, path: str, **more: Any) -> Answer:
        """Ask; `query`, `headers`, `body` and what else an event may have."""
        raw = respond(self.app, event(method, path, **more), FakeContext())  # type: ignore[arg-type]
        body = base64.b64decode(raw["body"]) if raw["isBase64Encoded"] else raw["body"].encode()
        return Answer(raw["statusCode"], raw["headers"], body)

    def get(self, path: str, **more: Any) -> Answer:
        """GET."""
        return self("GET", path, **more)
