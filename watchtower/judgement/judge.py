"""The judge: from a channel's state, our best claim, ledger time and policy to a judgement.

What it guarantees: it is a pure function, computed anew for every ledger. It never asks how the
state came about, so a missed message, a duplicate or a restart changes nothing. Whoever acts on
the judgement asks `Judgement.redeem`; whoever talks to people asks ``explain.py``.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.deadline import Deadline, deadline_of
from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import SettleDelayShort, Unprotectable, unprotectable
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.judgement.stake import at_stake, payable
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
from watchtower.units import ChannelId, Drops, RippleTime

__all__ = ["Judgement", "RedeemWhy", "judge"]

_NOTHING = Drops(0)
_MILLION = 1_000_000


class RedeemWhy(StrEnum):
    """Why to redeem now."""

    THREATENED = "threatened"  # the channel will end with something at stake
    EXPOSURE = "exposure"  # more is at stake than the policy allows on one channel
    SCHEDULE = "schedule"  # the last redemption is older than the policy allows


class Judgement(Struct, frozen=True, kw_only=True, gc=False):
    """What we think of one channel at one ledger time.

    Attributes:
        channel: whose judgement it is.
        ledger_time: the close time it was made for.
        as_of: the place in history since which the channel's state holds.
        verdict: what it amounts to.
        at_stake: drops that redeeming now would pay; 0 once the channel has ended.
        target: the balance that redeeming would reach.
        deadline: when the channel ends and until when redeeming is sure; None if never, or closed.
        redeem_why: why to redeem now; None if not now.
        unprotectable: why protection cannot be promised; empty if it can.
    """

    channel: ChannelId
    ledger_time: RippleTime
    as_of: Position
    verdict: Verdict
    at_stake: Drops
    target: Drops
    deadline: Deadline | None
    redeem_why: RedeemWhy | None
    unprotectable: tuple[Unprotectable, ...]

    @property
    def redeem(self) -> bool:
        """Whether to redeem now."""
        return self.redeem_why is not None

    @property
    def left_time(self) -> bool:
        """Whether the payer left time enough for a promise, whatever is left of it by now.

        A CancelAfter is known from the start, however short the settle delay is.
        """
        is_asked = isinstance(self.verdict, Threatened) and self.verdict.by is End.EXPIRATION
        return not is_asked or not any(isinstance(o, SettleDelayShort) for o in self.unprotectable)

    @property
    def protectable(self) -> bool:
        """Whether protection can be promised for what is served from now on."""
        return not self.unprotectable

    @property
    def slack(self) -> int | None:
        """Seconds of ledger time left to redeem surely; None without a deadline."""
        return None if self.deadline is None else self.deadline.slack(self.ledger_time)


def judge(
    channel: Channel,
    best_claim: Claim | None,
    *,
    ledger_time: RippleTime,
    policy: Policy,
    waived: Drops = _NOTHING,
    payee_exists: bool = True,
    last_redeemed: RippleTime | None = None,
    rules: ChannelRules = STRICT,
    over_by: RippleTime | None = None,
) -> Judgement:
    """Judge ``channel`` for the ledger that follows the one that closed at ``ledger_time``.

    Args:
        channel: its newest known state.
        best_claim: the highest valid claim we hold; its signature was verified when it was kept.
        ledger_time: close time of the newest validated ledger, by which the next one judges.
        policy: how careful to be.
        waived: drops that the payee has given back by its own signed word.
        payee_exists: whether the destination's account is in the ledger.
        last_redeemed: when the channel last paid; None if never, which any schedule finds due.
        rules: the network's; the strictest reading where they are not known.
        over_by: the time by which a channel may be given up, where that is not ``ledger_time``.
    """
    entry = channel.entry
    deadline = None if channel.closed_at is not None else deadline_of(entry, policy)
    stake = at_stake(entry, best_claim, waived)
    verdict = _verdict(
        channel,
        best_claim,
        stake=stake,
        deadline=deadline,
        ledger_time=ledger_time,
        over_by=ledger_time if over_by is None else over_by,
        policy=policy,
        rules=rules,
    )
    live = isinstance(verdict, Watching | Threatened)
    stands_by = _stands_by(deadline, ledger_time, policy)
    return Judgement(
        channel=entry.channel,
        ledger_time=ledger_time,
        as_of=channel.closed_at or channel.as_of,
        verdict=verdict,
        at_stake=stake if live else _NOTHING,
        target=Drops(entry.balance + stake) if live else entry.balance,
        deadline=deadline,
        redeem_why=_redeem_why(verdict, ledger_time, policy, last_redeemed, stands_by=stands_by),
        unprotectable=unprotectable(
            entry,
            ledger_time=ledger_time,
            policy=policy,
            payee_exists=payee_exists,
            rules=rules,
        ),
    )


def _verdict(
    channel: Channel,
    best: Claim | None,
    *,
    stake: Drops,
    deadline: Deadline | None,
    ledger_time: RippleTime,
    over_by: RippleTime,
    policy: Policy,
    rules: ChannelRules,
) -> Verdict:
    if channel.closed_at is not None:
        return Closed(paid=channel.entry.balance, lost=stake, exact=channel.is_final)
    if deadline is not None and deadline.has_ended(over_by, rules):
        return Expired(by=deadline.by, ended_at=deadline.ends_at, lost=stake)
    if stake == 0:
        return _settled(channel.entry, best)
    if deadline is not None and _presses(channel.entry, deadline, ledger_time, policy):
        return Threatened(
            at_stake=stake,
            by=deadline.by,
            ends_at=deadline.ends_at,
            deadline=deadline.sure_until,
            slack=deadline.slack(ledger_time),
        )
    return Watching(at_stake=stake)


def _presses(
    entry: ChannelEntry, deadline: Deadline, ledger_time: RippleTime, policy: Policy
) -> bool:
    """Return whether to act now: an Expiration always presses, CancelAfter when it comes near."""
    return entry.expiration is not None or ledger_time >= deadline.ends_at - policy.lead


def _settled(entry: ChannelEntry, best: Claim | None) -> Settled:
    if best is None:
        return Settled(why=SettledWhy.NO_CLAIM, unfunded=_NOTHING)
    unfunded = Drops(best.amount - payable(entry, best))
    exhausted = unfunded > 0 and entry.balance >= entry.amount
    return Settled(
        why=SettledWhy.FUNDS_EXHAUSTED if exhausted else SettledWhy.PAID, unfunded=unfunded
    )


def _stands_by(deadline: Deadline | None, ledger_time: RippleTime, policy: Policy) -> bool:
    """Return whether another tower with the same key still has its time to act first.

    The time for redeeming is the deadline's window.
    """
    if not policy.stand_by_ppm:
        return False
    if deadline is None:
        # What does not press is left to the tower that acts first, in its own time.
        return True
    kept = deadline.window * (_MILLION - policy.stand_by_ppm) // _MILLION
    return deadline.slack(ledger_time) > kept


def _redeem_why(
    verdict: Verdict,
    ledger_time: RippleTime,
    policy: Policy,
    last_redeemed: RippleTime | None,
    *,
    stands_by: bool,
) -> RedeemWhy | None:
    if stands_by:
        return None
    if isinstance(verdict, Threatened):
        return RedeemWhy.THREATENED
    if not isinstance(verdict, Watching):
        return None
    if policy.exposure_limit is not None and verdict.at_stake > policy.exposure_limit:
        return RedeemWhy.EXPOSURE
    if policy.redeem_every is not None and (
        last_redeemed is None or ledger_time - last_redeemed >= policy.redeem_every
    ):
        return RedeemWhy.SCHEDULE
    return None
