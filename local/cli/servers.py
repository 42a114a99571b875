"""Which server a command speaks to."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import typer

from local.options import DEFAULT_PORT, HOST

VARIABLE = "PIECEWISE_SERVER"
NEARBY = f"http://{HOST}:{DEFAULT_PORT}"


def named(option: str | None) -> str | None:
    """The server that the user names: `--server`, else PIECEWISE_SERVER. Raises typer.BadParameter."""
    if option is not None:
        return _checked(option, "--server")
    given = os.environ.get(VARIABLE)
    return _checked(given, VARIABLE) if given else None


def running() -> str | None:
    """The Piecewise on the port where `piecewise up` listens, if there is one."""
    from local.health import is_piecewise

    return NEARBY if is_piecewise(HOST, DEFAULT_PORT, timeout=2.0) else None


def _checked(url: str, where: str) -> str:
    parts = urlsplit(url)
    try:
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        usable = False
    if not usable:
        raise typer.BadParameter(f"{url!r} is not an address like {NEARBY}", param_hint=where)
    return url.rstrip("/")
