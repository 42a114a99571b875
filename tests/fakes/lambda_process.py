"""Lambda's place of a function: a process whose only packages are those of the artifact. Lines of JSON in and out.

`python -I -S lambda_process.py ARTIFACT`; each line names a handler and an event. Imports nothing of this repository.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


class Context:
    """What the handlers read of their context."""

    function_name = "function"
    function_version = "$LATEST"
    memory_limit_in_mb = "1024"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:function"
    aws_request_id = "8f7e1c52-9a7c-4f0e-8d3f-5b1f6a2c9d10"
    log_group_name = "/aws/lambda/function"
    log_stream_name = "2026/11/22/[$LATEST]0"

    def get_remaining_time_in_millis(self) -> int:
        """Time enough: no test waits for it."""
        return 280_000


def main() -> None:
    """Answer each call until there are no more."""
    sys.path.insert(0, sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # handlers log to standard output
    for line in sys.stdin:
        call = json.loads(line)
        module, _, name = call["function"].rpartition(".")
        answer = getattr(importlib.import_module(module), name)(*call["arguments"], *([Context()] * call["context"]))
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
