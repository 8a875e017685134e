"""One server kept connected: introduced, watched for silence, and refused if it is foreign."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from watchtower.errors import UnreachableError
from watchtower.ledger.events import ChannelChanged, LedgerClosed
from watchtower.ledger.health import (
    ServerAmendmentBlocked,
    ServerRecovered,
    ServerSilent,
    ServerUnreachable,
    StateReconciled,
    Trouble,
    WrongNetworkServed,
)
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.servers import Servers
from watchtower.units import LedgerIndex

QUICK = LinkSettings(request_timeout=1.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2)

PAYEE = "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"

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


async def test_a_server_that_was_upgraded_is_blocked_no_more(
    start: Start, watching: Watching
) -> None:
    """It comes back at the same address, and its warning is gone."""
    server = await start(blocked=True)
    async with watching(server) as (receiver, servers):
        await receiver.first(ServerAmendmentBlocked)
        await receiver.until(lambda: server.subscribers)
        server.blocked = False
        await server.drop()
        await receiver.until(
            lambda: (
                ServerRecovered(server=server.url, trouble=Trouble.AMENDMENT_BLOCKED)
                in receiver.all
            )
        )
        assert [state.amendment_blocked for state in servers.states()] == [False]


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
    """Its server_info need not tell the network, and a ledger may follow the answer at once."""
    server = await start(network_id=1)
    server.answers["server_info"] = {"result": {"info": {"complete_ledgers": "2-10"}}}
    server.after["subscribe"] = chain.close
    async with watching(server, network_id=0) as (receiver, _):
        await receiver.first(WrongNetworkServed)
        await receiver.until(lambda: server.accepted >= 3)

    assert receiver.of(LedgerClosed) == []


async def test_silence_does_not_make_us_deaf_for_longer_and_longer(
    start: Start, watching: Watching
) -> None:
    """A quiet server is asked again soon, however often it was quiet."""
    server = await start(mute=True)
    settings = LinkSettings(
        silence=0.03, backoff_first=0.01, backoff_most=10_000.0, close_timeout=0.2
    )
    async with watching(server, settings=settings) as (receiver, _):
        await receiver.until(lambda: server.accepted >= 16)

    assert len(receiver.of(ServerSilent)) == 1


async def test_each_new_ledger_gives_a_server_all_its_time_anew(
    chain: Any, start: Start, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise every connection would be given up after twenty seconds, however well it serves."""
    loop = asyncio.get_running_loop()
    begin, passed = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: begin() + passed)
    server = await start()
    settings = LinkSettings(request_timeout=10_000, silence=1_000, close_timeout=0.2)
    async with watching(server, settings=settings) as (receiver, servers):
        await receiver.until(servers.ready)
        for _ in range(3):
            passed += 600
            await chain.close()
            await receiver.accounted(chain.index)
        assert receiver.of(ServerSilent) == []
        assert server.accepted == 1
        passed += 1_001
        await receiver.first(ServerSilent)


