"""Where containers and this machine meet: addresses, ports, and what the api in its container is told of them.

A container cannot reach loopback. On Linux moto and Postgres listen on the address that this machine has on the
network of our containers; with Docker Desktop, whose networks are in a machine of their own, they stay on loopback,
to which it brings what containers send to its name for the host. That name is used everywhere.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from local.options import HOST

THIS_MACHINE = "host.docker.internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`host` is the address on which moto and Postgres listen, for this machine's own use."""

    host: str
    moto_port: int
    postgres_port: int
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @classmethod
    def over(cls, gateway: str) -> Self:
        """By the gateway of the containers' network, where that is an address of this machine."""
        host = gateway if is_ours(gateway) else HOST
        return cls(host=host, moto_port=free_port(host), postgres_port=free_port(host))

    def aws_url(self, host: str) -> str:
        """moto, for whoever knows it as `host`."""
        return f"http://{host}:{self.moto_port}"

    def database_url(self, host: str) -> str:
        """SQLAlchemy's URL of the database, for whoever knows it as `host`."""
        return f"postgresql+psycopg://postgres:{self.password}@{host}:{self.postgres_port}/postgres"

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """What the api in its container is told, given what the functions beside it are."""
        own = {name: value for name, value in env.items() if name.startswith("PIECEWISE_")}
        return own | {
            "AWS_ENDPOINT_URL": self.aws_url(THIS_MACHINE),
            "AWS_EC2_METADATA_DISABLED": "true",
            "PIECEWISE_DATABASE_URL": self.database_url(THIS_MACHINE),
            "PIECEWISE_PUBLIC_S3_URL": self.aws_url(self.host),
            "PIECEWISE_SCRATCH_DIR": "/tmp",  # noqa: S108 - the container's; that there is one says that this is no AWS
        }


def is_ours(address: str) -> bool:
    """Whether it is an address of this machine."""
    with contextlib.suppress(OSError), socket.create_server((address, 0)):
        return True
    return False


def is_free(port: int) -> bool:
    """Whether nobody listens on that port of loopback."""
    with contextlib.suppress(OSError), socket.create_server((HOST, port)):
        return True
    return False


def free_port(host: str) -> int:
    """A port there that nobody listens on now."""
    with socket.create_server((host, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
