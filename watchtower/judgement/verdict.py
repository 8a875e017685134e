"""The five verdicts about a channel, each with the facts of its reason.

A verdict is a noun or an adjective, never an order: whether to redeem stands beside it in the
`Judgement`. Sentences for people are made by ``explain.py``.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from watchtower.units import Drops, RippleTime

__all__ = ["Closed", "End", "Expired", "Settled", "SettledWhy", "Threatened", "Verdict", "Watching"]


class End(StrEnum):
    """What will end, or has ended, a channel."""

    EXPIRATION = "expiration"
    CANCEL_AFTER = "cancel_after"


class SettledWhy(StrEnum):
    """Why nothing is at stake."""

    NO_CLAIM = "no_claim"  # we hold no claim for the channel
    PAID = "paid"  # the balance has reached the best claim, less what was waived
    FUNDS_EXHAUSTED = "funds_exhausted"  # all the funds are paid; the claim sleeps until more come


class Settled(Struct, frozen=True, kw_only=True, gc=False):
    """Nothing is at stake. ``unfunded`` is what the claim promises above the funds, in drops."""

    why: SettledWhy
    unfunded: Drops


class Watching(Struct, frozen=True, kw_only=True, gc=False):
    """Something is at stake, and nothing presses."""

    at_stake: Drops


class Threatened(Struct, frozen=True, kw_only=True, gc=False):
    """Something is at stake and the channel will end at ``ends_at``.

    ``deadline`` is the last ledger time at which redeeming is sure, ``slack`` the seconds left to
    it: negative past the margin, when redeeming may still succeed and is tried with every effort.
    """

    at_stake: Drops
    by: End
    ends_at: RippleTime
    deadline: RippleTime
    slack: int


class Expired(Struct, frozen=True, kw_only=True, gc=False):
    """The end was reached and the ledger still has the entry: redeeming would pay nothing."""

    by: End
    ended_at: RippleTime
    lost: Drops


class Closed(Struct, frozen=True, kw_only=True, gc=False):
    """The channel is gone. ``lost`` is what its best claim was not paid, 0 if all was.

    Unless ``exact``, nobody saw it close: ``paid`` is the last balance known, so at least that
    much was paid, and at most ``lost`` was lost.
    """

    paid: Drops
    lost: Drops
    exact: bool


Verdict = Settled | Watching | Threatened | Expired | Closed
