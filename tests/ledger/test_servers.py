"""Servers over real sockets: streams that survive everything, and questions that always end."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest

from watchtower.errors import (
    AnswerError,
    RequestRefusedError,
    RequestTimeoutError,
    UnreachableError,
    WrongNetworkError,
)
from watchtower.ledger.catchup import StreamSettings
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelDeleted,
    ChannelMissing,
    LedgerAccounted,
    LedgerClosed,
    Position,
    SeatUsed,
)
from watchtower.ledger.health import (
    HistoryMissing,
    HistoryRecovered,
    ServerAmendmentBlocked,
    ServerRecovered,
    ServersDisagreed,
    ServerSilent,
    ServerUnreachable,
    StateReconciled,
    Trouble,
    WrongNetworkServed,
)
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.sequence import Delivery
from watchtower.ledger.servers import Fees, Servers
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
QUICK = LinkSettings(
    request_timeout=1.0, silence=30.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2
)
SOON = StreamSettings(reconcile=600.0, retry=0.05)
GENEROUS = 20.0

Start = Callable[..., Awaitable[Any]]


async def until(true: Callable[[], object]) -> None:
    """Wait until ``true`` holds."""
    async with asyncio.timeout(GENEROUS):
        while not true():  # noqa: ASYNC110 - what a server has seen is no event of ours
            await asyncio.sleep(0.01)


class Receiver:
    """Takes deliveries and lets a test wait for one."""

    def __init__(self) -> None:
        self.all: list[Delivery] = []

    async def receive(self, deliveries: AsyncIterator[Delivery]) -> None:
        """Take deliveries until cancelled."""
        async for delivery in deliveries:
            self.all.append(delivery)

    def of(self, *kinds: type) -> list[Any]:
        """Return the deliveries of some kinds."""
        return [d for d in self.all if isinstance(d, kinds)]

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until ``true`` holds."""
        await until(true)

    async def accounted(self, index: int) -> None:
        """Wait until the cursor reached a ledger."""
        await self.until(lambda: any(d.ledger_index >= index for d in self.of(LedgerAccounted)))

    async def first(self, kind: type) -> Any:
        """Wait for the first delivery of a kind."""
        await self.until(lambda: self.of(kind))
        return self.of(kind)[0]


async def both_ready(servers: Servers) -> None:
    """Wait until two servers can be asked."""
    await until(lambda: len(servers.ready()) == 2)


@asynccontextmanager
async def watching(
    *servers: Any,
    cursor: int | None = 10,
    open_channels: Collection[str] = (),
    settings: LinkSettings = QUICK,
    network_id: int | None = None,
) -> AsyncIterator[tuple[Receiver, Servers]]:
    """Watch a chain through servers."""
    opened = Servers(
        [server.url for server in servers],
        accounts=[PAYEE],
        network_id=network_id,
        settings=settings,
    )
    at = None if cursor is None else LedgerIndex(cursor)
    channels = [ChannelId(channel) for channel in open_channels]
    receiver = Receiver()
    async with (
        opened,
        opened.stream(cursor=at, open_channels=lambda: channels, settings=SOON) as stream,
    ):
        task = asyncio.create_task(receiver.receive(stream.deliveries()))
        try:
            yield receiver, opened
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_change_arrives_and_its_ledger_is_accounted_for(chain: Any, start: Start) -> None:
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


