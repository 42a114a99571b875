"""The models' key, where it is a secret of AWS Secrets Manager: never in an environment variable, never in a log.

That the secret cannot be read (no right, no such secret, nobody answers) is this deployment's fault and no document's,
and it passes once somebody mends it; no call has been made, none is paid. So it is an outage: chunks wait, no attempt
is used, and after `max_park` they fail. A key that the provider itself refuses is another matter: `bad_credentials`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Protocol, cast

from functions.core.aws import ANY_FAILURE, client_config, reason
from functions.core.errors import ProviderError
from functions.core.logs import logger

if TYPE_CHECKING:
    import boto3

    from functions.core.ports import Runner

KEPT = 300.0  # seconds until a key is read anew: a rotation is noticed by then, or when the old key is refused
_PAUSE = 10.0  # seconds in which a read that failed is not repeated


class SecretsClient(Protocol):
    """As much of boto3's client as is used."""

    def get_secret_value(self, *, SecretId: str) -> dict[str, object]:  # noqa: N803 (boto3's name)
        """The current version of a secret."""
        ...


def make_secrets(session: boto3.Session, arn: str, *, endpoint_url: str | None = None) -> SecretsClient:
    """A client for `ModelKey`, in the region of the secret."""
    config = client_config(connections=1, read_timeout=3)
    client = session.client("secretsmanager", region_name=arn.split(":")[3], endpoint_url=endpoint_url, config=config)
    return cast("SecretsClient", client)


class ModelKey:
    """The key, read when a model first needs it. Any number of threads and event loops may share it."""

    def __init__(
        self,
        open_client: Callable[[], SecretsClient],
        runner: Runner,
        arn: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`open_client` is called once, at the first read; `clock` in seconds."""
        self._open_client = open_client
        self._runner = runner
        self._arn = arn
        self._clock = clock
        self._lock = Lock()
        self._client: SecretsClient | None = None
        self._key: str | None = None
        self._read_at = 0.0
        self._failure: tuple[float, str] | None = None

    async def text(self, *, refused: str | None = None) -> str:
        """The key; read anew when it was read long ago, or when it is the one that was `refused`.

        Raises ProviderError (unavailable) when it cannot be read; one that is merely old is used on meanwhile.
        """
        return await self._runner(partial(self._current, refused))

    # -- on the runner's threads

    def _current(self, refused: str | None) -> str:
        with self._lock:
            old = self._key if self._key != refused else None
            if old is not None and self._clock() - self._read_at < KEPT:
                return old
            try:
                self._key = self._read()
            except ProviderError:
                if old is None:
                    raise
                logger.warning("the models' key could not be read anew: the old one is used on")
            self._read_at = self._clock()
            return cast("str", self._key)

    def _read(self) -> str:
        """The secret's text. Raises ProviderError, the same for all who wait while it cannot be read."""
        if self._failure and 0 <= self._clock() - self._failure[0] < _PAUSE:
            raise _unreadable(self._failure[1])
        try:
            key = str(self._fetch().get("SecretString") or "").strip()
            why = "" if key else "the secret has no text"
        except ANY_FAILURE as error:
            key, why = "", reason(error)
        self._failure = (self._clock(), why) if why else None
        if why:
            logger.error("the models' key could not be read", extra={"secret": self._arn, "reason": why})
            raise _unreadable(why)
        return key

    def _fetch(self) -> dict[str, object]:
        self._client = self._client or self._open_client()
        return self._client.get_secret_value(SecretId=self._arn)


def _unreadable(why: str) -> ProviderError:
    return ProviderError("unavailable", f"the models' key cannot be read from Secrets Manager: {why}")
