"""Every frame of every recording, decoded, observed and judged, against what the server says.

The recordings are what a real xrpld 3.1.1 sent. Channel states are built from the stream's
metadata alone; wherever the same server later shows an entry (``ledger_entry``,
``account_objects``, ``account_channels``) or says that it has none, the two must be equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from watchtower.judgement.channel import Channel, observe, phase
from watchtower.judgement.channel_events import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    CloseRequested,
    ExpirationMoved,
    Funded,
    Paid,
    Renewed,
)
from watchtower.judgement.claim import Claim, Verified, verify
from watchtower.judgement.estate import Estate, account_of, learn
from watchtower.judgement.explain import explain
from watchtower.judgement.judge import Judgement, RedeemWhy, judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import SettleDelayWraps
from watchtower.judgement.verdict import (
    Closed,
    Expired,
    Settled,
    SettledWhy,
    Threatened,
    Watching,
)
from watchtower.ledger.account_entries import account_entry
from watchtower.ledger.decode import decode_entry, decode_ledger_closed, decode_transaction
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AccountFact,
    ChannelChanged,
    ChannelEntry,
    ChannelFact,
    ChannelMissing,
    Fact,
    Position,
    SeatUsed,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

DATA = Path(__file__).parent.parent / "data"
RECORDINGS = sorted((DATA / "recordings").glob("*.jsonl"))
REAL = sorted((DATA / "real").glob("*.json"))
POLICY = Policy()


def frames(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield direction and message of each line of a recording."""
    with (DATA / "recordings" / f"{name}.jsonl").open() as lines:
        for line in lines:
            frame = json.loads(line)
            yield frame["dir"], frame["msg"]


