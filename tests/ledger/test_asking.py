"""Questions to several servers: always answered or ended, by whoever can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.errors import RequestTimeoutError
from watchtower.ledger.events import ChannelChanged
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.reputation import Fault
from watchtower.ledger.servers import Servers
from watchtower.units import ChannelId

Start = Callable[..., Awaitable[Any]]
BothReady = Callable[[Servers], Awaitable[None]]
Watching = Callable[..., Any]


async def test_a_question_fails_over_when_a_server_dies_in_the_middle(
    chain: Any, start: Start, watching: Watching
) -> None:
    """The request under way fails at once, and the next server is asked."""
    channel = chain.open(1)
    dying, living = await start(die_on={"ledger_entry"}), await start()
    async with watching(dying, living) as (receiver, servers):
        await receiver.until(lambda: len(servers.ready()) == 2)
        fact = await servers.read_channel(ChannelId(channel))

    assert isinstance(fact, ChannelChanged)
    assert living.count("ledger_entry") >= 1


async def test_a_question_to_a_hanging_server_ends_in_time(start: Start) -> None:
    """No answer is a RequestTimeoutError, and never a wait without end."""
    server = await start(hang={"fee"})
    settings = LinkSettings(request_timeout=0.1)
    async with Servers.connected([server.url], settings=settings) as servers:
        with pytest.raises(RequestTimeoutError):
            await servers.ask("fee")


async def test_an_amendment_blocked_server_is_asked_last(
    start: Start, both_ready: BothReady
) -> None:
    """It cannot follow its network any more, but is better than nobody."""
    blocked, good = await start(blocked=True), await start()
    async with Servers([blocked.url, good.url]) as servers:
        await both_ready(servers)
        await servers.ask("fee")
        assert (blocked.count("fee"), good.count("fee")) == (0, 1)
        await good.stop()
        await servers.ask("fee")

    assert blocked.count("fee") == 1


async def test_server_that_was_too_slow_is_asked_after_one_that_was_not(
    start: Start, both_ready: BothReady
) -> None:
    """One timeout is waited for once, and not with every question."""
    slow, good = await start(hang={"fee"}), await start()
    settings = LinkSettings(request_timeout=0.1, close_timeout=0.2)
    async with Servers([slow.url, good.url], settings=settings) as servers:
        await both_ready(servers)
        for _ in range(3):
            await servers.ask("fee")
        (state, other) = servers.states()

    assert (slow.count("fee"), good.count("fee")) == (1, 3)
    assert (state.rank, state.why) == (2, "it did not answer in time")
    assert (other.rank, other.why) == (0, "")


async def test_highest_announced_ledger_is_no_merit(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """A server that says that it is far ahead of two others is asked last."""
    await chain.close(30)
    liar, *others = [await start() for _ in range(3)]
    for other in others:
        other.behind = 20
    async with Servers([server.url for server in (liar, *others)]) as servers:
        await wait_until(lambda: len(servers.ready()) == 3)
        assert [link.url for link in servers.ready()] == [s.url for s in (*others, liar)]


async def test_server_that_warns_of_load_is_asked_less_and_ranked_down(start: Start) -> None:
    """Also one on this machine: the port need not be the administrator's."""
    server = await start()
    server.answers["fee"] = {
        "result": {"drops": {"base_fee": "10", "open_ledger_fee": "10"}},
        "warning": "load",
    }
    async with Servers.connected([server.url]) as servers:
        await servers.ask("fee")
        (state,) = servers.states()

    assert (state.rank, state.why) == (1, "it warned of load")


async def test_server_that_threw_us_out_is_ranked_down_and_the_status_says_why(
    start: Start, wait_until: Any
) -> None:
    """While it is not connected, and when it is again."""
    server = await start()
    async with Servers.connected([server.url]) as servers:
        for socket in list(server.subscribers):
            await socket.close(1008, "threshold exceeded")
        whys = ("1008: threshold exceeded", Fault.THREW_US_OUT.value)
        await wait_until(lambda: any(why in servers.states()[0].why for why in whys))
        assert servers.states()[0].rank >= 4


async def test_server_whose_answer_cannot_be_used_is_ranked_down(
    start: Start, both_ready: BothReady
) -> None:
    """It dropped a field, and the other server's answer is taken."""
    odd, good = await start(), await start()
    odd.answers["fee"] = {"result": {"drops": {"base_fee": "10"}}}
    async with Servers([odd.url, good.url]) as servers:
        await both_ready(servers)
        await servers.fee()
        (state, other) = servers.states()

    assert state.why == Fault.ANSWERED_ODDLY.value
    assert other.rank == 0


async def test_server_that_was_asked_enough_is_asked_after_one_that_was_not(
    start: Start, both_ready: BothReady
) -> None:
    """Nobody waits for a pace while another server is free."""
    first, second = await start(), await start()
    settings = LinkSettings(paces_loopback=True, close_timeout=0.2)
    async with Servers([first.url, second.url], settings=settings) as servers:
        await both_ready(servers)
        link = servers.ready()[0]
        assert link.url == first.url
        while not link.conduct.is_paced:
            await link.conduct.turn("account_objects")
        assert servers.ready()[0].url == second.url


async def test_prices_are_told_although_one_server_hangs(
    start: Start, both_ready: BothReady
) -> None:
    """Found by the simulation: a response waited for its timeout, over a channel's end (31905)."""
    hanging, good = await start(hang={"fee"}), await start()
    settings = LinkSettings(request_timeout=3_600, silence=3_600, close_timeout=0.2)
    async with Servers([hanging.url, good.url], settings=settings) as servers:
        await both_ready(servers)
        async with asyncio.timeout(60):
            assert (await servers.fee()).base_fee == 10
