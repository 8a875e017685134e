"""What is at stake of each payer and in all: the sums are what counting anew would give."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.guard.test_watch import PAYEE, PAYER, changed, claim, closed, entry
from watchtower.guard.exposure import Exposure
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.policy import Policy
from watchtower.judgement.stake import at_stake
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelDeleted,
    ChannelEntry,
    ChannelMissing,
    Position,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

PAYERS = [PAYER, Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")]
MOST = Drops(15)


def channel(number: int, amount: int = 10, balance: int = 0) -> ChannelEntry:
    """Channels 1 and 2 are one payer's, 3 another's; 4 pays somebody else."""
    return entry(
        number,
        source=PAYERS[number == 3],
        destination=PAYERS[0] if number == 4 else PAYEE,
        amount=Drops(amount),
        balance=Drops(balance),
    )


def counted(watch: Watch) -> tuple[int, dict[Address, int], set[Address]]:
    """Everything counted from scratch."""
    sums: Counter[Address] = Counter()
    for known in watch.channels.values():
        if known.closed_at is None and known.entry.destination == PAYEE:
            best = watch.best.get(known.entry.channel)
            sums[known.entry.source] += at_stake(known.entry, best)
    above = {payer for payer, drops in sums.items() if drops > MOST}
    return sums.total(), dict(+sums), above


def told(exposure: Exposure) -> tuple[int, dict[Address, int], set[Address]]:
    """The same as the sums tell it."""
    payers = {payer: int(exposure.of_payer(payer)) for payer in PAYERS}
    return exposure.total, {p: d for p, d in payers.items() if d}, set(exposure.above)


NUMBERS = st.integers(min_value=1, max_value=4)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["there", "adopt"]), NUMBERS, st.integers(1, 30), st.integers(0, 12)),
    st.tuples(st.just("claim"), NUMBERS, st.integers(1, 30), st.just(0)),
    st.tuples(st.sampled_from(["gone", "missing", "forget"]), NUMBERS, st.just(0), st.just(0)),
)


@given(st.lists(STEPS, max_size=30), st.booleans(), st.sampled_from([2, 2, 5, 12]))
def test_sums_are_what_counting_anew_gives(
    steps: list[tuple[str, int, int, int]],
    payers_are_ours: bool,  # noqa: FBT001 - hypothesis gives it so
    begins_at: int,
) -> None:
    """Whatever opens, is claimed, pays, is funded, vanishes, comes back or is let go."""
    watch = Watch([PAYEE], Policy(), payers=PAYERS if payers_are_ours else [])
    watch.ledger_closed(closed(1))
    exposure = watch.incoming.exposure
    for at, (what, number, amount, balance) in enumerate(steps, start=2):
        name = ChannelId(f"{number:064X}")
        if at == begins_at:
            exposure.begin(MOST)
        place = Position(LedgerIndex(at), END_OF_LEDGER)
        found = channel(number, amount, min(amount, balance))
        if what == "there":
            watch.learn(changed(at, found))
        elif what == "claim":
            watch.raise_best(claim(amount, number))
        elif what == "gone":
            watch.learn(ChannelDeleted(entry=found, at=place, transaction=TxHash("B" * 64)))
        elif what == "missing":
            watch.learn(ChannelMissing(channel=name, at=place))
        elif what == "forget":
            watch.forget(name)
        else:
            watch.adopt(Channel(entry=found, as_of=place))
        assert told(exposure) == (counted(watch) if at >= begins_at else (0, {}, set()))


def test_a_start_counts_what_the_store_remembers() -> None:
    """And nothing twice when it is told again by the ledger."""
    first = Watch([PAYEE], Policy())
    for number in (1, 2, 3, 4):
        first.learn(changed(5, channel(number)))
    watch = Watch(
        [PAYEE],
        Policy(),
        channels=first.channels.values(),
        claims=[claim(10, number) for number in (1, 2, 3, 4)],
    )
    watch.incoming.exposure.begin()
    watch.incoming.exposure.begin(MOST)
    watch.learn(changed(6, channel(1)))
    assert told(watch.incoming.exposure) == (30, {PAYERS[0]: 20, PAYERS[1]: 10}, {PAYERS[0]})


def test_what_has_expired_counts_until_it_is_gone() -> None:
    """A payer that let us lose money is not trusted with more at once."""
    watch = Watch([PAYEE], Policy())
    watch.incoming.exposure.begin()
    ending = replace(channel(1), expiration=RippleTime(820_540_900))
    watch.learn(changed(5, ending))
    watch.raise_best(claim(10))
    watch.ledger_closed(closed(6, 820_541_000))
    watch.judge()
    assert (watch.incoming.at_stake, watch.incoming.exposure.total) == (0, 10)
    place = Position(LedgerIndex(7), 1)
    watch.learn(ChannelDeleted(entry=ending, at=place, transaction=TxHash("B" * 64)))
    assert watch.incoming.exposure.total == 0
