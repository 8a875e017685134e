"""The service manager's watchdog is fed by a tower that does its work, and by no other one."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
import structlog

from tests.tower.conftest import XRP, Stage
from tests.tower.test_stopping import Way
from watchtower.daemon import run
from watchtower.tower import vigil

FED = b"WATCHDOG=1"


async def test_watchdog_starves_while_a_pass_hangs_and_is_fed_once_it_goes_on(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed for nothing guards nothing meanwhile; whoever hangs guards nothing either.

    What is long takes no time here: the pass is held up for as long as the test looks.
    """
    monkeypatch.setattr(vigil, "_HUNG", 0.0)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    way = Way('"account_info"')
    way.is_free.set()
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(environment["NOTIFY_SOCKET"])
        manager.settimeout(0)

        async def hears(wanted: bytes) -> None:
            async with asyncio.timeout(30):
                while await asyncio.get_running_loop().sock_recv(manager, 4_096) != wanted:
                    pass

        with structlog.testing.capture_logs() as logs:

            async def starves(times: int) -> None:
                async def is_so() -> bool:
                    return [line["event"] for line in logs].count("watchdog_not_fed") >= times

                await stage.until(is_so, closing=False)

            daemon = asyncio.create_task(
                run(stage.settings, "correct horse", environment, machine=way.machine)
            )
            await stage.until_told(channel, "judged")
            await hears(FED)
            way.is_free.clear()
            await stage.close_request(channel)
            await asyncio.wait_for(way.held.wait(), 30)
            await starves(1)
            while heard(manager):
                pass
            logs.clear()
            await starves(3)
            assert not heard(manager)
            way.is_free.set()
            await hears(FED)
            await stage.until_paid(channel, 30 * XRP)
            way.stop.set()
            await asyncio.wait_for(daemon, 30)


def heard(manager: socket.socket) -> bool:
    """Return whether a sign of life was waiting, and take it away."""
    try:
        return manager.recv(4_096) == FED or heard(manager)
    except BlockingIOError:
        return False
