"""How much is too much: of an owner's work under way, and of chunks in one document."""

from __future__ import annotations

from functions.core.chunking import MAX_CHUNK_CHARS, fewest_chunks, most_chunks, smallest_fitting, split
from functions.core.errors import Rejected
from functions.core.model import Span, Standing
from functions.core.settings import Settings

_RETRY_SECONDS = "30"
_MOST_BYTES = 4  # of a character, in UTF-8 and in UTF-16


def refuse_too_much(standing: Standing, settings: Settings) -> None:
    """Raise Rejected (429) while an owner has as much under way as is allowed.

    Two requests at the same moment may both be let in: the limits keep a flood out, they are no account.
    """
    for kind, live, limit in (
        ("jobs", standing.live_jobs, settings.max_live_jobs),
        ("chunks", standing.live_chunks, settings.max_live_chunks),
    ):
        if live >= limit:
            what = f"{live:,} {kind}" if kind == "jobs" else f"jobs with {live:,} chunks"
            raise Rejected(
                429,
                f"too-many-live-{kind}",
                f"You have {what} under way, and from {limit:,} on no more are taken. Wait until some have ended, or "
                "cancel some.",
                headers={"retry-after": _RETRY_SECONDS},
            )


def plan(text: str, max_chars: int, settings: Settings) -> list[Span] | None:
    """The chunks of a small document; None when there are more than a request should write.

    Decided by cheap bounds where they suffice. Raises Rejected (422) when the chunks are more than `max_chunks`.
    """
    _refuse_too_many(text, max_chars, settings.max_chunks)
    if fewest_chunks(len(text), max_chars) > settings.plan_inline_chunks:
        return None
    spans = split(text, max_chars)
    return spans if len(spans) <= settings.plan_inline_chunks else None


def refuse_too_long(size: int, max_chars: int, limit: int) -> None:
    """Raise Rejected (422) when an upload of `size` bytes, whatever they are, makes more than `limit` chunks."""
    fewest_chars = -(-size // _MOST_BYTES)
    if fewest_chunks(fewest_chars, max_chars) <= limit:
        return
    least = fewest_chunks(fewest_chars, limit)
    enough = 2 * fewest_chunks(size, limit)  # as if each byte were a character, and each chunk half full
    if least > MAX_CHUNK_CHARS:
        raise _too_many(max_chars, limit, "no size makes it fit: split the document into several jobs")
    way_out = (
        f"no less than {least} can fit, and {enough} does" if enough <= MAX_CHUNK_CHARS else f"try {least} or more"
    )
    raise _too_many(max_chars, limit, way_out)


def _refuse_too_many(text: str, max_chars: int, limit: int) -> None:
    if most_chunks(len(text), max_chars) <= limit:
        return
    if fewest_chunks(len(text), max_chars) <= limit and len(split(text, max_chars)) <= limit:
        return
    raise _too_many(max_chars, limit, _way_out(text, limit))


def _too_many(max_chars: int, limit: int, way_out: str) -> Rejected:
    message = f"cuts this document into more than {limit:,} chunks; {way_out}"
    return Rejected(
        422,
        "too-many-chunks",
        f"max_chunk_chars = {max_chars} {message}.",
        errors=[{"field": "max_chunk_chars", "message": message}],
    )


def _way_out(text: str, limit: int) -> str:
    try:
        return f"the smallest that fits is {smallest_fitting(text, limit)}"
    except ValueError:
        return "no size makes it fit: split the document into several jobs"
