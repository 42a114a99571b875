"""Tasks that serve a block of code and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from functions.core.logs import bug, logger


@asynccontextmanager
async def background(*servants: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the coroutines beside the block; cancel them at its end and wait until they are gone."""
    tasks = [asyncio.ensure_future(servant) for servant in servants]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                logger.error("a task in the background met a bug", extra=bug(ended))
