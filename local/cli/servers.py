"""Which server a command speaks to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from local.options import DEFAULT_PORT, HOST

if TYPE_CHECKING:
    from local.client import Client

VARIABLE = "PIECEWISE_SERVER"
TOKEN = "PIECEWISE_TOKEN"  # noqa: S105 - the name of a variable
NEARBY = f"http://{HOST}:{DEFAULT_PORT}"

ServerOption = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="Default: PIECEWISE_SERVER, else port 3000.")
]


def client(option: str | None) -> Client:
    """A client of the server that the user names, else of the one nearby. Raises typer.BadParameter."""
    return at(named(option) or NEARBY)


def at(url: str) -> Client:
    """A client of this server, with the bearer's token in PIECEWISE_TOKEN if there is one."""
    from local.client import Client

    return Client(url, token=os.environ.get(TOKEN) or None)


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
