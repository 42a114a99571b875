"""The second argument of every handler, with the names and types of AWS's Python runtime."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

ACCOUNT = "000000000000"


def arn(function_name: str, region: str) -> str:
    """The function's ARN, in the emulated account."""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{function_name}"


class LambdaContext:
    """What Lambda tells a handler about its invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html. `memory_limit_in_mb` is text, as the real
    runtime hands it out.
    """

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, *, function_name: str, memory: int, region: str, timeout: float) -> None:
        """`memory` in MB; `timeout` in seconds from now."""
        self.function_name = function_name
        self.memory_limit_in_mb = str(memory)
        self.invoked_function_arn = arn(function_name, region)
        self.aws_request_id = str(uuid.uuid4())
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]local"
        self._ends = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out; never negative."""
        return max(0, int((self._ends - time.monotonic()) * 1000))
