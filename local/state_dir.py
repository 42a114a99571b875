"""The directory in which a laptop's stack keeps everything that must survive: database, objects, logs. No secrets.

One stack at a time: an exclusive `flock` that the stack's processes inherit, so that the directory is free only when
the last of them is gone, whoever killed which first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO, Self

_LOG_BYTES = 5_000_000
_PATIENCE = 2.0  # seconds; processes whose parent was killed need a moment to notice


class StateDirError(Exception):
    """The directory cannot be used; the message is one line with the way out."""


class StateDir:
    """An open, locked state directory; close it to let go of the lock."""

    def __init__(self, path: Path, lock: IO[str], *, temporary: bool) -> None:
        self.path = path
        self.temporary = temporary
        self._lock = lock

    @classmethod
    def open(cls, path: Path | None, *, patience: float = _PATIENCE) -> Self:
        """Lock `path`, made when missing, or a new temporary directory. Raises StateDirError.

        `patience`: seconds to wait for a lock that somebody else holds.
        """
        try:
            made = _make(path)
            return cls(made, _locked(made, patience), temporary=path is None)
        except OSError as error:
            reason = error.strerror or str(error)
            where = path or tempfile.gettempdir()
            raise StateDirError(
                f"cannot use {where} as state directory: {reason} (choose another with --state-dir)"
            ) from None

    @property
    def lock_fd(self) -> int:
        """The descriptor that child processes inherit, so that the lock lasts as long as they do."""
        return self._lock.fileno()

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of the SQLite file."""
        return f"sqlite:///{self.path / 'piecewise.db'}"

    def log(self, name: str) -> Path:
        """The log of one process; a long one of earlier runs is moved aside to `NAME.log.1`."""
        log = self.path / "logs" / f"{name}.log"
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        return log

    def close(self) -> None:
        """Let go of the lock; a temporary directory goes with it."""
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _make(path: Path | None) -> Path:
    if path is None:
        where = Path(tempfile.mkdtemp(prefix="piecewise-"))
    else:
        where = path.expanduser().absolute()
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in ("objects", "logs"):
        (where / part).mkdir(exist_ok=True)
    return where


def _locked(where: Path, patience: float) -> IO[str]:
    """The lock file, locked, with our process id in it. Raises StateDirError when it stays busy."""
    lock = (where / "lock").open("a+", encoding="ascii")
    try:
        _acquire(lock, where, time.monotonic() + patience)
    except BaseException:
        lock.close()
        raise
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _acquire(lock: IO[str], where: Path, until: float) -> None:
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() >= until:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise StateDirError(
                f"{where} is in use by another piecewise (pid {holder}): stop that one, or choose another --state-dir"
            )
        time.sleep(0.05)
