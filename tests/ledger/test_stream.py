"""The stream over real sockets: whatever servers do, nothing is lost or told twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.ledger.events import ChannelChanged, ChannelDeleted, LedgerAccounted, SeatUsed
from watchtower.ledger.health import (
    ServerLagging,
    ServerRecovered,
    ServersDisagreed,
    ServerUnreachable,
    StateReconciled,
    Trouble,
)
from watchtower.ledger.reputation import Fault
from watchtower.units import LedgerIndex

Start = Callable[..., Awaitable[Any]]
Watching = Callable[..., Any]


async def test_a_change_arrives_and_its_ledger_is_accounted_for(
    chain: Any, start: Start, watching: Watching
) -> None:
    """The plain case: a payment is told when it happens, the cursor follows one ledger later."""
    channel = chain.open(1)
    server = await start()
    async with watching(server) as (receiver, _):
        await receiver.first(StateReconciled)
        chain.pay(1, 40)
        await chain.close(2)
        await receiver.accounted(11)

    changes = [d for d in receiver.of(ChannelChanged) if d.transaction is not None]
    assert [(d.entry.channel, d.entry.balance) for d in changes] == [(channel, 40)]
    assert receiver.all.index(changes[0]) < receiver.all.index(
        next(d for d in receiver.of(LedgerAccounted) if d.ledger_index >= 11)
    )


async def test_one_of_two_servers_dying_costs_nothing(
    chain: Any, start: Start, watching: Watching
) -> None:
    """The other one shows every ledger whole: no history is read."""
    chain.open(1)
    dying, living = await start(), await start()
    async with watching(dying, living) as (receiver, _):
        await receiver.until(lambda: len(dying.subscribers) == len(living.subscribers) == 1)
        await receiver.first(StateReconciled)
        await dying.stop()
        await receiver.first(ServerUnreachable)
        chain.pay(1, 5)
        await chain.close(3)
        await receiver.accounted(12)

    assert living.count("account_tx") == 0
    assert [d.entry.balance for d in receiver.of(ChannelChanged) if d.transaction] == [5]


async def test_garbage_in_the_stream_loses_nothing(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Four frames in ten unreadable: the feed goes on, and what is in doubt is read again."""
    chain.open(1)
    server = await start()
    luck = random.Random(7)  # noqa: S311 - reproducible rubbish
    rubbish: list[str | bytes] = ["", "{", "[1,2]", b"\xff\xfe", '"text"', "null", '{"type":9}']
    async with watching(server) as (receiver, _):
        await receiver.first(StateReconciled)
        for _ in range(30):
            chain.pay(1, 1)
            if luck.random() < 0.4:
                server.junk.append(luck.choice(rubbish))
            await chain.close()
        await chain.close()
        await receiver.accounted(40)

    changes = [d for d in receiver.of(ChannelChanged) if d.transaction]
    assert sorted(d.entry.balance for d in changes) == list(range(1, 31))


