"""One `sam-local` a port: it would take the network and the containers of another for what a killed one left."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.stack import StackError


@contextmanager
def only_one(port: int) -> Iterator[None]:
    """Inside, no other of this user's is starting or up on that port. Raises StackError when one is."""
    lock = Path(tempfile.gettempdir()) / f"piecewise-sam-local-{os.getuid()}-{port}.lock"
    try:
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StackError(f"cannot lock {lock}: {error.strerror}: remove it") from None
    try:
        _take(held, port)
        yield
    finally:
        os.close(held)


def _take(held: int, port: int) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StackError(
            f"another sam-local is on port {port} or about to be: stop that, or choose another with --port"
        ) from None
