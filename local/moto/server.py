"""The emulated AWS as a server in this process; `python -m local.moto` runs the same in one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import uvicorn

from local.moto.http import Body, ClientGoneError, IdleError, Receive, Scope, Send, read_body, read_head, send_reply
from local.moto.refusals import idle
from local.moto.s3_front import Clock, S3Front
from local.moto.sqs_front import SqsFront

HOST = "127.0.0.1"
LAPTOP_ACCOUNT = "000000000000"
_PATIENCE = 20.0  # seconds for the next block of a body, as S3 has them
_REAL_KEY = re.compile(r"A[A-Z]IA[A-Z0-9]{12,}")
_KEEP_ALIVE_SECONDS = 600  # longer than any pool of the SDK keeps a connection unused and then trusts it


class Front:
    """The ASGI application: SQS where a request says so, S3 otherwise (a presigned URL names no service)."""

    def __init__(self, account: str, state_dir: Path | None, clock: Clock, patience: float) -> None:
        self._patience = patience
        self.sqs = SqsFront(account)
        folder = state_dir / "objects" if state_dir is not None else None
        self.s3 = S3Front(account, folder, secret_of=secret_of, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = Body(receive, self._patience)
        try:
            request = read_head(scope)
            if "/sqs/" in request.headers.get("authorization", ""):
                reply = await self.sqs.answer(replace(request, body=await read_body(body)), receive)
            else:
                reply = await self.s3.answer(request, body)
        except ClientGoneError:
            return
        except IdleError:
            reply = idle().reply()
            reply.headers.append(("connection", "close"))  # what comes yet belongs to no request
        if "expect" in request.headers and not body.begun:
            reply.headers.append(("connection", "close"))  # the body will not come, and what comes is no body
        await send_reply(reply, receive, send)


class MotoServer:
    """A running server; its objects' files lie in `objects`. Each has its own account in moto: two share nothing.

    Do not enter `moto.mock_aws` in the same process: it resets every account.
    """

    def __init__(self, listener: socket.socket, front: Front) -> None:
        host, self.port = listener.getsockname()
        self.endpoint_url = f"http://{host}:{self.port}"
        self.objects = front.s3.folder
        self._front = front
        self._server = uvicorn.Server(_config(front))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(listener,), name="moto", daemon=True)
        self._thread.start()

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve(sockets=[listener]))

    def stop(self) -> None:
        """Answer what waits, close, and forget everything but the files."""
        self._server.should_exit = self._server.force_exit = True
        self._loop.call_soon_threadsafe(self._front.sqs.close)
        self._thread.join()
        self._front.s3.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_in_thread(
    *,
    host: str = HOST,
    port: int = 0,
    state_dir: Path | None = None,
    account: str | None = None,
    clock: Clock = time.time,
    patience: float = _PATIENCE,
) -> MotoServer:
    """A server that accepts requests now; `port` 0 takes a free one. Raises OSError when it is taken.

    With `state_dir`, S3 objects are kept under `objects/` and those of a former run are there again. Queue messages
    are not kept: the database is the truth. `account` is 12 digits; by default nobody else's. `clock` is the time by
    which presigned URLs expire, `patience` the seconds for which the next block of a body is waited for.
    """
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is: 40 ms an answer otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with contextlib.ExitStack() as undo:
        undo.callback(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        front = Front(account or f"{secrets.randbelow(10**12):012}", state_dir, clock, patience)
        listener.listen(128)  # from here on a connection waits in the kernel until the loop runs
        undo.pop_all()
    return MotoServer(listener, front)


def secret_of(access_key: str) -> str | None:
    """The secret of the key in this process's environment; a laptop's keys (`piecewise`) are their own secrets.

    None for others of a real account, which a laptop's functions have when their model is on AWS.
    """
    if access_key == os.environ.get("AWS_ACCESS_KEY_ID"):
        return os.environ.get("AWS_SECRET_ACCESS_KEY")
    return None if _REAL_KEY.fullmatch(access_key) else access_key


def start_for_laptop(port: int, state_dir: Path | None, *, host: str = HOST) -> MotoServer:
    """The server of `piecewise up`, in the same account at every start."""
    return start_in_thread(host=host, port=port, state_dir=state_dir, account=LAPTOP_ACCOUNT)


def _config(front: Front) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
