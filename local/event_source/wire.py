"""SQS's JSON protocol over plain HTTP, for an emulated SQS on this machine.

boto3 spends 2.5 ms of CPU on a call (signing, retries, parsing into shapes that nobody looks at), this half a
millisecond: at 200 chunks a second that is a quarter of what a worker process does. The functions themselves use boto3,
as on AWS; a poller is Lambda's, and is not ours there.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from urllib.parse import urlsplit

# No answer in so many seconds is an outage; a long poll lasts 20 at most.
_PATIENCE = 30.0
# A connection that was idle for longer may have been closed by the other side.
_LONGEST_IDLE = 60.0


class SqsError(Exception):
    """SQS is away, or says no."""


class Sqs:
    """One SQS endpoint. Safe to use from several threads; connections are kept and used again."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        """`endpoint_url` is `http://HOST:PORT`."""
        self._address = urlsplit(endpoint_url).netloc
        self._idle: list[tuple[float, HTTPConnection]] = []  # used when; the latest at the end
        self._headers = {
            "Content-Type": "application/x-amz-json-1.0",
            # An emulated SQS checks no signature; it reads from it which service and region are meant.
            "Authorization": f"AWS4-HMAC-SHA256 Credential=piecewise/20000101/{region}/sqs/aws4_request, "
            "SignedHeaders=host, Signature=none",
        }

    @classmethod
    def from_environment(cls) -> Self:
        """The endpoint and region that boto3 would use. Raises KeyError when a variable is missing."""
        url = os.environ.get("AWS_ENDPOINT_URL_SQS") or os.environ["AWS_ENDPOINT_URL"]
        return cls(url, os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"])

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """One API call, tried once. Raises SqsError."""
        connection = self._connection()
        try:
            status, answer = self._exchange(connection, action, parameters)
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            self.close()  # what is idle leads to the same server, which is gone
            raise SqsError(f"{action}: {type(error).__name__}: {error}") from error
        except BaseException:
            connection.close()
            raise
        self._idle.append((time.monotonic(), connection))
        if status != 200:
            raise SqsError(f"{action}: {answer.get('__type', status)}: {answer.get('message', '')}")
        return answer

    def close(self) -> None:
        """Let go of the connections that are not in use."""
        while connection := self._pop(0.0):
            connection.close()

    def _connection(self) -> HTTPConnection:
        return self._pop(time.monotonic() - _LONGEST_IDLE) or HTTPConnection(self._address, timeout=_PATIENCE)

    def _pop(self, since: float) -> HTTPConnection | None:
        """The connection used last, unless that was before `since`: then the others are older still."""
        with contextlib.suppress(IndexError):  # another thread was first
            used, connection = self._idle.pop()
            if used >= since:
                return connection
            connection.close()
        return None

    def _exchange(self, connection: HTTPConnection, action: str, parameters: Any) -> tuple[int, dict[str, Any]]:
        headers = {**self._headers, "X-Amz-Target": f"AmazonSQS.{action}"}
        connection.request("POST", "/", json.dumps(parameters), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read() or b"{}")
        if not isinstance(body, dict):
            raise ValueError("the answer is not an object")
        return answer.status, body
