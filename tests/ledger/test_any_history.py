"""The merged history on real recordings, and on every hostile interleaving of two servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.messages import (
    PAYEE,
    Message,
    accounted,
    closed,
    facts_of,
    subscription,
    told,
    transaction,
)
from watchtower.ledger.decode import decode_entry
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
from watchtower.ledger.health import MessageRejected
from watchtower.ledger.sequence import Delivery, Sequence
from watchtower.units import ChannelId, LedgerIndex

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
        self.sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=2)
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
            shell.take(shell.sequence.gone("b"))
            servers[1].frames.clear()
        servers[which].step()
        if fill:
            shell.fill()
    while servers[0].step():
        pass
    shell.clean = False
    shell.take(shell.sequence.lost("b"))
    shell.take(shell.sequence.gone("b"))
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