def rows(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield everything in a frame that may be a transaction."""
    yield message
    result = message.get("result")
    if isinstance(result, Mapping):
        yield result
        yield from result.get("transactions", ())


def claim_of(row: Mapping[str, Any]) -> Claim | None:
    """Return the signed claim inside a transaction, if it has one."""
    fields = row.get("tx_json") or row.get("transaction") or row.get("tx") or row
    if not isinstance(fields, Mapping) or "Signature" not in fields:
        return None
    return Claim(
        channel=ChannelId(fields["Channel"]),
        amount=Drops(int(fields.get("Amount", fields["Balance"]))),
        public_key=fields["PublicKey"],
        signature=fields["Signature"],
    )


@dataclass
class Replay:
    """The states that facts lead to, and what happened on the way, ledger by ledger."""

    best: dict[ChannelId, Claim] = field(default_factory=dict)
    channels: dict[ChannelId, Channel] = field(default_factory=dict)
    estates: dict[Address, Estate] = field(default_factory=dict)
    events: list[ChannelEvent] = field(default_factory=list)
    seats: list[SeatUsed] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    close_times: dict[LedgerIndex, RippleTime] = field(default_factory=dict)
    compared: int = 0
    accounts_compared: int = 0

    def take(self, facts: Iterable[Fact]) -> None:
        """Observe ``facts``."""
        for fact in facts:
            if isinstance(fact, SeatUsed):
                self.seats.append(fact)
            elif isinstance(fact, AccountFact):
                account = account_of(fact)
                self.estates[account] = learn(self.estates.get(account), fact)
            elif isinstance(fact, ChannelFact):
                self.observe(fact)

    def observe(self, fact: ChannelFact) -> None:
        """Observe one fact about a channel."""
        channel = fact.channel if isinstance(fact, ChannelMissing) else fact.entry.channel
        after, events = observe(self.channels.get(channel), fact)
        if after is not None:
            self.channels[channel] = after
        self.events.extend(events)

    def judge_all(self, ledger_time: RippleTime) -> None:
        """Judge every channel, and hold the rules that hold for every judgement."""
        for identity, channel in self.channels.items():
            best = self.best.get(identity)
            judgement = judge(channel, best, ledger_time=ledger_time, policy=POLICY)
            self.judgements.append(judgement)
            unpaid = channel.entry.amount - channel.entry.balance
            assert 0 <= judgement.at_stake <= unpaid
            assert judgement.redeem <= (judgement.at_stake > 0)
            expired = phase(channel, ledger_time) == "expired"
            assert isinstance(judgement.verdict, Expired) == expired
            assert isinstance(judgement.verdict, Closed) == (channel.closed_at is not None)
            assert explain(judgement).startswith("At ledger time ")

    def compare(self, shown: ChannelEntry) -> None:
        """Compare one entry that the server shows with what its stream had led to."""
        assert self.channels[shown.channel].entry == shown
        assert self.channels[shown.channel].closed_at is None
        self.compared += 1

    def of(self, channel: ChannelId) -> list[ChannelEvent]:
        """Return what happened to ``channel``."""
        return [event for event in self.events if event.channel == channel]

    def at(self, ledger_time: int, channel: ChannelId) -> Judgement:
        """Return the judgement of ``channel`` at ``ledger_time``."""
        [found] = [
            j for j in self.judgements if j.channel == channel and j.ledger_time == ledger_time
        ]
        return found


def replay(name: str) -> Replay:
    """Play a recording; its best claims are known from the beginning."""
    state = Replay()
    for _, message in frames(name):
        for row in rows(message):
            claim = claim_of(row)
            if claim is not None and isinstance(verify(claim), Verified):
                kept = state.best.get(claim.channel)
                if kept is None or claim.amount > kept.amount:
                    state.best[claim.channel] = claim
    requests: dict[int, dict[str, Any]] = {}
    for direction, message in frames(name):
        if direction == "send":
            requests[message["id"]] = message
        if direction == "recv":
            receive(state, message, requests.get(message.get("id", 0), {}))
    # A second after everything: the last facts are judged too.
    state.judge_all(RippleTime(max(state.close_times.values(), default=0) + 1))
    return state


def receive(state: Replay, message: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Take one frame from the server."""
    closed = decode_ledger_closed(message)
    if closed is not None:
        # The transactions of this ledger are still on their way: what is judged now is the
        # state before them, for the time by which the next ledger will be judged.
        state.close_times[closed.ledger_index] = closed.close_time
        state.judge_all(closed.close_time)
    state.take(decode_transaction(message))
    answer = message.get("result")
    if isinstance(answer, Mapping):
        answered(state, answer, request)
    elif message.get("error") == "entryNotFound" and "payment_channel" in request:
        known = state.channels.get(request["payment_channel"])
        assert known is None or known.closed_at is not None
        state.compared += 1


def answered(state: Replay, answer: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Compare an answer that shows channels with the states that the stream had led to."""
    state.take(decode_transaction(answer))
    shown = [decode_entry(node) for node in (answer.get("node"),) if node is not None]
    objects = [decode_entry(node) for node in answer.get("account_objects", ())]
    for entry in (*shown, *objects):
        if entry is not None:
            state.compare(entry)
    if request.get("type") == "payment_channel" and not {"marker"} & {*request, *answer}:
        account = answer["account"]
        mine = {
            channel.entry
            for channel in state.channels.values()
            if channel.closed_at is None
            and account in (channel.entry.source, channel.entry.destination)
        }
        assert {entry for entry in objects if entry is not None} == mine
    compare_account(state, answer, request)
    for listed in answer.get("channels", ()):
        entry = state.channels[listed["channel_id"]].entry
        assert listed["destination_account"] == entry.destination
        assert int(listed["amount"]) == entry.amount
        assert int(listed["balance"]) == entry.balance
        assert listed["settle_delay"] == entry.settle_delay
        assert listed.get("expiration") == entry.expiration
        assert listed.get("cancel_after") == entry.cancel_after
        assert listed["public_key_hex"] == entry.public_key
        state.compared += 1


def compare_account(state: Replay, answer: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Compare an answer that shows an account, or its tickets, with what metadata had told."""
    if "account_data" in answer and request["ledger_index"] == "validated":
        shown = account_entry(answer["account_data"])
        assert state.estates[shown.account].entry == shown
        state.accounts_compared += 1
    nodes = answer.get("account_objects", ())
    tickets = [node["TicketSequence"] for node in nodes if node["LedgerEntryType"] == "Ticket"]
    if tickets:
        assert state.estates[answer["account"]].tickets == tuple(sorted(tickets))
        state.accounts_compared += 1


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_states_from_the_stream_equal_the_entries_the_server_shows(path: Path) -> None:
    """Each entry shown later equals the state that metadata had led to, in API v1 and v2."""
    state = replay(path.stem)
    closed = [m for d, m in frames(path.stem) if d == "recv" and m.get("type") == "ledgerClosed"]
    assert len(state.close_times) == len({m["ledger_index"] for m in closed})
    streamed = [m for d, m in frames(path.stem) if d == "recv" and m.get("validated") is True]
    named = {m.get("hash") or m["transaction"]["hash"] for m in streamed if "meta" in m}
    assert named <= {seat.transaction for seat in state.seats}


def test_recordings_hold_as_many_comparisons_as_were_counted_in_them() -> None:
    """The comparisons above are real: their number is what the recordings contain."""
    replayed = [replay(path.stem) for path in RECORDINGS]
    compared = {path.stem: state.compared for path, state in zip(RECORDINGS, replayed, strict=True)}
    assert len(compared) == 22
    assert compared["lifecycle_api_v1"] == compared["lifecycle_secp256k1"] == 9
    assert compared["many_close_at_once"] == 40
    assert sum(compared.values()) == 105
    assert sum(state.accounts_compared for state in replayed) == 5


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_replayed_backwards_and_twice_the_facts_lead_to_the_same_states(path: Path) -> None:
    """Late, repeated and disordered facts change nothing in the end."""
    facts: list[Fact] = []
    for direction, message in frames(path.stem):
        if direction == "recv":
            for row in rows(message):
                facts.extend(decode_transaction(row))
    forward, backward = Replay(), Replay()
    forward.take(facts)
    backward.take([*reversed(facts), *facts])
    assert forward.channels == backward.channels
    assert forward.estates == backward.estates


@pytest.mark.parametrize("name", ["lifecycle_api_v1", "lifecycle_ed25519", "lifecycle_secp256k1"])
def test_history_leads_to_the_same_states_as_the_stream(name: str) -> None:
    """``account_tx`` alone, read after the fact, gives what the live stream gave."""
    live, later = Replay(), Replay()
    for direction, message in frames(name):
        if direction == "recv":
            live.take(decode_transaction(message))
            for row in message.get("result", {}).get("transactions", ()):
                later.take(decode_transaction(row))
    assert live.channels
    assert live.channels == later.channels
    assert [type(event) for event in live.events] == [type(event) for event in later.events]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_each_claim_that_paid_is_verified_as_it_stands(path: Path) -> None:
    """What the ledger took, we take, without touching it."""
    for direction, message in frames(path.stem):
        claim = claim_of(message)
        if direction == "recv" and claim is not None and message["engine_result"] == "tesSUCCESS":
            assert verify(claim) == Verified(claim=claim, rescued=False)


def test_lifecycle_is_told_event_by_event() -> None:
    """Open, pay, pay, fund, ask to close, pay, and closed by a third account."""
    for name in ("lifecycle_api_v1", "lifecycle_ed25519", "lifecycle_secp256k1"):
        state = replay(name)
        [channel] = state.channels
        events = state.of(channel)
        assert [type(event) for event in events] == [
            ChannelOpened, Paid, Paid, Funded, CloseRequested, Paid, ChannelClosed,
        ]  # fmt: skip
        assert [e.drops for e in events if isinstance(e, Paid | Funded)] == [
            10_000_000, 5_000_000, 50_000_000, 25_000_000,
        ]  # fmt: skip
        [end] = [event for event in events if isinstance(event, ChannelClosed)]
        assert (end.paid, end.returned) == (40_000_000, 110_000_000)


def test_late_claim_reports_success_and_pays_nothing() -> None:
    """After CancelAfter a claim is ``tesSUCCESS``; the balance says it paid nothing."""
    state = replay("cancel_after_passes")
    [channel] = state.channels
    last = state.seats[-1]
    assert last.result == "tesSUCCESS"
    assert isinstance(state.events[-1], ChannelClosed)
    assert state.events[-1].at == last.at
    assert not [event for event in state.of(channel) if isinstance(event, Paid)]
    final = judge(
        state.channels[channel],
        state.best[channel],
        ledger_time=RippleTime(820_540_900),
        policy=POLICY,
    )
    assert final.verdict == Closed(paid=Drops(0), lost=state.best[channel].amount, exact=True)
    before = state.at(state.close_times[LedgerIndex(last.at.ledger_index - 1)], channel)
    assert isinstance(before.verdict, Expired)
    assert not before.redeem


def test_one_second_decides_and_the_judge_knows_which() -> None:
    """At PCT = Expiration - 1 the claim pays; at 0 and +1 it does not, and we say so before."""
    state = replay("the_last_second")
    seen = []
    for channel, closing in state.channels.items():
        [asked] = [e for e in state.of(channel) if isinstance(e, CloseRequested)]
        paid = [event for event in state.of(channel) if isinstance(event, Paid)]
        answer = next(
            event
            for event in reversed(state.of(channel))
            if isinstance(event, Paid | ChannelClosed)
        )
        parent = state.close_times[LedgerIndex(answer.at.ledger_index - 1)]
        verdict = state.at(parent, channel).verdict
        seen.append((parent - asked.expiration, type(verdict), bool(paid)))
        assert closing.entry.expiration == asked.expiration
    assert sorted(seen) == [(-1, Threatened, True), (0, Expired, False), (1, Expired, False)]


def test_renewed_channel_is_no_longer_threatened() -> None:
    """A payer who pays out a stale claim, asks to close and renews: the verdict follows."""
    state = replay("stale_claim_and_close_by_source")
    [channel] = state.channels
    assert [type(event) for event in state.of(channel)] == [
        ChannelOpened, Paid, CloseRequested, Paid, Renewed,
    ]  # fmt: skip
    [asked] = [event for event in state.events if isinstance(event, CloseRequested)]
    [renewed] = [event for event in state.events if isinstance(event, Renewed)]
    threatened = state.at(state.close_times[LedgerIndex(asked.at.ledger_index + 1)], channel)
    assert isinstance(threatened.verdict, Threatened)
    assert threatened.at_stake == 25_000_000
    assert threatened.redeem_why is RedeemWhy.THREATENED
    more = Claim(channel=channel, amount=Drops(31_000_000), public_key="", signature="")
    time = state.close_times[renewed.at.ledger_index]
    after = judge(state.channels[channel], more, ledger_time=time, policy=POLICY)
    assert after.verdict == Watching(at_stake=Drops(1_000_000))


def test_expiration_moved_by_fund_is_seen_out_and_back() -> None:
    """A Fund moves the expiration far out and pulls it in again; repeated closes say nothing."""
    state = replay("close_requested_again_and_again")
    [channel] = state.channels
    moved = [event for event in state.of(channel) if isinstance(event, ExpirationMoved)]
    assert [event.after for event in moved] == [820_630_805, 820_541_505]
    assert len([event for event in state.of(channel) if isinstance(event, CloseRequested)]) == 1


def test_wrapping_settle_delay_leaves_no_window_and_was_called_unprotectable() -> None:
    """Two expire before they were asked to; the payee's answer in the next ledger is too late."""
    state = replay("settle_delay_wraps")
    today = Policy(wrap_horizon=0)
    seen = {}
    for channel, last in state.channels.items():
        opened = state.of(channel)[0]
        time = state.close_times[opened.at.ledger_index]
        reasons = judge(last, None, ledger_time=time, policy=today).unprotectable
        closed = [event for event in state.of(channel) if isinstance(event, ChannelClosed)]
        asked = [event for event in state.of(channel) if isinstance(event, CloseRequested)]
        wraps = any(isinstance(reason, SettleDelayWraps) for reason in reasons)
        seen[last.entry.settle_delay] = wraps
        assert wraps == bool(closed)
        if closed:
            assert closed[0].paid == 0
            assert closed[0].at.ledger_index == asked[0].at.ledger_index + 1
            assert asked[0].expiration < state.close_times[asked[0].at.ledger_index]
        assert isinstance(
            judge(last, None, ledger_time=time, policy=POLICY).unprotectable[0], SettleDelayWraps
        )
    assert seen == {4_294_967_295: True, 3_474_427_000: True, 3_474_426_000: False}


def test_claim_above_the_funds_sleeps_when_all_is_paid_and_wakes_with_the_next_fund() -> None:
    """80 XRP promised, 50 there: all 50 are paid, then 20 more when the payer adds them."""
    state = replay("promised_more_than_the_channel_holds")
    [channel] = state.channels
    assert state.best[channel].amount == 80_000_000
    paid = [event for event in state.of(channel) if isinstance(event, Paid)]
    assert [event.drops for event in paid] == [50_000_000, 20_000_000]
    [funded] = [event for event in state.of(channel) if isinstance(event, Funded)]
    asleep = state.at(state.close_times[funded.at.ledger_index], channel)
    assert asleep.verdict == Settled(why=SettledWhy.FUNDS_EXHAUSTED, unfunded=Drops(30_000_000))
    awake = state.at(state.close_times[LedgerIndex(funded.at.ledger_index + 1)], channel)
    assert awake.at_stake == 20_000_000


def test_forty_closing_at_once_are_all_threatened() -> None:
    """Each of forty channels that close together is seen and judged."""
    state = replay("many_close_at_once")
    asked = [event for event in state.events if isinstance(event, CloseRequested)]
    assert len({event.channel for event in asked}) == 40


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_transactions_and_entries_are_read_and_judged(path: Path) -> None:
    """Mainnet, testnet and devnet: channel facts where a channel was touched, and judged."""
    real = json.loads(path.read_text())
    state = Replay()
    if real["kind"] == "ledger_entry":
        entry = decode_entry(real["node"])
        assert entry is not None
        assert entry.amount == int(real["node"]["Amount"])
        assert entry.expiration == real["node"].get("Expiration")
        place = Position(LedgerIndex(real["node"]["_ledger_index"]), END_OF_LEDGER)
        state.observe(ChannelChanged(entry=entry, at=place))
        state.judge_all(RippleTime(544_860_570))
        assert isinstance(state.judgements[0].verdict, Settled)
        state.judge_all(RippleTime(544_860_571))
        assert isinstance(state.judgements[1].verdict, Expired) == (entry.expiration is not None)
        return
    facts = decode_transaction({**real, "validated": True})
    state.take(facts)
    touched = [
        next(iter(node.values()))["LedgerIndex"]
        for node in real["meta"]["AffectedNodes"]
        if next(iter(node.values()))["LedgerEntryType"] == "PayChannel"
    ]
    assert list(state.channels) == touched
    assert [seat.result for seat in state.seats] == [real["meta"]["TransactionResult"]]
    claim = claim_of(real)
    if claim is not None:
        assert verify(claim) == Verified(claim=claim, rescued=False)
        state.best[claim.channel] = claim
    for channel in state.channels.values():
        payee = channel.entry.destination
        assert decode_transaction({**real, "validated": True}, {payee})[0] == facts[0]
        assert decode_transaction({**real, "validated": True}, {Address("rNobody")}) == ()
        state.judge_all(RippleTime(830_000_000))


def test_a_real_signer_list_is_known_by_its_index() -> None:
    """A node of xrpld 3.1.1 whose index is the hash of its owner's account."""
    [payee] = [e for e in replay("regular_key_and_multisign").estates.values() if e.signers]
    assert payee.account == "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"
    assert payee.signers is not None
    assert payee.signers.quorum == 2
    assert [weight for _, weight in payee.signers.signers] == [1, 1, 1]
