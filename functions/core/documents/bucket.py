"""What every request to the bucket shares: the threads that it runs on, and what its failure means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from functions.core.aws import ANY_FAILURE, reason
from functions.core.errors import DocumentMissing, DocumentsUnavailable, DocumentUnreadable, PiecewiseError

if TYPE_CHECKING:
    from functions.core.ports import Runner

T = TypeVar("T")

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
_MEANINGS: dict[str, tuple[type[PiecewiseError], str]] = {
    "NoSuchKey": (DocumentMissing, "the stored document is not there any more"),
    "NoSuchVersion": (DocumentMissing, "the stored document is not there any more"),
    "InvalidRange": (DocumentUnreadable, "the stored document is shorter than its plan says"),
    "PreconditionFailed": (DocumentUnreadable, "the stored document is not the one that was accepted"),
}


class Requests:
    """Requests to S3, each on a thread of the runner."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def send(self, operation: str, request: Callable[[], T]) -> T:
        """Its answer. Raises DocumentMissing, DocumentUnreadable, DocumentsUnavailable."""
        try:
            return await self._runner(request)
        except ANY_FAILURE as error:
            code = reason(error)
            kind, message = _MEANINGS.get(code, (DocumentsUnavailable, f"S3 {operation}: {code}"))
            raise kind(message) from error

    async def ask(self, operation: str, request: Callable[[], T], *no: str) -> T | None:
        """The same; None when S3 refuses with one of the codes that mean no."""
        return await self.send(operation, lambda: _unless(no, request))


def _unless(no: tuple[str, ...], request: Callable[[], T]) -> T | None:
    try:
        return request()
    except ClientError as error:
        if reason(error) in no:
            return None
        raise
