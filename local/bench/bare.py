"""`python -m local.bench.bare`: the least that an endpoint for the same bodies can be, served as the api function is.

Gateway, event, Mangum, FastAPI, one `await request.json()`, and a short answer: what POST costs beyond this is ours.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request

from functions.api.handler import respond
from local.gateway import Gateway, serve
from local.gateway.server import bind
from local.invoke import Function
from local.options import HOST
from local.roles.parent import Parent

app = FastAPI()


@app.post("/v1/analyze", status_code=202)
async def parse(request: Request) -> dict[str, str]:
    """Parse the body, and say what is in it."""
    body = await request.json()
    return {"job_id": "0" * 26, "status": "PENDING", "keys": ",".join(body)}


def handler(event: Any, context: Any) -> Any:
    """As the api function's."""
    return respond(app, event, context)


def main() -> None:
    """Until the parent is gone; says on stdout which port it listens on."""
    parent = Parent.take_over()
    gateway = Gateway(Function(name="bare", handler=handler, timeout=30.0))
    serve(gateway, bind(HOST, 0), on_ready=lambda port: parent.say(port=port), stop=parent.stopping)


if __name__ == "__main__":
    main()
