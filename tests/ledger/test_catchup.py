"""What was missed is read from history, and what is open from its present state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelMissing,
    LedgerAccounted,
    LedgerClosed,
    Position,
)
from watchtower.ledger.health import (
    HistoryMissing,
    HistoryRecovered,
    StateReconciled,
)
from watchtower.units import ChannelId, LedgerIndex

Start = Callable[..., Awaitable[Any]]
Watching = Callable[..., Any]


async def test_a_first_start_discovers_the_channels_that_are_there(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Without a cursor: the present ledger, every inbound channel, and only then the cursor."""
    channels = {chain.open(1), chain.open(2)}
    server = await start()
    async with watching(server, cursor=None) as (receiver, _):
        await receiver.accounted(10)

    assert {d.entry.channel for d in receiver.of(ChannelChanged)} == channels
    kinds = [type(d) for d in receiver.all]
    assert kinds[0] is LedgerClosed
    assert kinds.index(LedgerAccounted) > kinds.index(StateReconciled)


async def test_a_restart_reads_everything_that_was_missed(
    chain: Any, start: Start, watching: Watching
) -> None:
    """After downtime the missed ledgers come from account_tx, page by page, in order."""
    chain.open(1)
    server = await start(page=2)
    for _ in range(5):
        chain.pay(1, 10)
        chain.pay(1, 1)
        await chain.close()
    async with watching(server, cursor=11) as (receiver, _):
        await receiver.accounted(15)

    missed = [d for d in receiver.of(ChannelChanged) if d.transaction is not None]
    assert [d.at.ledger_index for d in missed] == [12, 12, 13, 13, 14, 14, 15, 15]
    assert missed == sorted(missed, key=lambda d: d.at)
    assert server.count("account_tx") > 1


async def test_an_open_channel_that_is_gone_is_told_to_be_missing(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Reconciling reads every channel the caller believes to be open."""
    there, gone = chain.open(1), "CD" * 32
    server = await start()
    async with watching(server, open_channels=[there, gone]) as (receiver, _):
        await receiver.first(StateReconciled)

    at = Position(LedgerIndex(10), END_OF_LEDGER)
    assert receiver.of(ChannelMissing) == [ChannelMissing(channel=ChannelId(gone), at=at)]
    assert {d.entry.channel for d in receiver.of(ChannelChanged)} == {there}


async def test_a_hole_in_history_stops_the_cursor_until_a_server_has_it(
    chain: Any, start: Start, watching: Watching
) -> None:
    """HistoryMissing says so, the state is read all the same, and the cursor waits."""
    channel = chain.open(1)
    chain.pay(1, 7)
    server = await start(validated_ledgers="2-10,14-16")
    await chain.close(6)
    async with watching(server, cursor=10) as (receiver, _):
        missing = await receiver.first(HistoryMissing)
        await receiver.first(StateReconciled)
        assert (missing.first, missing.last) == (11, 13)
        assert receiver.of(LedgerAccounted) == []
        assert {d.entry.channel for d in receiver.of(ChannelChanged)} == {channel}
        server.validated_ledgers = None
        await chain.close(2)
        await receiver.accounted(16)
        await receiver.first(HistoryRecovered)

    assert [d.entry.balance for d in receiver.of(ChannelChanged) if d.transaction] == [7]


async def test_history_is_put_together_from_several_servers(
    chain: Any, start: Start, watching: Watching
) -> None:
    """No single server has it all."""
    chain.open(1)
    for _ in range(6):
        chain.pay(1, 1)
        await chain.close()
    old = await start(validated_ledgers="2-13")
    new = await start(validated_ledgers="14-16")
    async with watching(old, new, cursor=10) as (receiver, _):
        await receiver.accounted(16)

    changes = [d for d in receiver.of(ChannelChanged) if d.transaction]
    assert sorted(d.at.ledger_index for d in changes) == [11, 12, 13, 14, 15, 16]


async def test_an_answer_for_less_than_was_asked_is_refused(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A server that cuts the range silently would lose facts; another one is asked."""
    chain.open(1)
    for _ in range(4):
        chain.pay(1, 1)
        await chain.close()
    cutting, honest = await start(clamp=(13, 14)), await start()
    async with watching(cutting, honest, cursor=10) as (receiver, _):
        await receiver.accounted(14)

    changes = [d for d in receiver.of(ChannelChanged) if d.transaction]
    assert sorted(d.at.ledger_index for d in changes) == [11, 12, 13, 14]
