"""Rules of the channel's map that hold for every history, in every order of telling."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.channel_events import (
    ChannelClosed,
    ChannelOpened,
    CloseRequested,
    ExpirationMoved,
    Funded,
    Paid,
    Renewed,
)
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    ChannelFact,
    ChannelMissing,
    Position,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

ID = ChannelId("A" * 64)


def entry(amount: int, balance: int, expiration: int | None) -> ChannelEntry:
    """A channel in some state."""
    return ChannelEntry(
        channel=ID,
        source=Address("rSource"),
        destination=Address("rDestination"),
        amount=Drops(amount),
        balance=Drops(min(balance, amount)),
        public_key="ED",
        settle_delay=60,
        expiration=None if expiration is None else RippleTime(expiration),
    )


entries = st.builds(
    entry,
    st.integers(1, 1_000),
    st.integers(0, 1_000),
    st.none() | st.integers(800_000_000, 900_000_000),
)


@st.composite
def histories(draw: st.DrawFn) -> list[ChannelFact]:
    """A true history: states at rising places, reads between them, perhaps an end."""
    length = draw(st.integers(1, 8))
    ledgers = sorted(draw(st.lists(st.integers(5, 40), min_size=length, max_size=length)))
    facts: list[ChannelFact] = []
    amount = balance = 0
    for number, ledger in enumerate(ledgers):
        amount += draw(st.integers(0 if facts else 1, 100))
        balance = min(amount, balance + draw(st.integers(0, 50)))
        expiration = draw(st.none() | st.integers(800_000_000, 800_000_009))
        at = Position(LedgerIndex(ledger), number)
        facts.append(ChannelChanged(entry=entry(amount, balance, expiration), at=at))
    last = facts[-1]
    end = draw(st.sampled_from(["open", "deleted", "missing", "both"]))
    after = LedgerIndex(41)
    if end in ("deleted", "both") and isinstance(last, ChannelChanged):
        at, name = Position(after, 0), TxHash("B" * 64)
        facts.append(ChannelDeleted(entry=last.entry, at=at, transaction=name))
    if end in ("missing", "both"):
        for ledger in draw(st.lists(st.integers(41, 45), min_size=1, max_size=3)):
            place = Position(LedgerIndex(ledger), END_OF_LEDGER)
            facts.append(ChannelMissing(channel=ID, at=place))
    return facts


def told(facts: list[ChannelFact], start: Channel | None) -> Channel | None:
    """The state after ``facts``."""
    return reduce(lambda state, fact: observe(state, fact)[0], facts, start)


@given(histories(), st.data())
def test_any_order_and_repetition_of_the_facts_ends_in_the_same_state(
    facts: list[ChannelFact], data: st.DataObject
) -> None:
    """Late, repeated, shuffled: the state depends on the set of facts alone."""
    first, rest = facts[0], facts[1:]
    start, _ = observe(None, first)
    expected = told(rest, start)
    shuffled = data.draw(st.permutations(rest + rest[: data.draw(st.integers(0, len(rest)))]))
    assert told([*shuffled, first], start) == expected
    if not any(isinstance(fact, ChannelMissing) for fact in facts):
        # Even before the channel was ever seen.
        assert told(data.draw(st.permutations(facts)), None) == expected


@given(histories())
def test_observing_twice_is_observing_once(facts: list[ChannelFact]) -> None:
    """A repeated fact changes nothing and tells nothing."""
    state: Channel | None = None
    for fact in facts:
        state, _ = observe(state, fact)
        assert observe(state, fact) == (state, ())


@given(histories())
def test_events_add_up_to_the_state(facts: list[ChannelFact]) -> None:
    """Opening, payments, fundings and expirations, told one by one, make the last state."""
    state: Channel | None = None
    amount, balance, expiration = 0, 0, None
    open_ends = 0
    for fact in facts:
        state, events = observe(state, fact)
        for event in events:
            match event:
                case ChannelOpened() if isinstance(fact, ChannelChanged):
                    amount, balance = fact.entry.amount, fact.entry.balance
                case Funded():
                    amount += event.drops
                case Paid():
                    balance += event.drops
                case CloseRequested():
                    assert expiration is None
                    expiration = event.expiration
                case ExpirationMoved():
                    assert expiration == event.before != event.after
                    expiration = event.after
                case Renewed():
                    assert expiration is not None
                    expiration = None
                case ChannelClosed():
                    open_ends += 1
                case _:
                    raise AssertionError(event)
    assert state is not None
    assert (amount, balance, expiration) == (
        state.entry.amount,
        state.entry.balance,
        state.entry.expiration,
    )
    assert open_ends == (state.closed_at is not None)


@given(st.lists(st.tuples(st.integers(1, 9), entries), min_size=1))
def test_newest_place_wins(told_in: list[tuple[int, ChannelEntry]]) -> None:
    """Whatever the order, the state is that of the newest place, first told first taken."""
    state: Channel | None = None
    newest: dict[int, ChannelEntry] = {}
    for ledger, state_then in told_in:
        at = Position(LedgerIndex(ledger), 0)
        state, _ = observe(state, ChannelChanged(entry=state_then, at=at))
        newest.setdefault(ledger, state_then)
    assert state is not None
    assert state.as_of == Position(LedgerIndex(max(newest)), 0)
    assert state.entry == newest[max(newest)]
