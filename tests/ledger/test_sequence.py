"""The merged history: order, wholeness, gaps; on real recordings and on hostile interleavings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.ledger.decode import decode_entry, decode_transaction
from watchtower.ledger.events import (
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    Fact,
    LedgerAccounted,
    LedgerClosed,
    Position,
    SeatUsed,
)
from watchtower.ledger.health import MessageRejected, ServersDisagreed
from watchtower.ledger.sequence import Delivery, Gap, Sequence
from watchtower.units import Address, ChannelId, LedgerIndex

RECORDINGS = sorted((Path(__file__).parents[1] / "data" / "recordings").glob("*.jsonl"))
COMPARED = {
    "cancel_after_passes": 3,
    "close_requested_again_and_again": 3,
    "closed_by_destination_with_stale_claim": 1,
    "delegated_claim": 2,
    "deposit_auth_and_disallow": 1,
    "every_refusal": 1,
    "lifecycle_api_v1": 7,
    "lifecycle_ed25519": 7,
    "lifecycle_secp256k1": 7,
    "many_close_at_once": 40,
    "promised_more_than_the_channel_holds": 3,
    "refund_by_redeeming_less": 2,
    "regular_key_and_multisign": 1,
    "settle_delay_wraps": 9,
    "stale_claim_and_close_by_source": 4,
    "the_last_second": 3,
    "tickets_and_presigned": 1,
}
"""How often a recording's server was asked for a channel that its stream had told of."""

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
KEY = "0295412A345A5AD994E9FDDED304E2576BB55EBF4A7B65F85B2B7FEBCF2A38D8E4"
CHANNEL = "AB" * 32

Message = dict[str, Any]


def closed(index: int, count: int = 1, fork: str = "A") -> Message:
    """Return a ledgerClosed, as recorded."""
    return {
        "type": "ledgerClosed",
        "fee_base": 10,
        "ledger_hash": f"{fork}{index:063}",
        "ledger_index": index,
        "ledger_time": 820_000_000 + index,
        "network_id": 0,
        "reserve_base": 1_000_000,
        "reserve_inc": 200_000,
        "txn_count": count,
        "validated_ledgers": f"2-{index}",
    }


def subscription(index: int) -> Message:
    """Return the result of a subscription."""
    result = closed(index)
    del result["type"], result["txn_count"]
    return result


def transaction(index: int, place: int = 0) -> Message:
    """Return a validated transaction that changes the channel."""
    return {
        "type": "transaction",
        "validated": True,
        "hash": f"{index:032}{place:032}",
        "ledger_index": index,
        "tx_json": {"Account": PAYER, "Sequence": index * 100 + place},
        "meta": {
            "TransactionIndex": place,
            "TransactionResult": "tesSUCCESS",
            "AffectedNodes": [
                {
                    "ModifiedNode": {
                        "LedgerEntryType": "PayChannel",
                        "LedgerIndex": CHANNEL,
                        "FinalFields": {
                            "Account": PAYER,
                            "Destination": PAYEE,
                            "Amount": "1000000",
                            "Balance": str(index * 100 + place),
                            "PublicKey": KEY,
                            "SettleDelay": 60,
                        },
                    }
                }
            ],
        },
    }


def facts_of(*messages: Message) -> list[Fact]:
    """Return the payee's facts in messages."""
    return [fact for message in messages for fact in decode_transaction(message, [PAYEE])]


def play(sequence: Sequence, server: str, *messages: Message) -> list[Delivery]:
    """Feed messages of one server."""
    return [out for message in messages for out in sequence.received(server, message)]


def accounted(deliveries: list[Delivery]) -> list[int]:
    """Return how far the cursor was moved."""
    return [d.ledger_index for d in deliveries if isinstance(d, LedgerAccounted)]


def told(deliveries: list[Delivery]) -> list[Fact]:
    """Return the facts among deliveries."""
    kinds = (ChannelChanged, ChannelDeleted, SeatUsed)
    return [d for d in deliveries if isinstance(d, kinds)]


@pytest.fixture
def sequence() -> Sequence:
    """A sequence after ledger 10, with one server at ledger 10."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10))
    sequence.subscribed("a", subscription(10))
    return sequence


def test_a_ledger_counts_only_when_the_next_one_is_announced(sequence: Sequence) -> None:
    """Transactions come after their ledger's announcement, so that alone proves nothing."""
    assert accounted(play(sequence, "a", closed(11), transaction(11))) == []
    assert accounted(play(sequence, "a", closed(12))) == [11]


