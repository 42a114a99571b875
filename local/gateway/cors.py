"""What API Gateway's HTTP API does for pages of other origins, where the template turns that on.

API Gateway answers preflights itself, without the function and without an authorizer, and what a function says about
origins is replaced: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local.gateway.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.gateway.asgi import Scope
    from local.templates.deployment import CorsSpec

_PREFIX = b"access-control-"
_ANY = "*"
_ANY_OF_A_SCHEME = ("http://*", "https://*")

Header = tuple[bytes, bytes]


def preflight(cors: CorsSpec, scope: Scope) -> Reply | None:
    """The answer to a browser's question before its request; None for every other request.

    An origin that is not allowed gets the same 204 without a word about origins: the browser refuses for us.
    """
    if scope["method"] != "OPTIONS" or _header(scope, b"access-control-request-method") is None:
        return None
    origin = _header(scope, b"origin")
    if origin is None:
        return None
    allowed = _allowed(cors, origin)
    return Reply(204, (*allowed, *_permissions(cors)) if allowed else (), b"")


def dressed(cors: CorsSpec, scope: Scope, reply: Reply) -> Reply:
    """A function's reply with the API's word on origins in the place of the function's own."""
    kept = tuple(header for header in reply.headers if not header[0].startswith(_PREFIX))
    origin = _header(scope, b"origin")
    allowed = _allowed(cors, origin) if origin is not None else ()
    if allowed and cors.expose_headers:
        allowed = (*allowed, _listed("expose-headers", cors.expose_headers))
    return replace(reply, headers=(*kept, *allowed))


def _allowed(cors: CorsSpec, origin: str) -> tuple[Header, ...]:
    """Whether a page of this origin may see answers, and with whose credentials; nothing when it may not."""
    if _ANY in cors.allow_origins:
        return (_named("allow-origin", _ANY),)
    schemes = tuple(pattern.removesuffix(_ANY) for pattern in cors.allow_origins if pattern in _ANY_OF_A_SCHEME)
    if origin not in cors.allow_origins and not (schemes and origin.startswith(schemes)):
        return ()
    credentials = (_named("allow-credentials", "true"),) if cors.allow_credentials else ()
    return (_named("allow-origin", origin), *credentials)


def _permissions(cors: CorsSpec) -> tuple[Header, ...]:
    lists = {"allow-methods": cors.allow_methods, "allow-headers": cors.allow_headers}
    age = (_named("max-age", str(cors.max_age)),) if cors.max_age is not None else ()
    return (*(_listed(name, values) for name, values in lists.items() if values), *age)


def _listed(name: str, values: Sequence[str]) -> Header:
    return _named(name, ",".join(values))


def _named(name: str, value: str) -> Header:
    return _PREFIX + name.encode(), value.encode()


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
