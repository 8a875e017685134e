"""One server kept connected: introduced, watched for silence, and refused if it is foreign."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.errors import (
    UnreachableError,
)
from watchtower.ledger.events import (
    LedgerClosed,
)
from watchtower.ledger.health import (
    ServerAmendmentBlocked,
    ServerRecovered,
    ServerSilent,
    StateReconciled,
    Trouble,
    WrongNetworkServed,
)
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.servers import Servers
from watchtower.units import LedgerIndex

QUICK = LinkSettings(request_timeout=1.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2)

Start = Callable[..., Awaitable[Any]]
Watching = Callable[..., Any]


async def test_a_silent_server_is_told_and_connected_to_anew(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Streams of a living server can stop without a word."""
    server = await start(mute=True)
    settings = LinkSettings(request_timeout=1.0, silence=0.2, backoff_first=0.02, close_timeout=0.2)
    async with watching(server, settings=settings) as (receiver, _):
        silent = await receiver.first(ServerSilent)
        await receiver.until(lambda: server.accepted >= 2 and len(server.subscribers) >= 1)
        server.mute = False
        await chain.close()
        await receiver.first(ServerRecovered)

    assert silent == ServerSilent(server=server.url, seconds=0.2, ledger_index=LedgerIndex(10))
    assert receiver.of(ServerRecovered)[0].trouble is Trouble.SILENT


async def test_an_amendment_blocked_server_is_an_alarm(start: Start, watching: Watching) -> None:
    """Warning 1002 on any answer."""
    server = await start(blocked=True)
    async with watching(server) as (receiver, servers):
        alarm = await receiver.first(ServerAmendmentBlocked)
        assert [state.amendment_blocked for state in servers.states()] == [True]

    assert alarm == ServerAmendmentBlocked(server=server.url)


async def test_a_server_of_another_network_is_not_used(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Its ledgers are not delivered and it is not asked."""
    ours, theirs = await start(), await start(network_id=21338)
    async with watching(theirs, ours, network_id=0) as (receiver, servers):
        alarm = await receiver.first(WrongNetworkServed)
        await receiver.first(StateReconciled)
        await chain.close()
        assert [state.connected for state in servers.states()] == [False, True]

    assert alarm == WrongNetworkServed(server=theirs.url, found=21338, wanted=0)
    assert theirs.count("subscribe") == 0


async def test_a_foreign_server_that_hides_until_the_subscription_is_not_used(
    chain: Any, start: Start, watching: Watching
) -> None:
    """server_info need not tell the network; the subscription does."""
    server = await start(network_id=1)
    server.answers["server_info"] = {"result": {"info": {"complete_ledgers": "2-10"}}}
    async with watching(server, network_id=0) as (receiver, _):
        await receiver.first(WrongNetworkServed)
        await chain.close()

    assert receiver.of(LedgerClosed) == []


async def test_a_server_that_hangs_at_the_subscription_is_left(start: Start) -> None:
    """Too large a request gets no answer at all; a missing reply fails the connection."""
    server = await start(hang={"subscribe"})
    settings = LinkSettings(request_timeout=0.1, backoff_first=0.01, close_timeout=0.1)
    with pytest.raises(UnreachableError, match="subscribe"):
        async with Servers.connected([server.url], 10, settings=settings):
            pass


async def test_every_request_asks_for_version_2(start: Start) -> None:
    """Without a version a server answers in the old one."""
    server = await start()
    async with Servers.connected([server.url], settings=QUICK) as servers:
        await servers.fee()

    assert {request["api_version"] for request in server.requests} == {2}
    assert json.loads(json.dumps(server.requests[0]))["command"] == "server_info"