def test_an_empty_ledger_counts_at_once(sequence: Sequence) -> None:
    """A ledger with no transactions has nothing left to say."""
    assert accounted(play(sequence, "a", closed(11, 0))) == [11]


def test_facts_are_delivered_once_whoever_tells_them(sequence: Sequence) -> None:
    """Overlapping subscriptions and a second server repeat everything."""
    sequence.subscribed("b", subscription(10))
    deliveries = play(sequence, "a", closed(11), transaction(11), transaction(11))
    deliveries += play(sequence, "b", closed(11), transaction(11))

    assert told(deliveries) == facts_of(transaction(11))


def test_unvalidated_transactions_are_nothing_yet(sequence: Sequence) -> None:
    """What is merely proposed may never happen."""
    proposed = {**transaction(11), "validated": False, "status": "proposed"}

    assert play(sequence, "a", proposed) == []


def test_ledger_time_never_goes_back(sequence: Sequence) -> None:
    """Older, repeated and reordered announcements are harmless."""
    deliveries = play(sequence, "a", closed(12), closed(11), closed(12), closed(9), closed(13))

    seen = [d.ledger_index for d in deliveries if isinstance(d, LedgerClosed)]
    assert seen == [12, 13]


def test_a_start_behind_the_ledger_has_a_gap() -> None:
    """Everything between the cursor and the subscription must be read from history."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(5))
    sequence.subscribed("a", subscription(10))

    assert sequence.gap() == Gap(LedgerIndex(6), LedgerIndex(10))


def test_the_cursor_waits_for_a_gap(sequence: Sequence) -> None:
    """Facts beyond a gap are told at once, but nothing is accounted for past it."""
    deliveries = play(sequence, "a", closed(11, 0), closed(14), transaction(14), closed(15, 0))

    assert told(deliveries) == facts_of(transaction(14))
    assert accounted(deliveries) == [11]
    assert sequence.gap() == Gap(LedgerIndex(12), LedgerIndex(13))
    filled = sequence.backfilled(Gap(LedgerIndex(12), LedgerIndex(13)), facts_of(transaction(12)))
    assert told(filled) == facts_of(transaction(12))
    assert accounted(filled) == [15]
    assert sequence.gap() is None


def test_a_reconnect_leaves_the_present_ledger_in_doubt(sequence: Sequence) -> None:
    """Transactions may have been sent while nobody listened."""
    play(sequence, "a", closed(11))
    sequence.lost("a")
    sequence.subscribed("a", subscription(11))

    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(11))


def test_a_second_server_bridges_the_reconnect_of_the_first(sequence: Sequence) -> None:
    """There is no gap while anybody saw the ledger whole."""
    sequence.subscribed("b", subscription(10))
    play(sequence, "a", closed(11))
    play(sequence, "b", closed(11))
    sequence.lost("a")
    sequence.subscribed("a", subscription(11))

    assert sequence.gap() is None
    assert accounted(play(sequence, "b", transaction(11), closed(12, 0))) == [12]


def test_a_garbled_message_may_have_been_anything(sequence: Sequence) -> None:
    """A frame that could not be read puts the present ledger in doubt, and no other."""
    play(sequence, "a", closed(11))
    sequence.garbled("a")
    assert accounted(play(sequence, "a", closed(12), closed(13))) == []
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(11))
    assert accounted(sequence.backfilled(Gap(LedgerIndex(11), LedgerIndex(11)), ())) == [12]


def test_an_unreadable_channel_node_stops_the_cursor_and_not_the_feed(sequence: Sequence) -> None:
    """Rule 3: what cannot be processed is asked for again and never skipped."""
    bad = transaction(11)
    bad["meta"]["AffectedNodes"][0]["ModifiedNode"]["FinalFields"]["Amount"] = "a lot"
    deliveries = play(sequence, "a", closed(11), bad, closed(12), transaction(12), closed(13))

    assert [type(d) for d in deliveries if isinstance(d, MessageRejected)] == [MessageRejected]
    assert told(deliveries) == facts_of(transaction(12))
    assert accounted(deliveries) == []
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(11))


def test_an_announcement_without_its_ledger_puts_the_ledger_in_doubt(sequence: Sequence) -> None:
    """It may have been the next ledger's; that one and the present one are read again."""
    bad = {**closed(12), "ledger_hash": None}
    deliveries = play(sequence, "a", closed(11), bad, closed(13), closed(14))

    assert [d for d in deliveries if isinstance(d, MessageRejected)]
    assert accounted(deliveries) == []
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(12))


