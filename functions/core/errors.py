"""What can go wrong; the class says what happens next.

::

    PiecewiseError
    ├── Rejected            tell the caller: a problem detail with a status, a cause and a way out
    ├── Retryable           we failed and may not fail again: leave the message, answer 503
    │   ├── StoreUnavailable
    │   ├── QueueUnavailable
    │   └── DocumentsUnavailable
    ├── Permanent           no repetition mends it: record it and go on
    │   ├── DocumentMissing
    │   ├── DocumentUnreadable
    │   ├── DocumentEmpty
    │   ├── TooManyChunks
    │   └── MalformedMessage
    ├── ProviderError       a model call failed; `functions.core.outcomes` says what follows from its code
    └── Misconfigured       a setting is missing, wrong or contradicts another: refuse to start
"""

from __future__ import annotations


class PiecewiseError(Exception):
    """The root: `except PiecewiseError` catches what this project raises on purpose and nothing else."""


class Rejected(PiecewiseError):
    """A request that is refused; becomes an RFC 9457 problem detail.

    `slug` is the last part of the problem's `type`; `detail` names the cause and the way out;
    `errors` lists `{"field": ..., "message": ...}` where fields are to blame.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = errors or []
        self.headers = headers or {}


class Retryable(PiecewiseError):
    """Something of ours is away (database, queue, bucket). The message stays; a request gets 503."""


class StoreUnavailable(Retryable):
    """The database did not answer, or the connection broke and repeating did not help."""


class QueueUnavailable(Retryable):
    """A queue did not take a message or tell its depth."""


class DocumentsUnavailable(Retryable):
    """The bucket did not answer."""


class Permanent(PiecewiseError):
    """No repetition mends it: record it and go on. `code` is what a client reads."""

    code = "internal_error"


class DocumentMissing(Permanent):
    """The stored document is not there any more."""

    code = "document_missing"


class DocumentUnreadable(Permanent):
    """The stored bytes are not what the plan says they are."""

    code = "document_unreadable"


class DocumentEmpty(Permanent):
    """There is no character in the document."""

    code = "document_empty"


class TooManyChunks(Permanent):
    """The document makes more chunks than a job may have."""

    code = "too_many_chunks"


class MalformedMessage(Permanent):
    """A queue message that is not one of ours."""

    code = "malformed_message"


class ProviderError(PiecewiseError):
    """A model call failed.

    `code` is one of `functions.core.outcomes.OUTCOMES`; `retry_after` is the provider's own wish in seconds.
    The message is ours: it never carries document text, a key, or more than 300 characters of a provider's words.
    """

    LONGEST_WAIT = 900.0  # seconds; a longer wish is cut: SQS delays a message no longer, and nothing waits for ever

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        sane = retry_after is not None and 0 < retry_after < float("inf")
        self.retry_after = min(retry_after, self.LONGEST_WAIT) if retry_after is not None and sane else None


class Misconfigured(PiecewiseError):
    """A setting is missing, wrong, or contradicts another; the message names the variable and the way out."""
