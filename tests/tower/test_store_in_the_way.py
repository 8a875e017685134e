"""The store cannot be written for a while, and a close comes in just then."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from tests.tower.conftest import XRP, Stage
from watchtower.settings import AlertSettings


@asynccontextmanager
async def held(path: str) -> AsyncIterator[sqlite3.Connection]:
    """Hold the store as another process does, once the tower's own write is through."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        async with asyncio.timeout(30):
            while not other.in_transaction:
                with suppress(sqlite3.OperationalError):
                    other.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(0.01)
        yield other


async def test_close_that_comes_while_another_process_holds_the_store_is_answered_afterwards(
    stage: Stage, tmp_path: Path
) -> None:
    """Nothing is sent that is not written down, the operator hears of it, and nothing ends."""
    told = tmp_path / "told.jsonl"
    code = f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))"
    stage.with_settings(alerts=AlertSettings(command=(sys.executable, "-c", code)))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)

    async def heard() -> bool:
        lines = told.read_text().splitlines() if told.exists() else []
        return "store_not_writing" in {json.loads(line)["name"] for line in lines}

    async with stage.tower() as daemon:
        await stage.until_told(channel, "judged")
        stage.pace = 0.2
        async with held(stage.settings.store) as other:
            await stage.close_request(channel)
            await stage.until(heard, closing=False)
            assert await stage.balance(channel) == 0
            other.execute("ROLLBACK")
        await stage.until_paid(channel, 30 * XRP)
        assert not daemon.done()


async def test_stop_while_another_process_holds_the_store_is_a_clean_stop(stage: Stage) -> None:
    """What could not be written is found again at the next start; no traceback reaches anybody."""
    channel = await stage.channel()
    async with stage.tower() as daemon:
        await stage.until_told(channel, "channel_opened")
        async with held(stage.settings.store) as other:
            os.kill(os.getpid(), signal.SIGTERM)
            status = await asyncio.wait_for(daemon, 60)
            other.execute("ROLLBACK")
    assert status["channels"] == 1
