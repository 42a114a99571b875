"""Whose request it is. Every query is scoped by the owner; another owner's job is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.core.errors import Rejected
from functions.core.settings import Settings

LOCAL_OWNER = "local"
_LONGEST = 255  # the column's width; OpenID Connect allows a subject of 255 ASCII characters


def owner_of(scope: Mapping[str, Any], settings: Settings) -> str:
    """The claim that API Gateway's JWT authorizer has verified; `local` only where authentication is set to none.

    Raises Rejected (401) when there is no such claim.
    """
    if settings.auth == "none":
        return LOCAL_OWNER
    claim = _claims(scope).get(settings.owner_claim)
    if isinstance(claim, str) and 0 < len(claim) <= _LONGEST and claim.isprintable():
        return claim
    raise Rejected(
        401,
        "unauthenticated",
        f"The request carries no verified claim {settings.owner_claim!r}. Send an access token of the configured "
        "issuer as Authorization: Bearer TOKEN.",
        headers={"www-authenticate": "Bearer"},
    )


def _claims(scope: Mapping[str, Any]) -> Mapping[str, Any]:
    """`requestContext.authorizer.jwt.claims` of an event in payload format 2.0; empty when a step is missing."""
    step: Any = scope.get("aws.event")
    for name in ("requestContext", "authorizer", "jwt", "claims"):
        step = step.get(name) if isinstance(step, Mapping) else None
    return step if isinstance(step, Mapping) else {}
