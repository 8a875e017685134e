"""What was missed is read from history, and what is open from its present state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.ledger.catchup import StreamSettings
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AmendmentsRead,
    ChannelChanged,
    ChannelMissing,
    LedgerAccounted,
    LedgerClosed,
    Position,
)
from watchtower.ledger.health import HistoryMissing, HistoryRecovered, StateReconciled
from watchtower.ledger.servers import Servers
from watchtower.units import ChannelId, LedgerIndex

AMENDMENT = "21B8D2F76F68E11E9C077A43BBBC394136E9987E99DDB73966DD68419467E431"

Start = Callable[..., Awaitable[Any]]
Watching = Callable[..., Any]
BothReady = Callable[[Servers], Awaitable[None]]


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


async def test_everything_is_read_anew_on_a_timer(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A state that no message told of is found all the same."""
    channel = chain.open(1)
    server = await start()
    often = StreamSettings(reconcile=0.05, retry=0.05)
    async with watching(server, open_channels=[channel], stream_settings=often) as (receiver, _):
        await receiver.first(StateReconciled)
        chain.channels[channel]["Amount"] = "7777"
        await receiver.until(
            lambda: any(d.entry.amount == 7777 for d in receiver.of(ChannelChanged))
        )
        await receiver.until(lambda: len(receiver.of(StateReconciled)) >= 2)


