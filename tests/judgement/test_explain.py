"""Plain words: every verdict and reason has a sentence with its own numbers and times."""

from __future__ import annotations

import pytest

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.explain import describe, describe_unprotectable, explain
from watchtower.judgement.judge import judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import (
    CancelAfterNear,
    KeyUnusable,
    PayeeMissing,
    SettleDelayShort,
    SettleDelayWraps,
    Unprotectable,
)
from watchtower.judgement.verdict import (
    Closed,
    End,
    Expired,
    Settled,
    SettledWhy,
    Threatened,
    Verdict,
    Watching,
)
from watchtower.ledger.events import ChannelEntry, Position
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

TIME = RippleTime(820_540_800)  # 2026-01-01T00:00:00Z
STAKE = Drops(25_000_000)


def threatened(slack: int) -> Threatened:
    """A threat with so much slack."""
    return Threatened(
        at_stake=STAKE,
        by=End.EXPIRATION,
        ends_at=TIME,
        deadline=RippleTime(TIME - 120),
        slack=slack,
    )


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Settled(why=SettledWhy.NO_CLAIM, unfunded=Drops(0)), "no claim is held"),
        (Settled(why=SettledWhy.PAID, unfunded=Drops(0)), "the best claim is paid"),
        (Settled(why=SettledWhy.FUNDS_EXHAUSTED, unfunded=STAKE), "promises 25 XRP more"),
        (Watching(at_stake=STAKE), "25 XRP is at stake, and nothing presses"),
        (threatened(40), "sure until 2025-12-31T23:58:00Z, 40 s from now"),
        (threatened(-40), "Since 40 s redeeming is not sure any more; it is still tried"),
        (Expired(by=End.CANCEL_AFTER, ended_at=TIME, lost=STAKE), "(CancelAfter)"),
        (Expired(by=End.EXPIRATION, ended_at=TIME, lost=STAKE), "25 XRP is lost."),
        (Expired(by=End.EXPIRATION, ended_at=TIME, lost=Drops(0)), "Nothing is lost."),
        (Closed(paid=STAKE, lost=Drops(0), exact=True), "it paid 25 XRP. Nothing was lost."),
        (Closed(paid=Drops(0), lost=STAKE, exact=True), "25 XRP was lost."),
        (Closed(paid=Drops(0), lost=STAKE, exact=False), "at most 25 XRP lost"),
    ],
)
def test_verdict_is_told_with_its_amounts_and_times(verdict: Verdict, words: str) -> None:
    """Whoever asks gets an answer with a reason."""
    assert words in describe(verdict)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (SettleDelayWraps(settle_delay=9, wraps_from=TIME), "delay of 9 s overflows"),
        (SettleDelayShort(settle_delay=60, minimum=900), "60 s is shorter than the 900 s"),
        (CancelAfterNear(cancel_after=TIME, lead=60), "ends at 2026-01-01T00:00:00Z"),
        (PayeeMissing(destination=Address("rPayee")), "account rPayee is gone"),
        (KeyUnusable(public_key="04"), "key 04 is of no type"),
    ],
)
def test_reason_against_protection_is_told_with_its_numbers(
    reason: Unprotectable, words: str
) -> None:
    """Before anything is served, the payee reads why not."""
    assert words in describe_unprotectable(reason)


def test_judgement_tells_time_verdict_action_and_doubts_in_this_order() -> None:
    """The whole answer in one breath."""
    entry = ChannelEntry(
        channel=ChannelId("A" * 64),
        source=Address("rSource"),
        destination=Address("rDestination"),
        amount=Drops(100),
        balance=Drops(0),
        public_key="ED" + "0" * 64,
        settle_delay=60,
        expiration=RippleTime(TIME + 60),
    )
    judgement = judge(
        Channel(entry=entry, as_of=Position(LedgerIndex(5), 1)),
        Claim(channel=entry.channel, amount=Drops(50), public_key="", signature=""),
        ledger_time=TIME,
        policy=Policy(),
    )
    assert explain(judgement) == (
        "At ledger time 2026-01-01T00:00:00Z, by its state of ledger 5: 0.00005 XRP is at stake, "
        "and the channel ends at 2026-01-01T00:01:00Z (the source asked to close). Since 60 s "
        "redeeming is not sure any more; it is still tried. It is redeemed now, because the "
        "channel will end. Protection cannot be promised: The settle delay of 60 s is shorter than "
        "the 900 s needed to redeem surely."
    )
