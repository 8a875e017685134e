"""Questions to several servers: always answered or ended, by whoever can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.errors import RequestTimeoutError
from watchtower.ledger.events import ChannelChanged
from watchtower.ledger.link import LinkSettings
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
