"""How long a channel can still be redeemed surely, as a bar and in words. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from watchtower.interfaces.dashboard.funds import WIDTH
from watchtower.interfaces.status_answer import Mood
from watchtower.judgement.deadline import Deadline
from watchtower.judgement.verdict import End
from watchtower.units import RippleTime

__all__ = ["TimeLeft", "Urgency", "mood_of_share", "time_left"]

_HALF, _QUARTER = 0.5, 0.25
"""Shares of what there was, from which on what is left is less, and little (`slack_low`)."""

_BY: Final = {
    End.EXPIRATION: "the payer asked to close",
    End.CANCEL_AFTER: "CancelAfter, set when it was opened",
}


class Urgency(StrEnum):
    """How things stand with a deadline; the value is told as it is."""

    FAR = "no hurry yet"  # more time is left than redeeming is given
    SURE = "redeeming is sure"
    LESS = "redeeming is sure, and less than half of the time is left"
    LOW = "little time is left"
    LATE = "redeeming is not sure any more"
    OVER = "the channel has ended"


class TimeLeft(NamedTuple):
    """A deadline at one ledger time.

    ``slack`` is the seconds left to redeem surely, below 0 when that is past; ``ends_in`` those
    to the channel's end; ``width`` how much of the bar is left, of `WIDTH`.
    """

    urgency: Urgency
    by: str
    sure_until: RippleTime
    ends_at: RippleTime
    slack: int
    ends_in: int
    width: int


def mood_of_share(left: int, window: int) -> Mood:
    """Return how grave it is that so much is left of a window, wherever that is drawn."""
    if left <= _QUARTER * window:
        return Mood.DANGER
    return Mood.WELL if left > _HALF * window else Mood.TROUBLE


def time_left(deadline: Deadline, ledger_time: RippleTime) -> TimeLeft:
    """Return what is left of ``deadline`` at ``ledger_time``."""
    slack, ends_in = deadline.slack(ledger_time), deadline.ends_at - ledger_time
    window = max(1, deadline.window)
    width = max(0, min(WIDTH, slack * WIDTH // window))
    if ends_in <= 0:
        urgency = Urgency.OVER
    elif slack < 0:
        urgency = Urgency.LATE
    elif slack / window <= _QUARTER:
        urgency = Urgency.LOW
    elif slack / window <= _HALF:
        urgency = Urgency.LESS
    else:
        urgency = Urgency.FAR if slack > deadline.window else Urgency.SURE
    return TimeLeft(
        urgency=urgency,
        by=_BY[deadline.by],
        sure_until=deadline.sure_until,
        ends_at=deadline.ends_at,
        slack=slack,
        ends_in=ends_in,
        width=width,
    )
