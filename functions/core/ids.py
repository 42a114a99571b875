"""Job ids: opaque, not guessable, sortable by time."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, in ASCII order: text order is time order


def new_job_id(now_ms: int) -> str:
    """10 characters of milliseconds since 1970 and 20 of randomness (100 bits), after ULID."""
    value = (now_ms << 100) | secrets.randbits(100)
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(145, -1, -5))
