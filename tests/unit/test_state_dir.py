from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local.state_dir import StateDir, StateDirError


def test_a_directory_is_made_locked_and_kept(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path / "a" / "b")
    assert (state.path / "objects").is_dir()
    assert state.database_url == f"sqlite:///{tmp_path}/a/b/piecewise.db"
    state.close()
    assert (tmp_path / "a" / "b").is_dir()


def test_only_the_owner_may_look_into_a_new_directory(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path / "new")
    assert state.path.stat().st_mode & 0o777 == 0o700
    state.close()


def test_a_busy_directory_is_one_line_with_its_name_and_the_holder(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path)
    pid = (tmp_path / "lock").read_text().strip()
    with pytest.raises(StateDirError, match=f"^{tmp_path} is in use by another piecewise \\(pid {pid}\\)[^\n]*$"):
        StateDir.open(tmp_path, patience=0)
    state.close()
    StateDir.open(tmp_path, patience=0).close()


def test_the_lock_lasts_as_long_as_a_process_that_inherited_it(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(state.lock_fd,))
    state.close()
    with pytest.raises(StateDirError):
        StateDir.open(tmp_path, patience=0)
    child.communicate()
    StateDir.open(tmp_path, patience=0).close()


def test_a_lock_that_is_let_go_in_time_is_waited_for(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(state.lock_fd,))
    state.close()
    assert child.stdin is not None
    child.stdin.close()
    StateDir.open(tmp_path, patience=60).close()
    child.wait()


def test_what_cannot_be_a_directory_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StateDirError, match=r"^cannot use .*/file/x as state directory: Not a directory .*--state-dir\)$"
    ):
        StateDir.open(tmp_path / "file" / "x")


def test_a_temporary_directory_goes_when_it_is_closed() -> None:
    state = StateDir.open(None)
    (state.path / "piecewise.db").write_text("x")
    assert state.temporary
    state.close()
    assert not state.path.exists()


def test_a_long_log_of_earlier_runs_is_moved_aside(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path)
    state.log("worker-1").write_bytes(b"x" * 5_000_001)
    assert not state.log("worker-1").exists()
    assert (tmp_path / "logs" / "worker-1.log.1").stat().st_size == 5_000_001
    state.close()
