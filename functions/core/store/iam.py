"""IAM authentication at RDS: every connection is opened with a token signed here; there is no password."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError
from sqlalchemy import URL, Dialect, Engine, event

from functions.core.aws import ANY_FAILURE, reason
from functions.core.errors import Misconfigured, StoreUnavailable

Signer = Callable[[str, int, str], str]
"""(host, port, user) → what the database takes as that user's password."""

VERIFIED = "verify-full"
CERTIFICATES = Path(__file__).with_name("rds-ca.pem")
_PORT = 5432


def make_signer(session: boto3.Session) -> Signer:
    """Tokens that RDS and RDS Proxy take for 15 minutes, signed without a network. Raises Misconfigured.

    The signer raises StoreUnavailable when there are no credentials to sign with.
    """
    try:
        client: Any = session.client("rds")
    except (BotoCoreError, ValueError) as error:
        raise Misconfigured(
            f"AWS_REGION is missing or wrong; PIECEWISE_DATABASE_AUTH=iam signs with it: {error}"
        ) from None

    def sign(host: str, port: int, user: str) -> str:
        try:
            return str(client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user))
        except ANY_FAILURE as error:
            raise StoreUnavailable(f"the database's token could not be signed ({reason(error)})") from None

    return sign


def verified(url: URL) -> dict[str, str]:
    """libpq's settings for TLS with a server that proves who it is, where the URL does not say otherwise."""
    query = url.query
    return {
        "sslmode": str(query.get("sslmode", VERIFIED)),
        "sslrootcert": str(query.get("sslrootcert", CERTIFICATES)),
        "gssencmode": "disable",  # it would be tried first where there is a Kerberos ticket, and knows no certificate
    }


def check(url: URL) -> None:
    """Refuse a URL that IAM authentication cannot work with, or that would give the token to a stranger."""
    if url.get_backend_name() != "postgresql":
        raise _wrong("is for postgresql+psycopg://")
    if url.password is not None or "password" in url.query:
        raise _wrong("makes its own password: take the one out of PIECEWISE_DATABASE_URL")
    if not url.username or not url.host:
        raise _wrong("needs a user and a host in PIECEWISE_DATABASE_URL: postgresql+psycopg://user@host:5432/name")
    if url.query.get("sslmode", VERIFIED) != VERIFIED:
        raise _wrong(f"works with sslmode={VERIFIED} only: take sslmode out of PIECEWISE_DATABASE_URL")


def sign_connections(engine: Engine, sign: Signer) -> None:
    """From now on each new connection of the engine has a token of its own. It is in no URL, log or error."""

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Dialect, _record: object, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        token = sign(params["host"], int(params.get("port", _PORT)), params["user"])
        return dialect.connect(*args, **params, password=token)


def _wrong(what: str) -> Misconfigured:
    return Misconfigured(f"PIECEWISE_DATABASE_AUTH=iam {what}")