async def test_answers_and_streams_of_version_1_are_understood(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A server may only speak the old version, whatever is asked for."""
    chain.open(1)
    server = await start(version=1)
    chain.pay(1, 1)
    await chain.close()
    async with watching(server, cursor=10) as (receiver, _):
        await receiver.accounted(11)
        chain.pay(1, 1)
        await chain.close(2)
        await receiver.accounted(12)

    assert [d.entry.balance for d in receiver.of(ChannelChanged) if d.transaction] == [1, 2]
    assert receiver.of(SeatUsed) == []


async def test_servers_that_disagree_are_an_alarm(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Two hashes for one ledger."""
    one, other = await start(), await start()
    other.answers["subscribe"] = {
        "result": {
            k: v
            for k, v in {**chain.closed(10), "ledger_hash": "EE" * 32}.items()
            if k not in ("type", "txn_count")
        }
    }
    async with watching(one, other) as (receiver, _):
        alarm = await receiver.first(ServersDisagreed)

    assert alarm.ledger_index == 10
    assert alarm.hashes[other.url] == "EE" * 32


async def test_a_lost_connection_is_made_again_and_nothing_is_missed(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Reconnect, subscribe anew, and read what happened in between."""
    chain.open(1)
    server = await start()
    async with watching(server) as (receiver, _):
        await receiver.first(StateReconciled)
        await server.drop()
        chain.pay(1, 40)
        chain.delete(1)
        await chain.close(3)
        await receiver.until(lambda: server.count("subscribe") >= 2)
        await chain.close()
        await receiver.accounted(13)
        await receiver.until(lambda: len(receiver.of(StateReconciled)) >= 2)

    assert [d.entry.balance for d in receiver.of(ChannelDeleted)] == [40]
    assert len([d for d in receiver.of(ChannelChanged) if d.transaction]) == 1
    assert receiver.of(ServerUnreachable)
    assert ServerRecovered(server=server.url, trouble=Trouble.UNREACHABLE) in receiver.all


async def test_a_server_that_comes_back_is_used_again(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Connections refused for a while end with a working stream."""
    chain.open(1)
    server = await start()
    async with watching(server) as (receiver, _):
        await receiver.first(StateReconciled)
        await server.stop()
        await receiver.first(ServerUnreachable)
        chain.pay(1, 5)
        await chain.close()
        await server.restart()
        await receiver.accounted(11)

    assert [d.entry.balance for d in receiver.of(ChannelChanged) if d.transaction] == [5]


async def test_a_server_that_lags_is_an_alarm(chain: Any, start: Start, watching: Watching) -> None:
    """It is compared with the others, ledger by ledger."""
    fresh, slow = await start(), await start()
    async with watching(fresh, slow) as (receiver, servers):
        await receiver.until(lambda: len(servers.ready()) == 2)
        slow.mute = True
        await chain.close(11)
        alarm = await receiver.first(ServerLagging)
        slow.mute = False
        await chain.close()
        await receiver.first(ServerRecovered)

    assert alarm == ServerLagging(
        server=slow.url, ledger_index=LedgerIndex(10), best=LedgerIndex(21)
    )


class Mischief:
    """Does something to one of two servers, by luck, and can make all good again."""

    def __init__(self, servers: list[Any], seed: int) -> None:
        self.luck = random.Random(seed)  # noqa: S311 - reproducible chaos
        self.servers = servers
        self.down: list[Any] = []

    async def strike(self) -> None:
        """Drop, garble, stall or stop one; or start it again."""
        server = self.luck.choice(self.servers)
        deed = self.luck.choice(["drop", "spit", "stall", "stop", "nothing", "nothing"])
        if deed == "drop":
            await server.drop()
        elif deed == "spit":
            server.junk.append("{")
        elif deed == "stall":
            server.mute = not server.mute
        elif deed == "stop" and server in self.down:
            self.down.remove(server)
            await server.restart()
        elif deed == "stop":
            self.down.append(server)
            await server.stop()
        await asyncio.sleep(0.01)

    async def mend(self) -> None:
        """Start what is stopped, and let what stalls go on."""
        for server in self.servers:
            server.mute = False
        for server in self.down:
            await server.restart()


@pytest.mark.parametrize("seed", range(4))
async def test_chaos_loses_nothing_and_repeats_nothing(
    chain: Any, start: Start, watching: Watching, seed: int
) -> None:
    """Two servers that drop, stall, spit and restart as they like: each payment is told once."""
    channel = chain.open(1, amount=1_000)
    servers = [await start(page=3), await start(version=1)]
    mischief = Mischief(servers, seed)
    async with watching(*servers) as (receiver, _):
        for _ in range(60):
            for _ in range(mischief.luck.randrange(3)):
                chain.pay(1, 1)
            await chain.close()
            await mischief.strike()
        await mischief.mend()
        await receiver.until(lambda: all(server.subscribers for server in servers))
        await chain.close(2)
        await receiver.accounted(71)

    paid = int(chain.channels[channel]["Balance"])
    changes = [d for d in receiver.of(ChannelChanged) if d.transaction]
    assert sorted(d.entry.balance for d in changes) == list(range(1, paid + 1))
    counted = -1
    for delivery in receiver.all:
        if isinstance(delivery, LedgerAccounted):
            assert delivery.ledger_index > counted
            counted = delivery.ledger_index
        elif delivery in changes:
            assert delivery.at.ledger_index > counted


async def test_server_that_lags_behind_another_is_ranked_down_and_says_why(
    chain: Any, start: Start, watching: Watching
) -> None:
    """What the stream finds out about a server decides whom to ask first."""
    await chain.close(40)
    slow, fast = await start(behind=20), await start()
    async with watching(slow, fast, cursor=50) as (receiver, servers):
        await receiver.until(lambda: len(servers.ready()) == 2)
        await chain.close(4)
        await receiver.first(ServerLagging)
        (state, other) = servers.states()

    assert (state.why, other.rank) == (Fault.LAGGED.value, 0)
