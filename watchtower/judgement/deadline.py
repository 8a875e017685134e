"""When a channel ends, and until when redeeming is sure: ledger time only."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from watchtower.judgement.channel import ends_at
from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.judgement.verdict import End
from watchtower.ledger.events import ChannelEntry
from watchtower.units import RippleTime

__all__ = ["LOW_SLACK", "Deadline", "deadline_of", "notice_of"]

LOW_SLACK: Final = (50, 25, 10)
"""The hundredths of a deadline's window below which it is told how little of it is left."""

_TIME_SIZE: Final = 2**32


class Deadline(Struct, frozen=True, kw_only=True, gc=False):
    """A channel ends at ``ends_at`` because of ``by``; redeeming is sure until ``sure_until``.

    ``window`` is how many seconds for sure redeeming there were to begin with: what a close request
    leaves, the settle delay less the margin; for CancelAfter the lead less the margin.
    """

    by: End
    ends_at: RippleTime
    sure_until: RippleTime
    window: int

    def slack(self, ledger_time: RippleTime) -> int:
        """Return the seconds of ledger time left to redeem surely; negative when too late."""
        return self.sure_until - ledger_time

    def runs_low(self) -> tuple[RippleTime, ...]:
        """Return from when on less than each of ``LOW_SLACK`` is left, in ledger time."""
        return tuple(
            RippleTime(self.sure_until - max(0, -(-part * self.window // 100) - 1))
            for part in LOW_SLACK
        )

    def has_ended(self, ledger_time: RippleTime, rules: ChannelRules = STRICT) -> bool:
        """Return whether a transaction in the ledger after ``ledger_time`` comes too late."""
        return rules.has_ended(self.ends_at, ledger_time)


def deadline_of(entry: ChannelEntry, policy: Policy) -> Deadline | None:
    """Return the deadline of a channel; None if it has neither Expiration nor CancelAfter."""
    end = ends_at(entry)
    if end is None:
        return None
    by = End.EXPIRATION if end == entry.expiration else End.CANCEL_AFTER
    whole = entry.settle_delay if by is End.EXPIRATION else policy.lead
    return Deadline(
        by=by,
        ends_at=end,
        sure_until=RippleTime(end - policy.margin),
        window=whole - policy.margin,
    )


def notice_of(
    entry: ChannelEntry, ledger_time: RippleTime, policy: Policy, rules: ChannelRules = STRICT
) -> int:
    """Return the seconds for which redeeming stays sure, whatever the payer does from now on.

    The worst that it can do is to ask for closing in the next ledger, which then sets the end to
    ``ledger_time`` and the settle delay, also where a later one was set before (rippled
    PaymentChannelClaim.cpp, tfClose). 0 where nothing is sure any more.
    """
    asked = ledger_time + entry.settle_delay
    if rules.settle_delay_wraps and asked >= _TIME_SIZE:
        return 0  # the sum wraps to a time long ago, and the channel is over at once
    end = ends_at(entry)
    last = asked if end is None else min(asked, end)
    return max(0, last - policy.margin - ledger_time)