async def test_a_server_that_repeats_itself_is_silent(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A stuck server may announce its last ledger for ever."""
    server = await start()
    settings = LinkSettings(silence=0.3, backoff_first=0.01, close_timeout=0.2)
    async with watching(server, settings=settings) as (receiver, servers):

        async def repeat() -> None:
            while True:
                await server.tell(chain.index)
                await asyncio.sleep(0.02)

        repeating = asyncio.create_task(repeat())
        alarm = await receiver.first(ServerSilent)
        repeating.cancel()
        assert servers.states()[0].rank > 0

    assert alarm.ledger_index == 10


async def test_a_server_that_threw_us_out_is_left_alone_until_it_has_forgiven(
    start: Start, wait_until: Any
) -> None:
    """Coming back at once would cost what is left of its patience."""
    server = await start()
    settings = LinkSettings(paces_loopback=True, backoff_thrown_out=600.0, close_timeout=0.2)
    with capture_logs() as logs:
        async with Servers.connected([server.url], settings=settings):
            for socket in list(server.subscribers):
                await socket.close(1008, "threshold exceeded")
            await wait_until(lambda: any(log["event"] == "reconnecting" for log in logs))
    (wait,) = [log["seconds"] for log in logs if log["event"] == "reconnecting"]
    assert wait >= 600


async def test_a_stop_is_never_swallowed_whatever_the_link_is_doing(start: Start) -> None:
    """A daemon that is told to stop while it gives up a silent server stops."""
    server = await start()
    settings = LinkSettings(silence=0.01, backoff_first=0.001, backoff_most=0.001)
    async with asyncio.timeout(60):
        for turns in range(60):
            async with Servers([server.url], settings=settings) as servers:
                await servers.wait_until_ready(20)
                await asyncio.sleep(settings.silence)
                for _ in range(turns):
                    await asyncio.sleep(0)


async def test_a_server_on_this_host_is_not_asked_through_a_proxy(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's proxy is for the others."""
    server = await start()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ws_proxy", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Servers.connected([server.url]) as servers:
        assert servers.ready()


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


async def test_twelve_thousand_accounts_are_subscribed_to_and_heard(
    chain: Any, start: Start, watching: Watching
) -> None:
    """No request is so large that the server leaves it unanswered."""
    chain.open(1)
    server = await start()
    accounts = {PAYEE, *(f"r{number:033}" for number in range(12_000))}
    async with watching(server, accounts=accounts) as (receiver, servers):
        await receiver.until(servers.ready)
        chain.pay(1, 5)
        await chain.close()
        await receiver.first(ChannelChanged)

    subscriptions = [r for r in server.requests if r["command"] == "subscribe"]
    assert {account for r in subscriptions for account in r["accounts"]} == accounts
    assert ["streams" in r for r in subscriptions] == [False, False, True]
    assert max(server.sizes) < 1_000_000


async def test_a_server_that_does_not_answer_pings_is_left(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A dead peer behind a living connection, as a firewall leaves it."""
    chain.open(1)
    server = await start(deaf=True)
    settings = LinkSettings(
        request_timeout=5.0,
        backoff_first=0.02,
        ping_interval=0.1,
        ping_timeout=0.1,
        close_timeout=0.1,
    )
    async with watching(server, settings=settings) as (receiver, _):
        alarm = await receiver.first(ServerUnreachable)
        server.deaf = False
        await receiver.first(ServerRecovered)

    assert "ping timeout" in alarm.why


async def test_a_message_beyond_all_measure_ends_the_connection_and_not_the_watch(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A server cannot fill our memory with one message."""
    chain.open(1)
    server = await start()
    settings = LinkSettings(backoff_first=0.02, close_timeout=0.2, max_message_bytes=20_000)
    async with watching(server, settings=settings) as (receiver, _):
        await receiver.first(StateReconciled)
        server.junk.append("x" * 30_000)
        chain.pay(1, 5)
        await chain.close()
        alarm = await receiver.first(ServerUnreachable)
        await receiver.first(ServerRecovered)
        await chain.close()
        await receiver.accounted(11)

    assert "exceeds limit" in alarm.why or "too big" in alarm.why
    assert [d.entry.balance for d in receiver.of(ChannelChanged) if d.transaction] == [5]


async def test_who_comes_late_is_told_how_things_stand(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A stream that is opened on standing connections begins with them, and with what is wrong."""
    chain.open(1)
    good, foreign = await start(), await start(network_id=1)
    async with watching(good, foreign, network_id=0, late=True) as (receiver, _):
        await receiver.first(StateReconciled)
        await receiver.first(WrongNetworkServed)
        chain.pay(1, 5)
        await chain.close(2)
        await receiver.accounted(11)

    assert good.count("subscribe") == 1
    assert [d.entry.balance for d in receiver.of(ChannelChanged) if d.transaction] == [5]


async def test_a_connection_that_is_never_accepted_is_not_waited_for(start: Start) -> None:
    """The caller's patience ends before the server's."""
    server = await start(hang={"server_info"})
    with pytest.raises(UnreachableError, match="has not answered yet"):
        async with Servers.connected([server.url], 0.2):
            pass


@pytest.mark.parametrize(
    "answer",
    [{"error": "noPermission", "error_message": "No."}, {"result": {"info": "nothing"}}],
    ids=["refused", "odd"],
)
async def test_a_server_that_does_not_introduce_itself_is_used_all_the_same(
    chain: Any, start: Start, watching: Watching, answer: dict[str, Any]
) -> None:
    """A proxy may not offer server_info; the subscription tells what is needed."""
    server = await start()
    server.answers["server_info"] = answer
    async with watching(server) as (receiver, _):
        await receiver.first(StateReconciled)
        await chain.close()
        await receiver.accounted(11)


@pytest.mark.parametrize("cursor", [10, None])
async def test_a_server_that_is_still_syncing_is_followed_once_it_is_there(
    chain: Any, start: Start, watching: Watching, cursor: int | None
) -> None:
    """Its subscription names no ledger yet."""
    chain.open(1)
    server = await start()
    server.answers["subscribe"] = {"result": {}}
    async with watching(server, cursor=cursor) as (receiver, servers):
        await receiver.until(servers.ready)
        chain.pay(1, 5)
        await chain.close(2)
        await receiver.accounted(11)

    assert server.count("account_tx") == 0
    assert [d.entry.balance for d in receiver.of(ChannelChanged) if d.transaction] == [5]
