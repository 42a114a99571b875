"""`sam local start-api` as a process of ours."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.health import is_piecewise
from local.lifeline import Tied
from local.options import HOST
from local.stack import StackError

_STARTS = 60.0  # seconds until sam listens
_FIRST_ANSWER = 900.0  # seconds; the first of all fetches Lambda's image
_GRACE = 20.0  # seconds for sam to end its containers
_PASSED_BY = ("AWS_", "PIECEWISE_", "PYTHON", "SAM_CLI_")  # sam prefers what it sees to what a template says


@contextmanager
def sam_local(argv: Sequence[str], port: int, *, docker: str, log: Path, say: Callable[[str], None]) -> Iterator[Tied]:
    """sam, listening on `port` and with an api function that has answered, until the end of `with`.

    `docker` is the engine's address; whatever sam and the function write is told line by line. Raises StackError.
    """
    with log.open("ab") as output:
        sam = Tied.start(argv, env=environment(os.environ, docker), output=output, last=signal.SIGTERM)
    try:
        with _told(log, say):
            _await_answer(sam, port)
            yield sam
    finally:
        sam.end(signal.SIGTERM, _GRACE)


def start_api(files: tuple[Path, Path], port: int, region: str, network: str) -> list[str]:
    """sam's words; `files` are the template and the values of its variables."""
    template, values = files
    words = ["local", "start-api", "--template", str(template), "--env-vars", str(values), "--region", region]
    words += ["--host", HOST, "--port", str(port), "--docker-network", network]
    return [*words, "--warm-containers", "LAZY", "--skip-pull-image", "--disable-authorizer"]  # it knows none for JWTs


def environment(given: Mapping[str, str], docker: str) -> dict[str, str]:
    """Without a way into an AWS account: with keys, even of no account, sam would ask AWS about itself at its start."""
    own = {name: value for name, value in given.items() if not name.startswith(_PASSED_BY)}
    return own | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DOCKER_HOST": docker,
        "SAM_CLI_TELEMETRY": "0",
    }


def _await_answer(sam: Tied, port: int) -> None:
    """Wait for sam, then ask once: each request that finds no container starts one."""
    until = time.monotonic() + _STARTS
    while not _listens(port):
        if sam.popen.poll() is not None or time.monotonic() > until:
            raise StackError("sam does not start; what it wrote says why")
        time.sleep(0.1)
    if not is_piecewise(HOST, port, timeout=_FIRST_ANSWER):
        raise StackError("the api function does not answer from its container; what sam wrote says why")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
        return True
    return False


@contextmanager
def _told(log: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Say every line that is added to the log, the last ones at the end."""
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(log, say, over), daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _tell(log: Path, say: Callable[[str], None], over: threading.Event) -> None:
    with log.open(encoding="utf-8", errors="replace") as lines:
        last = False
        while not last:
            last = over.wait(0.1)
            for line in lines:
                say(line)