def test_a_flood_of_rubbish_is_told_once_a_ledger(sequence: Sequence) -> None:
    """A server must not be able to wake people a thousand times."""
    bad = {**closed(12), "ledger_hash": None}
    first = play(sequence, "a", closed(11), *[bad] * 1_000)
    second = play(sequence, "a", closed(12), *[bad] * 1_000)

    assert [sum(isinstance(d, MessageRejected) for d in out) for out in (first, second)] == [1, 1]


def test_nothing_comes_of_messages_of_unknown_kinds(sequence: Sequence) -> None:
    """Servers learn new words; none of them stops the feed, or puts it in doubt."""
    unknown: list[Message] = [{"type": "peerStatusChange"}, {"type": 7}, {}, {"status": "closed"}]
    deliveries = play(sequence, "a", closed(11), *unknown, closed(12))

    assert accounted(deliveries) == [11]


def test_a_server_that_is_not_known_puts_nothing_in_doubt(sequence: Sequence) -> None:
    """Rubbish may come before a subscription stands."""
    sequence.garbled("b")

    assert sequence.gap() is None


def test_a_late_fact_of_an_accounted_ledger_is_not_swallowed(sequence: Sequence) -> None:
    """A second server may have seen what the first one dropped."""
    sequence.subscribed("b", subscription(10))
    play(sequence, "a", closed(11), closed(12), closed(13))

    assert told(play(sequence, "b", closed(11), transaction(11))) == facts_of(transaction(11))


def test_a_lagging_server_is_not_waited_for(sequence: Sequence) -> None:
    """A server that is far behind would hold up the cursor; history is asked instead."""
    sequence.subscribed("b", subscription(10))
    play(sequence, "b", *(closed(index) for index in range(11, 20)))
    sequence.garbled("b")
    play(sequence, "b", *(closed(index) for index in range(20, 26)))

    assert sequence.gap() == Gap(LedgerIndex(19), LedgerIndex(19))


def test_an_absurd_ledger_index_does_not_blind_us(sequence: Sequence) -> None:
    """A server that claims the far future would silence every later announcement."""
    deliveries = play(sequence, "a", closed(2**32 - 1), closed(11, 0))

    assert [d for d in deliveries if isinstance(d, MessageRejected)]
    assert sequence.newest == 11
    assert accounted(play(sequence, "a", closed(12, 0))) == [12]


def test_a_server_stuck_in_the_past_does_not_hide_the_present() -> None:
    """An amendment-blocked server goes on naming the last ledger that it understood."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(90_000))
    sequence.subscribed("stuck", subscription(10))
    deliveries = sequence.subscribed("fresh", subscription(90_000))
    deliveries += play(sequence, "fresh", closed(90_001, 0), transaction(90_001))

    assert [d.ledger_index for d in deliveries if isinstance(d, LedgerClosed)] == [90_000, 90_001]
    assert accounted(deliveries) == [90_001]
    assert told(deliveries) == facts_of(transaction(90_001))


def test_a_fact_from_the_far_future_is_rejected(sequence: Sequence) -> None:
    """It would stand before every true state of its channel for ever."""
    deliveries = play(sequence, "a", closed(11), transaction(2**32 - 1))

    assert [type(d) for d in deliveries] == [LedgerClosed, MessageRejected]


def test_a_server_that_is_still_syncing_is_followed_once_it_is_there() -> None:
    """Its subscription names no ledger; what it announces later is seen whole."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10))
    assert sequence.subscribed("a", {"warning": "not synced"}) == []
    deliveries = play(sequence, "a", closed(90_011), transaction(90_011), closed(90_012))

    assert told(deliveries) == facts_of(transaction(90_011))
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(90_010))


def test_servers_that_disagree_are_told(sequence: Sequence) -> None:
    """One ledger has one hash."""
    sequence.subscribed("b", subscription(10))
    deliveries = play(sequence, "a", closed(11)) + play(sequence, "b", closed(11, fork="B"))

    found = [d for d in deliveries if isinstance(d, ServersDisagreed)]
    assert found == [
        ServersDisagreed(
            ledger_index=LedgerIndex(11), hashes={"a": f"A{11:063}", "b": f"B{11:063}"}
        )
    ]


