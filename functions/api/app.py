"""The HTTP API: its routes, put together."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import FastAPI

from functions.api import problems
from functions.api.contract import Contract
from functions.api.edge import Edge
from functions.api.routes import (
    about,
    chunks,
    controlling,
    coverage,
    listing,
    reading,
    results,
    submitting,
    uploading,
)
from functions.api.version import VERSION
from functions.core.wiring import Parts

_NOUNS = (submitting, uploading, listing, reading, results, chunks, coverage, controlling, about)
_DESCRIPTION = """\
Analyses documents of any size with an AI model, without blocking a caller or losing a chunk.

Every GET may be asked as HEAD. Every answer carries `x-request-id`. Refusals are problem details (RFC 9457). Offsets
are half-open, in Unicode code points (`char_*`) and in bytes of UTF-8 (`byte_*`); times are RFC 3339 in UTC. Beside the
operations there are `GET /openapi.json`, which is this description, and `GET /docs`, the same as a page."""


def wall_clock() -> int:
    """Milliseconds since 1970; only for how long ago something was."""
    return time.time_ns() // 1_000_000


def create_app(parts: Parts, *, now: Callable[[], int] = wall_clock) -> FastAPI:
    """The app over a world; nothing is connected before a request needs it."""
    app = FastAPI(
        title="Piecewise",
        version=VERSION,
        description=_DESCRIPTION,
        openapi_url=None,  # FastAPI's pages load scripts from elsewhere, and are rendered for each request
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.now = now
    app.state.contract = Contract(app)
    app.add_middleware(Edge)
    problems.install(app)
    for noun in _NOUNS:
        app.include_router(noun.router)
    return app
