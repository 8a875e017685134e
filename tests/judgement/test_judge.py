"""The judge: each verdict at its border, to the second and to the drop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.judge import Judgement, RedeemWhy, judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.verdict import (
    Closed,
    End,
    Expired,
    Settled,
    SettledWhy,
    Threatened,
    Watching,
)
from watchtower.ledger.events import END_OF_LEDGER, ChannelEntry, Position
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

ID = ChannelId("A" * 64)
ENTRY = ChannelEntry(
    channel=ID,
    source=Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ"),
    destination=Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX"),
    amount=Drops(100),
    balance=Drops(10),
    public_key="ED" + "0" * 64,
    settle_delay=3600,
)
PLACE = Position(LedgerIndex(5), 1)
NOW = 820_000_000
POLICY = Policy()


def channel(**changes: int) -> Channel:
    """An open channel that holds 100 drops and has paid 10."""
    entry = structs.replace(ENTRY, **changes)
    return Channel(entry=entry, as_of=PLACE)


def claim(amount: int) -> Claim:
    """A claim for ``amount``; its signature was verified when it was kept."""
    return Claim(channel=ID, amount=Drops(amount), public_key="ED", signature="00")


def judged(
    subject: Channel, amount: int | None, now: int = NOW, policy: Policy = POLICY, waived: int = 0
) -> Judgement:
    """Judge ``subject`` with a claim for ``amount``."""
    best = None if amount is None else claim(amount)
    time = RippleTime(now)
    return judge(subject, best, ledger_time=time, policy=policy, waived=Drops(waived))


@pytest.mark.parametrize(
    ("amount", "waived", "stake"),
    [(60, 0, 50), (100, 0, 90), (250, 0, 90), (11, 0, 1), (60, 20, 30), (60, 49, 1)],
)
def test_at_stake_is_what_redeeming_would_pay(amount: int, waived: int, stake: int) -> None:
    """The claim or the funds, less what was paid and waived."""
    judgement = judged(channel(), amount, waived=waived)
    assert judgement.verdict == Watching(at_stake=Drops(stake))
    assert judgement.at_stake == stake
    assert judgement.target == 10 + stake
    assert not judgement.redeem


@pytest.mark.parametrize(
    ("amount", "balance", "waived", "why", "unfunded"),
    [
        (None, 10, 0, SettledWhy.NO_CLAIM, 0),
        (10, 10, 0, SettledWhy.PAID, 0),
        (5, 10, 0, SettledWhy.PAID, 0),
        (100, 100, 0, SettledWhy.PAID, 0),
        (60, 10, 50, SettledWhy.PAID, 0),
        (60, 10, 99, SettledWhy.PAID, 0),
        (120, 100, 0, SettledWhy.FUNDS_EXHAUSTED, 20),
        (120, 10, 90, SettledWhy.PAID, 20),
    ],
)
def test_settled_says_why_nothing_is_at_stake(
    amount: int | None, balance: int, waived: int, why: SettledWhy, unfunded: int
) -> None:
    """No claim, all paid, or no funds left for what was promised above them."""
    judgement = judged(channel(balance=balance), amount, waived=waived)
    assert judgement.verdict == Settled(why=why, unfunded=Drops(unfunded))
    assert judgement.at_stake == 0
    assert judgement.target == balance


def test_claim_above_the_funds_wakes_when_funds_are_added() -> None:
    """Exhausted funds put the obligation to sleep, and do not end it."""
    asleep = channel(balance=100, expiration=NOW + 600)
    assert isinstance(judged(asleep, 120).verdict, Settled)
    awake = judged(
        structs.replace(asleep, entry=structs.replace(asleep.entry, amount=Drops(115))), 120
    )
    assert isinstance(awake.verdict, Threatened)
    assert awake.at_stake == 15


@pytest.mark.parametrize("left", [10_000_000, 121, 120, 119, 1])
def test_expiration_threatens_from_the_moment_it_is_set(left: int) -> None:
    """Far away or past the margin: redeem, with every effort, until the end is reached."""
    judgement = judged(channel(expiration=NOW + left), 60)
    assert judgement.verdict == Threatened(
        at_stake=Drops(50),
        by=End.EXPIRATION,
        ends_at=RippleTime(NOW + left),
        deadline=RippleTime(NOW + left - 120),
        slack=left - 120,
    )
    assert judgement.redeem_why is RedeemWhy.THREATENED
    assert judgement.slack == left - 120


@pytest.mark.parametrize("after", [0, 1, 5_000])
@pytest.mark.parametrize("end", ["expiration", "cancel_after"])
def test_at_the_second_of_its_end_redeeming_pays_nothing(after: int, end: str) -> None:
    """The strict comparison: at equality the channel counts as expired."""
    judgement = judged(channel(**{end: NOW - after}), 60)
    assert judgement.verdict == Expired(
        by=End(end), ended_at=RippleTime(NOW - after), lost=Drops(50)
    )
    assert not judgement.redeem
    assert judgement.at_stake == 0


@pytest.mark.parametrize(("left", "threatened"), [(21_601, False), (21_600, True), (1, True)])
def test_cancel_after_threatens_hours_ahead(left: int, threatened: bool) -> None:  # noqa: FBT001 - a table
    """No event announces it, so the policy's lead does."""
    judgement = judged(channel(cancel_after=NOW + left), 60)
    assert isinstance(judgement.verdict, Threatened) == threatened
    assert judgement.redeem == threatened
    assert judgement.slack == left - 120


