"""What presses, in sums: those that counting anew would give, whatever changed in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from watchtower.guard.pressing import Pressing
from watchtower.judgement.judge import Judgement
from watchtower.judgement.protection import PayeeMissing, SettleDelayShort, Unprotectable
from watchtower.judgement.verdict import Closed, End, Expired, Threatened, Verdict, Watching
from watchtower.ledger.events import Position
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
CHANNELS = [ChannelId(f"{number:064X}") for number in range(4)]


PROTECTABLE: tuple[Unprotectable, ...] = ()
TOO_SHORT = (SettleDelayShort(settle_delay=60, minimum=300),)
MISSING = (PayeeMissing(destination=PAYEE),)


def threatened(at_stake: int, deadline: int, by: End = End.EXPIRATION) -> Threatened:
    """A channel that will end a margin after its deadline."""
    return Threatened(
        at_stake=Drops(at_stake),
        by=by,
        ends_at=RippleTime(deadline + 120),
        deadline=RippleTime(deadline),
        slack=60,
    )


def judgement(
    channel: ChannelId, verdict: Verdict, *, unprotectable: tuple[Unprotectable, ...] = PROTECTABLE
) -> Judgement:
    """What is thought of a channel."""
    at_stake = verdict.at_stake if isinstance(verdict, Threatened | Watching) else Drops(0)
    return Judgement(
        channel=channel,
        ledger_time=RippleTime(0),
        as_of=Position(LedgerIndex(1), 0),
        verdict=verdict,
        at_stake=at_stake,
        target=Drops(0),
        deadline=None,
        redeem_why=None,
        unprotectable=unprotectable,
    )


verdicts = st.one_of(
    st.builds(threatened, st.integers(1, 9), st.integers(1, 5), st.sampled_from(End)),
    st.builds(Watching, at_stake=st.integers(1, 9).map(Drops)),
    st.just(Expired(by=End.EXPIRATION, ended_at=RippleTime(9), lost=Drops(3))),
    st.just(Closed(paid=Drops(0), lost=Drops(5), exact=True)),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(CHANNELS),
        st.none() | verdicts,
        st.sampled_from((PROTECTABLE, TOO_SHORT, MISSING)),
    ),
    max_size=40,
)


@given(steps)
def test_the_sums_are_those_of_counting_anew(
    made: list[tuple[ChannelId, Verdict | None, tuple[Unprotectable, ...]]],
) -> None:
    """After each change; and the nearest deadline is the least of those that stand."""
    pressing, kept = Pressing(), dict[ChannelId, Judgement]()
    for channel, verdict, unprotectable in made:
        after = None
        if verdict is not None:
            after = judgement(channel, verdict, unprotectable=unprotectable)
        pressing.changed(channel, kept.pop(channel, None), after)
        if after is not None:
            kept[channel] = after
        open_ = [one for one in kept.values() if not isinstance(one.verdict, Closed)]
        unsafe = [one for one in open_ if not one.protectable]
        ending = [one.verdict for one in open_ if isinstance(one.verdict, Threatened)]
        names = [type(one.verdict).__name__.lower() for one in kept.values()]
        assert {n: c for n, c in pressing.verdicts.items() if c} == {
            name: names.count(name) for name in names
        }
        assert pressing.unprotectable == len(unsafe)
        assert pressing.unprotectable_at_stake == sum(one.at_stake for one in unsafe)
        assert pressing.threatened_at_stake == sum(verdict.at_stake for verdict in ending)
        assert pressing.nearest == min((verdict.deadline for verdict in ending), default=None)
        promised = [
            one.verdict.deadline
            for one in open_
            if isinstance(one.verdict, Threatened)
            if one.unprotectable != TOO_SHORT or one.verdict.by is End.CANCEL_AFTER
        ]
        assert pressing.nearest_promised == min(promised, default=None)


def test_a_payer_who_moves_its_request_all_day_costs_no_room() -> None:
    """Each move is a transaction of its own, and cheap."""
    pressing, channel = Pressing(), CHANNELS[0]
    before = judgement(channel, threatened(1, 1))
    pressing.changed(channel, None, before)
    for deadline in range(10_000, 1, -1):
        after = structs.replace(before, verdict=threatened(1, deadline + 1))
        pressing.changed(channel, before, after)
        before = after
    assert len(pressing._ends._sorted) < 2_000
    assert pressing.nearest == 3
