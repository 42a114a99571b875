"""Job ids: opaque, not guessable, sortable by time."""

from __future__ import annotations

import secrets
import time

RANDOM_BITS = 100
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, in ASCII order: text order is the numbers' order


def job_id_of(now_ms: int, bits: int) -> str:
    """10 characters of milliseconds since 1970 and 20 of `RANDOM_BITS` random bits, after ULID."""
    value = (now_ms << RANDOM_BITS) | bits
    return in_base32(value, 30)


def in_base32(value: int, digits: int) -> str:
    """So many digits of `ALPHABET`, the highest first."""
    return "".join(ALPHABET[(value >> shift) & 31] for shift in range(5 * (digits - 1), -1, -5))


def new_job_id() -> str:
    """An id that nobody else has, by this machine's clock."""
    return job_id_of(time.time_ns() // 1_000_000, secrets.randbits(RANDOM_BITS))
