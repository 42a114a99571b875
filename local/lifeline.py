"""Processes that the kernel ends when their parent is gone, however it died.

A pipe of which only the parent holds the writing end is set to send the child a signal (fcntl(2), F_SETSIG) when that
end closes. The child needs no code for it, so it can be any program, and none of its threads can be too busy for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_LINUX = hasattr(fcntl, "F_SETSIG")


class Tied:
    """A running child: `popen`, and the pipe that it hangs on."""

    def __init__(self, popen: subprocess.Popen[bytes], line: int) -> None:
        self.popen = popen
        self._line = line

    @classmethod
    def start(
        cls, argv: Sequence[str], *, env: Mapping[str, str], last: signal.Signals, cwd: Path | None = None,
        output: IO[bytes] | None = None, user: str | None = None,
    ) -> Tied:  # fmt: skip
        """Start a program that gets the signal `last` when this process is gone; elsewhere than on Linux it does not.

        Its output goes where ours goes unless `output` says otherwise; it reads nothing. In a session of its own:
        Ctrl-C is for the parent. Raises OSError.
        """
        hold, line = os.pipe()
        try:
            popen = subprocess.Popen(  # noqa: S603
                argv, env=dict(env), cwd=cwd, user=user, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=(hold,), start_new_session=True,
            )  # fmt: skip
            if _LINUX:
                _send_at_close(hold, popen.pid, last)
        except BaseException:
            os.close(line)
            raise
        finally:
            os.close(hold)
        return cls(popen, line)

    def end(self, number: signal.Signals, seconds: float = 0.0) -> int:
        """Signal it, wait so long for its end, then kill it; its exit status. Again does nothing."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
            try:
                self.popen.wait(seconds or None)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        line, self._line = self._line, -1
        if line >= 0:
            os.close(line)
        return int(self.popen.returncode)


def _send_at_close(hold: int, pid: int, number: signal.Signals) -> None:
    """The setting belongs to the open pipe, which the child goes on holding when we have closed our end of it."""
    with contextlib.suppress(ProcessLookupError):  # ended already
        fcntl.fcntl(hold, fcntl.F_SETOWN, pid)
        fcntl.fcntl(hold, fcntl.F_SETSIG, number)
        fcntl.fcntl(hold, fcntl.F_SETFL, fcntl.fcntl(hold, fcntl.F_GETFL) | os.O_ASYNC)