def test_lead_is_never_shorter_than_the_margin() -> None:
    """A careless lead cannot make CancelAfter come unannounced."""
    policy = Policy(cancel_after_lead=0)
    assert isinstance(
        judged(channel(cancel_after=NOW + 120), 60, policy=policy).verdict, Threatened
    )
    assert isinstance(judged(channel(cancel_after=NOW + 121), 60, policy=policy).verdict, Watching)


def test_earlier_end_counts_when_there_are_two() -> None:
    """An Expiration behind CancelAfter gives no more time, and one before it takes some."""
    both = judged(channel(expiration=NOW + 5_000_000, cancel_after=NOW + 4_000_000), 60)
    assert both.deadline is not None
    assert both.deadline.by is End.CANCEL_AFTER
    first = judged(channel(expiration=NOW + 300, cancel_after=NOW + 4_000_000), 60)
    assert isinstance(first.verdict, Threatened)
    assert first.verdict.by is End.EXPIRATION


def test_channel_asked_to_close_is_threatened_even_if_cancel_after_comes_first() -> None:
    """Whoever asks to close is taken at their word, whichever end comes first."""
    both = channel(expiration=NOW + 5_000_000, cancel_after=NOW + 4_000_000)
    assert judged(both, 60).redeem


def test_nothing_at_stake_is_settled_whatever_presses() -> None:
    """No transaction is sent for nothing; the deadline is told all the same."""
    judgement = judged(channel(expiration=NOW + 300), 10)
    assert isinstance(judgement.verdict, Settled)
    assert not judgement.redeem
    assert judgement.slack == 180


def test_exposure_above_the_limit_is_redeemed() -> None:
    """More than the limit, not as much as the limit."""
    policy = Policy(exposure_limit=Drops(50))
    assert judged(channel(), 60, policy=policy).redeem_why is None
    assert judged(channel(), 61, policy=policy).redeem_why is RedeemWhy.EXPOSURE
    assert judged(channel(), 5, policy=policy).redeem_why is None


@pytest.mark.parametrize(
    ("last", "amount", "why"),
    [
        (None, 60, RedeemWhy.SCHEDULE),
        (NOW - 86_400, 60, RedeemWhy.SCHEDULE),
        (NOW - 86_399, 60, None),
        (None, 10, None),
    ],
)
def test_schedule_redeems_what_is_at_stake(
    last: int | None, amount: int, why: RedeemWhy | None
) -> None:
    """Once the last redemption is old enough in ledger time, and only if something is there."""
    judgement = judge(
        channel(),
        claim(amount),
        ledger_time=RippleTime(NOW),
        policy=Policy(redeem_every=86_400),
        last_redeemed=None if last is None else RippleTime(last),
    )
    assert judgement.redeem_why is why