async def test_everything_is_read_anew_when_told_so(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Whoever doubts what it knows need not wait for the timer."""
    channel = chain.open(1)
    server = await start()
    async with watching(server, open_channels=[channel]) as (receiver, _):
        await receiver.first(StateReconciled)
        receiver.stream.reconcile()
        await receiver.until(lambda: len(receiver.of(StateReconciled)) == 2)

    assert server.count("account_objects") == 2


@pytest.mark.parametrize("command", ["ledger_entry", "account_objects", "account_info"])
async def test_a_state_that_could_not_be_read_is_read_again(
    chain: Any, start: Start, watching: Watching, command: str
) -> None:
    """Nothing is called reconciled before the accounts and every open channel were read."""
    channel = chain.open(1)
    server = await start(unlisted={channel})
    server.refuse[command] = {"error": "noNetwork", "error_message": "Not synced."}
    async with watching(server, open_channels=[channel]) as (receiver, _):
        await receiver.until(lambda: server.count(command) >= 2)
        assert receiver.of(StateReconciled) == []
        server.refuse.clear()
        await receiver.first(StateReconciled)


async def test_what_lists_tell_alike_is_not_asked_for_once_more(
    chain: Any, start: Start, watching: Watching
) -> None:
    """After an outage thousands press at once, and servers let nobody ask thousands of times."""
    channels = [chain.open(number) for number in range(30)]
    servers = [await start(), await start()]
    async with watching(*servers, open_channels=channels, late=True) as (receiver, _):
        await receiver.first(StateReconciled)

    assert {d.entry.channel for d in receiver.of(ChannelChanged)} == set(channels)
    for server in servers:
        assert [r for r in server.requests if "payment_channel" in r] == []


async def test_a_channel_that_no_list_has_is_asked_for(
    chain: Any, start: Start, watching: Watching
) -> None:
    """It is gone, or older than the payee's directory of channels that pay it."""
    listed, old, gone = (chain.open(number) for number in range(3))
    servers = [await start(unlisted={old}), await start(unlisted={old})]
    del chain.channels[gone]
    known = [listed, old, gone]
    async with watching(*servers, open_channels=known, late=True) as (receiver, _):
        await receiver.first(StateReconciled)

    assert {d.entry.channel for d in receiver.of(ChannelChanged)} == {listed, old}
    assert [d.channel for d in receiver.of(ChannelMissing)] == [gone]


async def test_a_channel_that_two_lists_tell_differently_is_asked_for(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A list is no vote: of three servers two tell what is true of one channel."""
    true, other = chain.open(1), chain.open(2)
    liar, *honest = [await start() for _ in range(3)]
    false = {**chain.channels[true], "Balance": "999", "Expiration": 900_000_000}
    liar.lists(false, chain.channels[other])
    async with watching(liar, *honest, open_channels=[true, other], late=True) as (receiver, _):
        await receiver.first(StateReconciled)

    assert {(d.entry.channel, d.entry.balance) for d in receiver.of(ChannelChanged)} == {
        (true, 0),
        (other, 0),
    }


async def test_a_close_request_that_one_list_has_is_told_though_nobody_confirms_it(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A liar leaves the channel out, and says that it is gone a ledger later: it is on its way."""
    channel = chain.open(1)
    chain.channels[channel]["Expiration"] = 820_000_500
    honest, liar = await start(), await start(unlisted={channel})
    for server in (honest, liar):
        server.refuse["ledger_entry"] = {"error": "slowDown", "error_message": "Not now."}
    async with watching(honest, liar, open_channels=[channel], late=True) as (receiver, _):
        told = await receiver.first(ChannelChanged)
        assert told.entry.expiration == 820_000_500
        assert receiver.of(StateReconciled) == []


async def test_a_list_of_a_ledger_that_is_yet_to_come_is_not_believed(
    chain: Any, start: Start, watching: Watching
) -> None:
    """It would be the newest word on every channel until that ledger comes."""
    channel = chain.open(1)
    honest, liar = await start(), await start()
    liar.lists(chain.channels[channel], ledger_index=4_000_000_000)
    async with watching(honest, liar, open_channels=[channel], late=True) as (receiver, _):
        await receiver.first(StateReconciled)
        assert {d.at.ledger_index for d in receiver.of(ChannelChanged)} == {chain.index}
        chain.pay(1, 5)
        await chain.close()
        await receiver.until(lambda: receiver.of(ChannelChanged)[-1].entry.balance == 5)


async def test_a_channel_that_only_a_list_of_long_ago_has_holds_up_nothing(
    chain: Any, start: Start, watching: Watching
) -> None:
    """After a restore the tower waits until everything was read: one liar could keep it waiting."""
    channel = chain.open(1)
    honest, liar = await start(), await start()
    invented = {**chain.channels[channel], "index": "AB" * 32}
    liar.lists(invented, ledger_index=5)
    async with watching(honest, liar, open_channels=[channel], late=True) as (receiver, _):
        await receiver.first(StateReconciled)


async def test_one_list_for_want_of_a_second_one_is_not_beyond_doubt(
    chain: Any, start: Start, watching: Watching
) -> None:
    """What two servers have to tell of each channel is asked of two, as ever."""
    channel = chain.open(1)
    liar, honest = await start(), await start()
    honest.refuse["account_objects"] = {"error": "tooBusy", "error_message": "Not now."}
    chain.channels[channel]["Expiration"] = 820_000_500
    without = {k: v for k, v in chain.channels[channel].items() if k != "Expiration"}
    liar.lists(without)
    async with watching(liar, honest, open_channels=[channel], late=True) as (receiver, _):
        await receiver.first(StateReconciled)
    assert receiver.of(ChannelChanged)[-1].entry.expiration == 820_000_500


async def test_where_lists_differ_they_are_read_again_soon(
    chain: Any, start: Start, watching: Watching
) -> None:
    """The end that a liar told presses, and would be remembered for ten minutes (world 278)."""
    channel = chain.open(1)
    liar, *honest = [await start() for _ in range(3)]
    liar.lies["Expiration"] = 5
    soon = StreamSettings(reconcile=600.0, retry=0.05)
    watched = watching(liar, *honest, open_channels=[channel], late=True, stream_settings=soon)
    async with watched as (receiver, _):
        await receiver.first(StateReconciled)
        assert receiver.of(ChannelChanged)[-1].entry.expiration == 5
        await chain.close()
        await receiver.until(lambda: receiver.of(ChannelChanged)[-1].entry.expiration is None)


async def test_where_lists_differ_for_ever_they_are_read_ever_less_often(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Nobody makes us ask all day by telling of a channel that is not there."""
    channel = chain.open(1)
    honest, liar = await start(), await start()
    invented = {**chain.channels[channel], "index": "AB" * 32}
    liar.lists(invented)
    soon = StreamSettings(reconcile=0.8, retry=0.1)
    async with watching(honest, liar, late=True, stream_settings=soon) as (receiver, _):
        await receiver.until(lambda: len(receiver.of(StateReconciled)) == 4)
        began = asyncio.get_running_loop().time()
        await receiver.until(lambda: len(receiver.of(StateReconciled)) == 5)
        waited = asyncio.get_running_loop().time() - began

    assert waited > 0.4  # it was 0.1 at first


async def test_a_persistent_hole_is_not_asked_about_at_every_message(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A server without history is not hammered for it."""
    chain.open(1)
    server = await start(validated_ledgers="2-10,12-99")
    await chain.close(2)
    slow = StreamSettings(reconcile=600.0, retry=0.2)
    async with watching(server, cursor=10, stream_settings=slow) as (receiver, _):
        await receiver.first(StateReconciled)
        for _ in range(50):
            await chain.close()
        await receiver.until(lambda: any(d.ledger_index == 62 for d in receiver.of(LedgerClosed)))

    assert len(receiver.of(StateReconciled)) == 1
    assert server.count("account_objects") == 1


async def test_an_unreadable_ledger_stops_the_cursor_and_is_an_alarm(
    chain: Any, start: Start, watching: Watching
) -> None:
    """Rule 3: the tower never skips; it says so, and goes on guarding from the present state."""
    channel = chain.open(1)
    server = await start()
    async with watching(server, cursor=10) as (receiver, _):
        await receiver.first(StateReconciled)
        chain.pay(1, 5)
        good = chain.transactions[11][0]
        broken = json.loads(json.dumps(good))
        node = broken["meta"]["AffectedNodes"][0]["ModifiedNode"]
        node["FinalFields"]["SettleDelay"] = "soon"
        chain.transactions[11] = [broken]
        await chain.close(2)
        missing = await receiver.first(HistoryMissing)
        await receiver.until(lambda: any(d.entry.balance == 5 for d in receiver.of(ChannelChanged)))
        assert receiver.of(LedgerAccounted) == []
        chain.transactions[11] = [good]
        await receiver.accounted(11)

    assert (missing.first, missing.last) == (11, 11)
    assert "SettleDelay" in missing.why
    assert {d.entry.channel for d in receiver.of(ChannelChanged)} == {channel}


async def test_a_state_from_before_the_newest_ledger_is_not_enough(
    chain: Any, start: Start, watching: Watching, both_ready: BothReady
) -> None:
    """The best server cannot tell, and the other one is far behind: it is asked again."""
    channel = chain.open(1)
    chain.index = 20
    fresh, slow = [await start(behind=behind, unlisted={channel}) for behind in (0, 5)]
    fresh.refuse["ledger_entry"] = {"error": "noCurrent", "error_message": "Not now."}
    async with watching(fresh, slow, cursor=20, open_channels=[channel]) as (receiver, servers):
        await both_ready(servers)
        await chain.close(3)
        await receiver.until(lambda: slow.count("ledger_entry") >= 3)
        assert receiver.of(StateReconciled) == []
        fresh.refuse.clear()
        reconciled = await receiver.first(StateReconciled)

    assert reconciled.ledger_index == 23


async def test_history_that_comes_a_little_late_is_no_alarm(
    chain: Any, start: Start, watching: Watching
) -> None:
    """A server that is only a moment behind is looked at again before anybody is told."""
    chain.open(1)
    server = await start(validated_ledgers="2-10")
    await chain.close()
    patient = StreamSettings(reconcile=600.0, retry=600.0)
    async with watching(server, cursor=10, stream_settings=patient) as (receiver, _):
        await receiver.first(StateReconciled)
        server.validated_ledgers = None
        await chain.close()
        await receiver.until(lambda: receiver.of(LedgerClosed)[-1].ledger_index == 12)
        receiver.stream.reconcile()
        await receiver.accounted(11)

    assert receiver.of(HistoryMissing) == []


async def test_rules_are_read_again_behind_a_flag_ledger(
    chain: Any, start: Start, watching: Watching
) -> None:
    """An amendment that is enabled while we run is known before the next ledger is judged by it."""
    chain.index = 255
    server = await start()
    async with watching(server) as (receiver, _):
        await receiver.until(lambda: bool(receiver.of(AmendmentsRead)))
        server.amendments = [AMENDMENT]
        await chain.close()  # the flag ledger itself changes nothing yet
        await receiver.accounted(255)
        assert len(receiver.of(AmendmentsRead)) == 1
        await chain.close()
        await receiver.until(lambda: len(receiver.of(AmendmentsRead)) == 2)

    before, after = receiver.of(AmendmentsRead)
    assert before.enabled == frozenset()
    assert after.enabled == {AMENDMENT}


async def test_amendments_on_which_servers_contradict_each_other_are_not_known(
    start: Start, watching: Watching
) -> None:
    """One server that lies about the rules makes us strict, and nothing else."""
    servers = [await start(), await start(amendments=[AMENDMENT])]
    async with watching(*servers) as (receiver, _):
        await receiver.until(lambda: any(f.enabled is None for f in receiver.of(AmendmentsRead)))
        await receiver.first(StateReconciled)


async def test_amendments_that_cannot_be_read_hold_nothing_up(
    chain: Any, start: Start, watching: Watching
) -> None:
    """What is guarded does not wait for the rules that it is judged by."""
    chain.open(1)
    server = await start(amendments=["nonsense"])
    async with watching(server, cursor=None) as (receiver, _):
        await receiver.accounted(10)

    assert receiver.of(AmendmentsRead) == []
    assert len(receiver.of(ChannelChanged)) == 1
