"""Whether a Piecewise answers at an address. Standard library only: the command line asks before it loads anything."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException


def is_piecewise(host: str, port: int, *, timeout: float) -> bool:
    """Whether `GET /health` is answered by a Piecewise within `timeout` seconds."""
    connection = HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        body = json.loads(answer.read(10_000))
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return answer.status == 200 and isinstance(body, dict) and body.get("service") == "piecewise"
