"""Servers that run what this version was not made with are told of, and no single one is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.alerts.test_desk import Heard
from tests.ledger.conftest import chain, start, watching
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Severity
from watchtower.ledger.release import WRITTEN_WITH
from watchtower.tower.release_watch import ReleaseWatch

__all__ = ["chain", "start", "watching"]

Start = Callable[..., Awaitable[Any]]
Watching = Callable[..., Any]

NEWER = f"{WRITTEN_WITH.major + 1}.0.0"
RAISED = [("raised", "servers_ahead", "servers")]
RESOLVED = [("resolved", "servers_ahead", "servers")]


def runs(server: Any, release: str) -> None:
    """Have a server say that it runs a release."""
    info = {"build_version": release, "complete_ledgers": "1-10", "network_id": 0}
    server.answers["server_info"] = {"result": {"info": info}}


async def test_most_servers_on_a_newer_release_are_told_once(
    start: Start, watching: Watching
) -> None:
    """It is good to know, wakes nobody, and ends when they run another one."""
    first, second, third = await start(), await start(), await start()
    runs(first, NEWER)
    runs(second, f"{WRITTEN_WITH}")
    runs(third, NEWER)
    async with watching(first, second, third) as (receiver, servers):
        heard = Heard()
        desk = Desk(heard, repeat_after=0)
        look = ReleaseWatch(servers, desk).look
        await receiver.until(lambda: len(servers.ready()) == 3)
        await look()
        await look()
        assert heard.said() == RAISED
        [alarm] = desk.standing()
        assert alarm.severity is Severity.INFO
        assert f"xrpld {NEWER} " in alarm.sentence

        runs(first, f"{WRITTEN_WITH}")
        await first.drop()
        await receiver.until(lambda: servers.states()[0].reconnects == 1)
        await look()
        assert heard.said() == RESOLVED


async def test_one_server_that_boasts_is_told_to_nobody(start: Start, watching: Watching) -> None:
    """Nor one whose word cannot be read, nor one beside a server that tells nothing."""
    honest, boaster = await start(), await start()
    runs(honest, f"{WRITTEN_WITH}")
    runs(boaster, "9999.0.0")
    async with watching(honest, boaster) as (receiver, servers):
        heard = Heard()
        look = ReleaseWatch(servers, Desk(heard, repeat_after=0)).look
        await receiver.until(lambda: len(servers.ready()) == 2)
        await look()
        runs(honest, "9.9.9, says Mallory")
        await honest.drop()
        await receiver.until(lambda: servers.states()[0].release is None)
        await look()
        assert heard.said() == []
        assert [str(state.release) for state in servers.states()] == ["None", "9999.0.0"]


async def test_a_server_of_clios_tells_what_is_behind_it(start: Start, watching: Watching) -> None:
    """Its own version counts for nothing."""
    server = await start()
    info = {"clio_version": "9.9.9", "rippled_version": NEWER, "network_id": 0}
    server.answers["server_info"] = {"result": {"info": info}}
    async with watching(server) as (receiver, servers):
        await receiver.until(lambda: len(servers.ready()) == 1)
        assert [str(state.release) for state in servers.states()] == [NEWER]
