"""Rules of judging that hold for every channel, claim, time and policy."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.explain import explain
from watchtower.judgement.judge import RedeemWhy, judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.verdict import Closed, Expired, Settled, Threatened, Verdict, Watching
from watchtower.ledger.events import ChannelEntry, Position
from watchtower.units import (
    MAX_DROPS,
    MAX_LEDGER_TIME,
    Address,
    ChannelId,
    Drops,
    LedgerIndex,
    RippleTime,
)

ID = ChannelId("A" * 64)
times = st.integers(0, MAX_LEDGER_TIME).map(RippleTime)
amounts = st.integers(0, MAX_DROPS).map(Drops)
spans = st.integers(0, 2**33)
PRESSURE = {Settled: 0, Watching: 1, Threatened: 2, Expired: 3, Closed: 4}


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    """Any channel that a ledger can hold."""
    amount = draw(amounts)
    near = draw(times)
    around = st.integers(max(0, near - 9), min(MAX_LEDGER_TIME, near + 9)).map(RippleTime)
    entry = ChannelEntry(
        channel=ID,
        source=Address("rSource"),
        destination=Address("rDestination"),
        amount=amount,
        balance=Drops(draw(st.integers(0, amount))),
        public_key=draw(st.sampled_from(["ED" + "0" * 64, "02" + "0" * 64, "04", ""])),
        settle_delay=draw(st.integers(0, 2**32 - 1)),
        expiration=draw(st.none() | times | around),
        cancel_after=draw(st.none() | times | around),
    )
    place = Position(LedgerIndex(5), 1)
    return Channel(entry=entry, as_of=place, closed_at=draw(st.sampled_from([None, None, place])))


claims = st.none() | st.builds(
    Claim, channel=st.just(ID), amount=amounts, public_key=st.just(""), signature=st.just("")
)
policies = st.builds(
    Policy,
    margin=spans,
    cancel_after_lead=spans,
    min_settle_delay=spans,
    wrap_horizon=spans,
    exposure_limit=st.none() | amounts,
    redeem_every=st.none() | spans,
)


def pressure(verdict: Verdict) -> int:
    """How far a channel has gone towards its end."""
    return PRESSURE[type(verdict)]


@given(channels(), claims, times, policies, amounts)
def test_at_stake_is_never_negative_and_never_above_the_funds(
    channel: Channel, best: Claim | None, now: RippleTime, policy: Policy, waived: Drops
) -> None:
    """What redeeming would pay is there to be paid, and the target is within the funds."""
    judgement = judge(channel, best, ledger_time=now, policy=policy, waived=waived)
    entry = channel.entry
    assert 0 <= judgement.at_stake <= entry.amount - entry.balance
    assert entry.balance <= judgement.target <= entry.amount
    if best is not None:
        assert judgement.target <= max(best.amount, entry.balance)
    if judgement.redeem:
        assert judgement.at_stake == judgement.target - entry.balance > 0
    assert explain(judgement)


@given(channels(), st.tuples(amounts, amounts), times, policies)
def test_higher_claim_never_lowers_what_is_at_stake_or_the_pressure(
    channel: Channel, pair: tuple[Drops, Drops], now: RippleTime, policy: Policy
) -> None:
    """The best claim only grows, and so does what it is worth."""
    low, high = (
        judge(
            channel,
            Claim(channel=ID, amount=amount, public_key="", signature=""),
            ledger_time=now,
            policy=policy,
        )
        for amount in sorted(pair)
    )
    assert low.at_stake <= high.at_stake
    assert pressure(low.verdict) <= pressure(high.verdict)
    assert low.redeem <= high.redeem


@given(channels(), claims, st.tuples(times, times), policies)
def test_without_a_renewal_time_only_adds_pressure(
    channel: Channel, best: Claim | None, pair: tuple[RippleTime, RippleTime], policy: Policy
) -> None:
    """Watching, threatened, expired: never backwards, and slack only shrinks."""
    earlier, later = (judge(channel, best, ledger_time=now, policy=policy) for now in sorted(pair))
    assert pressure(earlier.verdict) <= pressure(later.verdict)
    if earlier.slack is not None and later.slack is not None:
        assert earlier.slack - later.slack == later.ledger_time - earlier.ledger_time
    assert len(earlier.unprotectable) <= len(later.unprotectable)


@given(channels(), claims, times, policies)
def test_threat_is_answered_until_the_very_end_and_not_beyond(
    channel: Channel, best: Claim | None, now: RippleTime, policy: Policy
) -> None:
    """An asked-for close with something at stake is redeemed at every second before its end."""
    entry = structs.replace(channel.entry, expiration=RippleTime(min(now + 1, MAX_LEDGER_TIME)))
    closing = structs.replace(
        channel, entry=structs.replace(entry, cancel_after=None), closed_at=None
    )
    before = judge(closing, best, ledger_time=RippleTime(now), policy=policy)
    stake = 0 if best is None else min(best.amount, entry.amount) - entry.balance
    if now < MAX_LEDGER_TIME:
        assert (before.redeem_why is RedeemWhy.THREATENED) == (stake > 0)
    after = judge(closing, best, ledger_time=RippleTime(now + 1), policy=policy)
    assert isinstance(after.verdict, Expired)
    assert not after.redeem


@given(channels(), claims, times, policies, st.booleans())
def test_protectability_limits_promises_and_never_deeds(
    channel: Channel,
    best: Claim | None,
    now: RippleTime,
    policy: Policy,
    payee_exists: bool,  # noqa: FBT001 - drawn
) -> None:
    """The same channel, promised or not, is redeemed alike."""
    careful = replace(policy, min_settle_delay=2**33, wrap_horizon=2**33)
    careless = replace(policy, min_settle_delay=0, wrap_horizon=0)
    one = judge(channel, best, ledger_time=now, policy=careful, payee_exists=payee_exists)
    two = judge(channel, best, ledger_time=now, policy=careless)
    assert not one.protectable
    assert (one.verdict, one.redeem_why, one.target) == (two.verdict, two.redeem_why, two.target)
