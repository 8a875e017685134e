"""The alarm about the time that is left to redeem a channel, on a ladder of three rungs. Pure.

It begins as good to know, and is urgent before it is too late: whoever sleeps is woken by the last
rung alone, and whoever watches sees it coming.

Nobody is woken for a channel whose payer left too little time from the start: a night of such
channels would be a night of calls, for nothing. What is on its way is told neither (`unpaid.py`).
"""

from __future__ import annotations

from typing import Final

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import ChannelId, Drops, RippleTime, format_drops, format_time

__all__ = ["slack_low"]

_RUNGS: Final = ((10, Severity.URGENT), (25, Severity.WARNING), (50, Severity.INFO))
"""Below so many hundredths of the window it is so severe."""


def slack_low(
    channel: ChannelId,
    *,
    at_stake: Drops,
    slack: int,
    window: int,
    deadline: RippleTime,
    promised: bool,
) -> Alarm | None:
    """Return the alarm that something at stake is unpaid and time runs out; None while it does not.

    ``slack`` and ``window`` are seconds of ledger time: what is left to ``deadline``, and what
    there was to begin with. A window of nothing has no time to lose from the start. Unless
    ``promised``, the payer had made the time too short to promise anything, and nobody is woken.
    """
    reached = (severity for part, severity in _RUNGS if slack <= 0 or 100 * slack < part * window)
    severity = next(reached, None)
    if severity is None:
        return None
    if severity is Severity.URGENT and not promised:
        severity = Severity.WARNING
    if slack > 0:
        left = f"{_span(slack)} are left to redeem it surely, by {format_time(deadline)}"
    else:
        left = f"the time to redeem it surely was over at {format_time(deadline)}"
    return Alarm(
        name="slack_low",
        subject=channel,
        severity=severity,
        sentence=f"Channel {channel} is about to end with {format_drops(at_stake)} not paid yet: "
        f"{left}. Redeeming goes on in every ledger until it is paid or over. `watchtower channel "
        f"explain {channel}` tells what was tried, and the other alarms what stands in the way.",
    )


def _span(seconds: int) -> str:
    """Return a span of time in the largest unit that does not hide much of it."""
    for unit, size in (("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