def test_threat_comes_before_policy() -> None:
    """Whoever reads the reason sees the most pressing one."""
    policy = Policy(exposure_limit=Drops(0), redeem_every=1)
    assert judged(channel(expiration=NOW + 300), 60, policy=policy).redeem_why is (
        RedeemWhy.THREATENED
    )
    assert judged(channel(), 60, policy=policy).redeem_why is RedeemWhy.EXPOSURE


@pytest.mark.parametrize(("amount", "lost"), [(None, 0), (10, 0), (60, 50), (200, 90)])
def test_closed_channel_tells_what_was_lost(amount: int | None, lost: int) -> None:
    """Seen to close: exactly what the best claim was not paid."""
    closed = structs.replace(channel(expiration=NOW + 300), closed_at=PLACE)
    judgement = judged(closed, amount)
    assert judgement.verdict == Closed(paid=Drops(10), lost=Drops(lost), exact=True)
    assert judgement.deadline is None
    assert not judgement.redeem


def test_missing_channel_is_closed_and_its_loss_is_an_upper_bound() -> None:
    """Nobody saw it go; it may have paid more at the end."""
    gone = structs.replace(channel(), closed_at=Position(LedgerIndex(9), END_OF_LEDGER))
    assert judged(gone, 60).verdict == Closed(paid=Drops(10), lost=Drops(50), exact=False)


def test_unprotectable_channel_is_redeemed_like_any_other() -> None:
    """What cannot be promised is done all the same."""
    judgement = judge(
        channel(settle_delay=0, expiration=NOW + 1),
        claim(60),
        ledger_time=RippleTime(NOW),
        policy=POLICY,
        payee_exists=False,
    )
    assert not judgement.protectable
    assert len(judgement.unprotectable) == 2
    assert judgement.redeem_why is RedeemWhy.THREATENED


STAND_BY = Policy(stand_by_ppm=500_000)


def test_tower_that_stands_by_acts_when_its_share_of_the_time_has_passed() -> None:
    """Of 3,600 s the margin leaves 3,480, and half of them are the other tower's: to the second."""
    closing = channel(expiration=NOW + 3_600)
    half = NOW + 1_740
    assert judged(closing, 60, now=half - 1, policy=STAND_BY).redeem_why is None
    assert judged(closing, 60, now=half, policy=STAND_BY).redeem_why is RedeemWhy.THREATENED


def test_tower_that_stands_by_shares_the_lead_before_cancel_after() -> None:
    """No event announces CancelAfter, so the lead is the time there is."""
    end = NOW + POLICY.lead
    closing = channel(cancel_after=end)
    half = NOW + (POLICY.lead - POLICY.margin) // 2
    assert judged(closing, 60, now=half - 1, policy=STAND_BY).redeem_why is None
    assert judged(closing, 60, now=half, policy=STAND_BY).redeem_why is RedeemWhy.THREATENED


def test_tower_that_stands_by_leaves_what_does_not_press_to_the_other() -> None:
    """Exposure and schedules are kept by the one that acts first."""
    policy = Policy(stand_by_ppm=500_000, exposure_limit=Drops(1), redeem_every=1)
    assert judged(channel(), 60, policy=policy).redeem_why is None
    first = replace(policy, stand_by_ppm=0)
    assert judged(channel(), 60, policy=first).redeem_why is RedeemWhy.EXPOSURE


def test_verdict_is_the_same_for_whoever_stands_by() -> None:
    """It says what is at stake and until when, whoever answers."""
    closing = channel(expiration=NOW + 3_600)
    assert judged(closing, 60, policy=STAND_BY).verdict == judged(closing, 60).verdict
