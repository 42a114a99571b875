"""A database in memory that both engines share, for a simulation in one thread."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from sqlalchemy import text

from functions.core.store.database import Database
from functions.core.store.engines import make_engines
from functions.core.threads import inline

URL = "sqlite:///file:shared-by-engines?mode=memory&cache=shared&uri=true"


def test_what_one_engine_writes_into_a_shared_memory_the_other_reads() -> None:
    engines = make_engines(URL, pool_size=2, clock=lambda: 1_234)
    database = Database(engines, inline)

    async def write_and_read() -> int:
        await database.write(lambda c: c.execute(text("CREATE TABLE seen (at INTEGER)")))
        await database.write(lambda c: c.execute(text("INSERT INTO seen VALUES (piecewise_now())")))
        return await database.read(lambda c: int(c.execute(text("SELECT at FROM seen")).scalar_one()))

    with closing(sqlite3.connect("file:shared-by-engines?mode=memory&cache=shared", uri=True)):  # keeps it alive
        assert asyncio.run(write_and_read()) == 1_234
        engines.dispose()