def test_without_a_cursor_nothing_is_accounted_until_the_state_was_read() -> None:
    """A first start discovers what there is before it says that it knows everything."""
    sequence = Sequence([PAYEE], cursor=None)
    deliveries = sequence.subscribed("a", subscription(10))
    deliveries += play(sequence, "a", closed(11), closed(12))

    assert accounted(deliveries) == []
    assert sequence.gap() is None
    assert accounted(sequence.begin(LedgerIndex(10))) == [11]


def test_memory_does_not_grow_with_the_ledgers_seen(sequence: Sequence) -> None:
    """A year of ledgers leaves no more behind than an hour."""
    for index in range(11, 2_000):
        play(sequence, "a", closed(index), transaction(index))

    assert sequence.accounted == 1_998
    assert len(sequence._seen) <= 512
    assert str(sequence._whole) == "empty"


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_state_is_what_the_server_itself_returned(path: Path) -> None:
    """Each frame of a recording goes in; the states that come out are the server's own."""
    player = _Player()
    for line in path.read_text().splitlines():
        record = json.loads(line)
        player.take(record["dir"], record["msg"])

    assert player.rejected == []
    assert player.accounted == sorted(player.accounted)
    if any(isinstance(d, LedgerClosed) for d in player.deliveries):
        assert told(player.deliveries) == sorted(told(player.deliveries), key=lambda f: f.at)
    assert player.compared == COMPARED.get(path.stem, 0)


class _Player:
    """Plays a recording and compares states whenever the server was asked for them."""

    def __init__(self) -> None:
        self.sequence: Sequence | None = None
        self.asked: dict[int, Message] = {}
        self.entries: dict[ChannelId, ChannelEntry | None] = {}
        self.at: dict[ChannelId, Position] = {}
        self.deliveries: list[Delivery] = []
        self.compared = 0

    @property
    def rejected(self) -> list[Delivery]:
        return [d for d in self.deliveries if isinstance(d, MessageRejected)]

    @property
    def accounted(self) -> list[int]:
        return accounted(self.deliveries)

    def take(self, direction: str, message: Message) -> None:
        if direction == "send":
            self.asked[message["id"]] = message
        elif direction == "recv" and "id" in message:
            self._answer(self.asked.get(message["id"], {}), message)
        elif direction == "recv" and self.sequence is not None:
            self._deliver(self.sequence.received("server", message))

    def _answer(self, request: Message, answer: Message) -> None:
        if request.get("command") == "subscribe" and "result" in answer:
            at = LedgerIndex(answer["result"]["ledger_index"])
            self.sequence = Sequence(request["accounts"], cursor=at)
            self._deliver(self.sequence.subscribed("server", answer["result"]))
        elif request.get("command") == "ledger_entry" and "payment_channel" in request:
            self._compare(ChannelId(request["payment_channel"]), answer)
        elif request.get("command") == "account_objects" and "result" in answer:
            for node in answer["result"]["account_objects"]:
                if node["LedgerEntryType"] == "PayChannel":
                    self._compare(ChannelId(node["index"]), {"result": {"node": node}})

    def _compare(self, channel: ChannelId, answer: Message) -> None:
        if channel not in self.entries:
            return
        self.compared += 1
        if answer.get("error") == "entryNotFound":
            assert self.entries[channel] is None
        else:
            assert self.entries[channel] == decode_entry(answer["result"]["node"])

    def _deliver(self, deliveries: list[Delivery]) -> None:
        self.deliveries += deliveries
        for fact in told(deliveries):
            if isinstance(fact, ChannelChanged | ChannelDeleted):
                channel = fact.entry.channel
                assert fact.at > self.at.get(channel, Position(LedgerIndex(0), 0))
                self.at[channel] = fact.at
                self.entries[channel] = fact.entry if isinstance(fact, ChannelChanged) else None


LEDGERS = range(11, 19)


@st.composite
def histories(draw: st.DrawFn) -> dict[int, list[Message]]:
    """A history of ledgers, each with up to three transactions."""
    return {
        index: [transaction(index, place) for place in range(draw(st.integers(0, 3)))]
        for index in LEDGERS
    }


@st.composite
def connections(draw: st.DrawFn) -> list[str]:
    """What befalls one server's frames: they come, come twice, are garbled or lost."""
    whats = st.sampled_from(["come", "come", "come", "come", "twice", "garbled", "reconnect"])
    return draw(st.lists(whats, min_size=80, max_size=80))


