"""The way of an answer to CloudFormation: one PUT to a presigned URL, which is a secret while it lives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer

from urllib3 import PoolManager, Retry

from functions.core.logs import bug, logger
from functions.migrate.request import Answer, Request

_RETRIES = Retry(2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False)
_SECONDS = 4.0  # a try


class Reply:
    """The answer to one request: the first one is sent, whoever gives it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._lock = Lock()
        self._sent = False

    def send(self, answer: Answer) -> None:
        """PUT it. Raises OSError or urllib3's HTTPError when it cannot be delivered; Lambda then begins anew."""
        with self._lock:
            if self._sent:
                return
            _put(self._request.url, json.dumps(self._request.answered(answer)).encode())
            self._sent = True
        log = logger.info if answer.succeeded else logger.error
        log("CloudFormation has its answer", extra={"succeeded": answer.succeeded, "reason": answer.reason})

    @contextmanager
    def due_in(self, seconds: float, answer: Answer) -> Iterator[None]:
        """Whatever the block does, CloudFormation has an answer by then: this one, if no other."""
        timer = Timer(seconds, self._send_late, [answer])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _send_late(self, answer: Answer) -> None:
        try:
            self.send(answer)
        except Exception as error:  # noqa: BLE001 (nobody awaits this thread)
            logger.error("CloudFormation was not answered", extra=bug(error))


def _put(url: str, body: bytes) -> None:
    # S3 signed for no content type; any other would break the signature
    with PoolManager(retries=_RETRIES, timeout=_SECONDS) as http:
        response = http.request("PUT", url, body=body, headers={"content-type": ""})
    if response.status >= 300:
        raise OSError(f"the answer to CloudFormation was refused with {response.status}")