async def test_a_first_start_discovers_the_channels_that_are_there(
    chain: Any, start: Start
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


async def test_a_restart_reads_everything_that_was_missed(chain: Any, start: Start) -> None:
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


async def test_an_open_channel_that_is_gone_is_told_to_be_missing(chain: Any, start: Start) -> None:
    """Reconciling reads every channel the caller believes to be open."""
    there, gone = chain.open(1), "CD" * 32
    server = await start()
    async with watching(server, open_channels=[there, gone]) as (receiver, _):
        await receiver.first(StateReconciled)

    at = Position(LedgerIndex(10), END_OF_LEDGER)
    assert receiver.of(ChannelMissing) == [ChannelMissing(channel=ChannelId(gone), at=at)]
    assert {d.entry.channel for d in receiver.of(ChannelChanged)} == {there}


async def test_a_lost_connection_is_made_again_and_nothing_is_missed(
    chain: Any, start: Start
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

    assert [d.entry.balance for d in receiver.of(ChannelDeleted)] == [40]
    assert len([d for d in receiver.of(ChannelChanged) if d.transaction]) == 1
    assert receiver.of(ServerUnreachable)
    assert ServerRecovered(server=server.url, trouble=Trouble.UNREACHABLE) in receiver.all


async def test_a_server_that_comes_back_is_used_again(chain: Any, start: Start) -> None:
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


async def test_one_of_two_servers_dying_costs_nothing(chain: Any, start: Start) -> None:
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


async def test_a_silent_server_is_told_and_connected_to_anew(chain: Any, start: Start) -> None:
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


async def test_garbage_in_the_stream_loses_nothing(chain: Any, start: Start) -> None:
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


async def test_a_hole_in_history_stops_the_cursor_until_a_server_has_it(
    chain: Any, start: Start
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


async def test_history_is_put_together_from_several_servers(chain: Any, start: Start) -> None:
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


async def test_an_answer_for_less_than_was_asked_is_refused(chain: Any, start: Start) -> None:
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


async def test_answers_and_streams_of_version_1_are_understood(chain: Any, start: Start) -> None:
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


async def test_servers_that_disagree_are_an_alarm(chain: Any, start: Start) -> None:
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


async def test_an_amendment_blocked_server_is_an_alarm(chain: Any, start: Start) -> None:
    """Warning 1002 on any answer."""
    assert chain.index == 10
    server = await start(blocked=True)
    async with watching(server) as (receiver, servers):
        alarm = await receiver.first(ServerAmendmentBlocked)
        assert [state.amendment_blocked for state in servers.states()] == [True]

    assert alarm == ServerAmendmentBlocked(server=server.url)


async def test_a_server_of_another_network_is_not_used(chain: Any, start: Start) -> None:
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
    chain: Any, start: Start
) -> None:
    """server_info need not tell the network; the subscription does."""
    server = await start(network_id=1)
    server.answers["server_info"] = {"result": {"info": {"complete_ledgers": "2-10"}}}
    async with watching(server, network_id=0) as (receiver, _):
        await receiver.first(WrongNetworkServed)
        await chain.close()

    assert receiver.of(LedgerClosed) == []


async def test_a_question_fails_over_when_a_server_dies_in_the_middle(
    chain: Any, start: Start
) -> None:
    """The request under way fails at once, and the next server is asked."""
    channel = chain.open(1)
    dying, living = await start(die_on={"ledger_entry"}), await start()
    async with watching(dying, living) as (receiver, servers):
        await receiver.until(lambda: len(servers.ready()) == 2)
        fact = await servers.read_channel(ChannelId(channel))

    assert isinstance(fact, ChannelChanged)
    assert living.count("ledger_entry") >= 1


async def test_a_question_to_a_hanging_server_ends_in_time(chain: Any, start: Start) -> None:
    """No answer is a RequestTimeoutError, and never a wait without end."""
    assert chain.index == 10
    server = await start(hang={"fee"})
    settings = LinkSettings(request_timeout=0.1)
    async with Servers.connected([server.url], settings=settings) as servers:
        with pytest.raises(RequestTimeoutError):
            await servers.ask("fee")


async def test_a_server_that_hangs_at_the_subscription_is_left(chain: Any, start: Start) -> None:
    """Too large a request gets no answer at all; a missing reply fails the connection."""
    assert chain.index == 10
    server = await start(hang={"subscribe"})
    settings = LinkSettings(request_timeout=0.1, backoff_first=0.01, close_timeout=0.1)
    with pytest.raises(UnreachableError, match="subscribe"):
        async with Servers.connected([server.url], 10, settings=settings):
            pass


async def test_nobody_there_is_said_with_the_reason() -> None:
    """One sentence with every address and why."""
    url = "ws://127.0.0.1:9"
    with pytest.raises(UnreachableError) as caught:
        async with Servers.connected([url], 5):
            pass

    assert url in str(caught.value)
    assert "refused" in str(caught.value) or "Connect" in str(caught.value)


async def test_only_foreign_servers_is_a_wrong_network(chain: Any, start: Start) -> None:
    """A store pinned to one network is not used with servers of another."""
    assert chain.index == 10
    server = await start(network_id=1)
    with pytest.raises(WrongNetworkError):
        async with Servers.connected([server.url], network_id=0, settings=QUICK):
            pass


async def test_a_transaction_goes_to_every_server(chain: Any, start: Start) -> None:
    """One answer each; a server that refuses or is down costs only its own."""
    assert chain.index == 10
    good, bad, down = await start(), await start(), await start()
    bad.refuse["submit"] = {"error": "highFee", "error_message": "Too dear."}
    await down.stop()
    servers = Servers([good.url, bad.url, down.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        answers = {answer.server: answer for answer in await servers.submit("AB")}

    assert answers[good.url].engine_result == "tesSUCCESS"
    assert answers[good.url].open_ledger_cost == 10
    assert answers[good.url].validated_ledger_index == 10
    assert answers[bad.url].engine_result is None
    assert "highFee" in answers[bad.url].message
    assert answers[down.url].engine_result is None
    assert [request["tx_blob"] for request in good.requests if "tx_blob" in request] == ["AB"]


async def test_the_highest_sequence_and_the_highest_fee_are_believed(
    chain: Any, start: Start
) -> None:
    """A server that lags would have us repeat a sequence or pay too little."""
    assert chain.index == 10
    slow, fresh = await start(), await start()
    fresh.answers["account_info"] = {"result": {"account_data": {"Sequence": 9, "Balance": "1"}}}
    fresh.answers["fee"] = {"result": {"drops": {"base_fee": "10", "open_ledger_fee": "5000"}}}
    servers = Servers([slow.url, fresh.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        assert await servers.account_sequence(PAYEE) == 9
        assert await servers.fee() == Fees(base_fee=Drops(10), open_ledger_fee=Drops(5000))


async def test_one_unreadable_answer_does_not_spoil_the_others(chain: Any, start: Start) -> None:
    """A malformed fee of one server leaves the other's."""
    assert chain.index == 10
    server, odd = await start(), await start()
    odd.answers["fee"] = {"result": {"drops": {"base_fee": "lots"}}}
    servers = Servers([server.url, odd.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        assert await servers.fee() == Fees(base_fee=Drops(10), open_ledger_fee=Drops(12))


async def test_an_account_that_is_not_there(chain: Any, start: Start) -> None:
    """A missing account is an answer, and no failure of the server."""
    assert chain.index == 10
    server = await start()
    async with Servers.connected([server.url], settings=QUICK) as servers:
        assert await servers.account_exists(PAYEE)
        assert await servers.account_balance(PAYEE) == 5_000_000
        server.refuse["account_info"] = {"error": "actNotFound", "error_message": "Not found."}
        assert not await servers.account_exists(PAYEE)
        with pytest.raises(RequestRefusedError, match="actNotFound"):
            await servers.account_balance(PAYEE)


async def test_a_channel_is_missing_only_if_no_server_has_it(chain: Any, start: Start) -> None:
    """One server's "entryNotFound" must not end the guard of a channel."""
    channel = chain.open(1)
    wrong, right = await start(), await start()
    wrong.refuse["ledger_entry"] = {"error": "entryNotFound"}
    servers = Servers([wrong.url, right.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        fact = await servers.read_channel(ChannelId(channel))

    assert isinstance(fact, ChannelChanged)


async def test_entry_not_found_in_the_other_shape(chain: Any, start: Start) -> None:
    """A proxy puts the error inside the result, and may say of which ledger."""
    assert chain.index == 10
    server = await start()
    server.answers["ledger_entry"] = {
        "status": "success",
        "result": {"error": "entryNotFound", "status": "error", "ledger_index": 9},
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        fact = await servers.read_channel(ChannelId("CD" * 32))

    at = Position(LedgerIndex(9), END_OF_LEDGER)
    assert fact == ChannelMissing(channel=ChannelId("CD" * 32), at=at)


async def test_a_state_that_is_not_validated_is_refused(chain: Any, start: Start) -> None:
    """The open ledger's state may never come true."""
    channel = chain.open(1)
    server = await start()
    server.answers["ledger_entry"] = {
        "result": {"node": chain.channels[channel], "ledger_current_index": 11}
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="validated"):
            await servers.read_channel(ChannelId(channel))


async def test_discovery_reads_on_past_empty_pages(chain: Any, start: Start) -> None:
    """An empty page with a marker is normal, and every page is of one ledger."""
    channels = {chain.open(number) for number in range(5)}
    server = await start(page=2, empty_pages=2)
    async with Servers.connected([server.url], settings=QUICK) as servers:
        found = await servers.find_channels(PAYEE)

    assert {fact.entry.channel for fact in found} == channels
    pages = [r["ledger_index"] for r in server.requests if r["command"] == "account_objects"]
    assert pages == ["validated", 10, 10, 10, 10]


async def test_only_inbound_channels_are_discovered(chain: Any, start: Start) -> None:
    """The account's own outbound channels are listed by the server too."""
    inbound = chain.open(1)
    outbound = chain.open(2)
    chain.channels[outbound]["Account"] = PAYEE
    chain.channels[outbound]["Destination"] = chain.channels[inbound]["Account"]
    server = await start()
    server.answers["account_objects"] = {
        "result": {
            "account_objects": list(chain.channels.values()),
            "ledger_index": 10,
            "validated": True,
        }
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        found = await servers.find_channels(PAYEE)

    assert [fact.entry.channel for fact in found] == [inbound]


async def test_pages_that_go_in_circles_are_refused(chain: Any, start: Start) -> None:
    """A server cannot keep us reading for ever."""
    assert chain.index == 10
    server = await start()
    server.answers["account_objects"] = {
        "result": {"account_objects": [], "ledger_index": 10, "validated": True, "marker": "1"}
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="circles"):
            await servers.find_channels(PAYEE)


async def test_every_request_asks_for_version_2(chain: Any, start: Start) -> None:
    """Without a version a server answers in the old one."""
    assert chain.index == 10
    server = await start()
    async with Servers.connected([server.url], settings=QUICK) as servers:
        await servers.fee()

    assert {request["api_version"] for request in server.requests} == {2}
    assert json.loads(json.dumps(server.requests[0]))["command"] == "server_info"