class _Shell:
    """A shell in miniature: two servers, a history, and what the receiver has been told."""

    def __init__(self, history: dict[int, list[Message]]) -> None:
        self.history = history
        self.sequence = Sequence([PAYEE], cursor=LedgerIndex(10))
        self.told: list[Fact] = []
        self.cursor = 10
        self.clean = True

    def take(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            if isinstance(delivery, LedgerAccounted):
                assert delivery.ledger_index > self.cursor
                self.cursor = delivery.ledger_index
                self._insist_on_everything_up_to(self.cursor)
            elif isinstance(delivery, ChannelChanged | SeatUsed):
                assert delivery not in self.told
                if self.clean and self.told:
                    assert delivery.at >= self.told[-1].at
                self.told.append(delivery)

    def fill(self) -> None:
        while (gap := self.sequence.gap()) is not None:
            self.clean = False
            missed = [m for i in range(gap.first, gap.last + 1) for m in self.history[i]]
            self.take(self.sequence.backfilled(gap, facts_of(*missed)))

    def _insist_on_everything_up_to(self, index: int) -> None:
        for ledger in range(11, index + 1):
            for fact in facts_of(*self.history[ledger]):
                assert fact in self.told


class _Server:
    """One server's way through the history, with what befalls its connection."""

    def __init__(self, name: str, shell: _Shell, fates: list[str]) -> None:
        self.name = name
        self.shell = shell
        self.frames: list[tuple[int, Message]] = [
            (index, frame)
            for index in LEDGERS
            for frame in (
                closed(index, len(shell.history[index])),
                *shell.history[index],
            )
        ]
        self.fates = iter(fates)
        self.index = 10
        shell.take(shell.sequence.subscribed(name, subscription(10)))

    def step(self) -> bool:
        if not self.frames:
            return False
        self.index, frame = self.frames.pop(0)
        sequence, fate = self.shell.sequence, next(self.fates)
        if fate == "garbled":
            self.shell.clean = False
            sequence.garbled(self.name)
        elif fate == "reconnect":
            self.shell.clean = False
            self.shell.take(sequence.lost(self.name))
            self.shell.take(sequence.subscribed(self.name, subscription(self.index)))
        else:
            for _ in range(2 if fate == "twice" else 1):
                self.shell.take(sequence.received(self.name, frame))
        return True


@settings(max_examples=150, deadline=None)
@given(
    history=histories(),
    fates=st.tuples(connections(), connections()),
    turns=st.lists(st.tuples(st.integers(0, 1), st.booleans()), max_size=120),
    dead_after=st.integers(0, 120),
)
def test_no_interleaving_loses_repeats_or_skips_a_fact(
    history: dict[int, list[Message]],
    fates: tuple[list[str], list[str]],
    turns: list[tuple[int, bool]],
    dead_after: int,
) -> None:
    """Two servers, in any order, with repeats, garbage, reconnects, and one of them dying."""
    shell = _Shell(history)
    servers = [_Server("a", shell, fates[0]), _Server("b", shell, fates[1])]
    for number, (which, fill) in enumerate(turns):
        if number == dead_after:
            shell.clean = False
            shell.take(shell.sequence.lost("b"))
            servers[1].frames.clear()
        servers[which].step()
        if fill:
            shell.fill()
    while servers[0].step():
        pass
    shell.clean = False
    shell.take(shell.sequence.lost("b"))
    shell.take(shell.sequence.subscribed("a", subscription(LEDGERS[-1])))
    shell.fill()

    assert shell.cursor == LEDGERS[-1]
    assert sorted(shell.told, key=repr) == sorted(
        facts_of(*(m for ms in history.values() for m in ms)), key=repr
    )


@settings(max_examples=60, deadline=None)
@given(history=histories(), turns=st.lists(st.integers(0, 1), max_size=120))
def test_undisturbed_servers_give_one_ordered_history(
    history: dict[int, list[Message]], turns: list[int]
) -> None:
    """Without disturbance everything comes in the order in which it happened, from either."""
    shell = _Shell(history)
    calm = ["come"] * 80
    servers = [_Server("a", shell, calm), _Server("b", shell, calm)]
    for which in turns:
        servers[which].step()
        assert shell.sequence.gap() is None
    while servers[0].step():
        assert shell.sequence.gap() is None

    assert shell.clean
    assert len(shell.told) == len(facts_of(*(m for ms in history.values() for m in ms)))
