"""Exit statuses, and the one exception that ends a command with a line for the user."""

from __future__ import annotations

ERROR = 1
BAD_USAGE = 2
NOT_REACHED = 6
SIGNALLED = 128  # and the signal's number on top: Ctrl-C is 130

OF_STATUS = {"COMPLETED": 0, "PARTIAL_SUCCESS": 3, "FAILED": 4, "CANCELLED": 5}


class Ending(Exception):
    """Ends the command: one line on stderr, and an exit status."""

    def __init__(self, message: str, code: int = ERROR) -> None:
        super().__init__(message)
        self.code = code
