"""What the operator wants: the few things that judging depends on, for payees and for payers.

Every time here is a span of ledger time in seconds, every amount is drops. The defaults are what
we would run ourselves; their reasons stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.units import Drops

__all__ = ["PayerPolicy", "Policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How careful to be, and when to redeem without being threatened.

    Attributes:
        margin: redeeming counts as sure until so long before a channel's end. 120 s are 60 s of
            the coarsest usual rounding of close times and ten ledgers for retries (rippled
            LedgerTiming.h:15-21).
        cancel_after_lead: no event announces CancelAfter, so from so long before it on a channel
            with something at stake is threatened. Never less than ``margin``.
        min_settle_delay: a channel whose settle delay is shorter is not promised protection.
        wrap_horizon: a settle delay that wraps within so long is not promised protection.
        exposure_limit: redeem once more than this is at stake on one channel; None for never.
        stand_by_ppm: the part of the time for redeeming, in millionths, that is left to another
            tower with the same key; 0 for the one that acts first.
        redeem_every: redeem what is at stake when the last redemption is older; None for never.
    """

    margin: int = 120
    cancel_after_lead: int = 6 * 3600
    min_settle_delay: int = 900
    wrap_horizon: int = 10 * 365 * 86_400
    exposure_limit: Drops | None = None
    stand_by_ppm: int = 0
    redeem_every: int | None = None

    @property
    def lead(self) -> int:
        """How long before CancelAfter a channel is threatened."""
        return max(self.cancel_after_lead, self.margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerPolicy:
    """What to do for an account that pays.

    Attributes:
        finalise: take what is left home from a channel that has ended.
        margin: only so long after the end. Nothing is gained by haste, and a ``tfClose`` that
            came too early would not finalise a channel but ask to close it.
        close_on_foreign: ask to close a channel at once when a claim was made that we were never
            told of.
        register_all: of a channel for which nothing was registered, nothing was signed. Without
            it such a channel is none of those whose claims are compared.
    """

    finalise: bool = True
    margin: int = 60
    close_on_foreign: bool = False
    register_all: bool = False
