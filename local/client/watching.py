"""A job looked at again and again until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local.client.answers import Seen
from local.client.patience import Patience, Time, patiently

_FIRST_PAUSE = 0.1
_USUAL_PAUSE = 1.0  # where the server says nothing
LONGEST_PAUSE = 60.0


def watch(
    look: Callable[[Seen | None], Seen], *, patience: Patience, time: Time, longest_pause: float
) -> Iterator[Seen]:
    """What each look shows, the same again where nothing has changed: soon at first, then as often as the server says.

    A server that does not answer, or says that it cannot now, is asked again while there is patience.
    """
    seen, pause = None, _FIRST_PAUSE
    while True:
        seen = patiently(lambda known=seen: look(known), patience)  # type: ignore[misc]
        patience.renew()
        yield seen
        if seen.ended:
            return
        time.sleep(pause)
        pause = min(1.5 * pause, max(_USUAL_PAUSE, min(seen.retry_after or _USUAL_PAUSE, longest_pause)))
