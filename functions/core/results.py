"""Results as text: storable, joined in order, and summed up where some are missing. Pure."""

from __future__ import annotations

from collections.abc import Sequence

SEPARATOR = "\n\n"


def storable(text: str) -> str:
    """The text without what a database or UTF-8 refuses: NUL and lone surrogates become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def error_summary(total: int, failed: int, counts: Sequence[tuple[str, int, Sequence[int]]]) -> str | None:
    """One sentence on the failed chunks, by code; None when there are none.

    `counts`: (code, how many, the first few indexes), most frequent first.
    """
    if not failed:
        return None
    causes = "; ".join(f"{code}: {_chunks(many, shown)}" for code, many, shown in counts)
    return f"{failed} of {total} chunks failed ({causes})"


def _chunks(many: int, shown: Sequence[int]) -> str:
    names = ", ".join(str(index) for index in shown)
    more = f" and {many - len(shown)} more" if many > len(shown) else ""
    return f"{'chunk' if many == 1 else 'chunks'} {names}{more}"
