"""The alarms about fire drills: one that failed, and one that is due. Pure."""

from __future__ import annotations

from typing import Final

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["drill_due", "drill_failed"]

SUBJECT: Final = "drill"
"""What both are about; at most one of each stands."""


def drill_failed(why: str) -> Alarm:
    """In the last fire drill at a place the canary was not paid in time."""
    return Alarm(
        name="drill_failed",
        subject=SUBJECT,
        severity=Severity.URGENT,
        sentence=f"The last fire drill failed: {why}. A real channel would be in the same danger. "
        "Look at `watchtower status` for what is in the way, and drill again (`watchtower drill`); "
        "the alarm ends with one at the same place that is paid.",
    )


def drill_due(days: int) -> Alarm:
    """No fire drill was made for longer than the operator wants."""
    return Alarm(
        name="drill_due",
        subject=SUBJECT,
        severity=Severity.WARNING,
        sentence=f"There was no fire drill within the last {days} days (`drill.every_days`). Make "
        "one with `watchtower drill`, or see why the timer did not (`systemctl list-timers`).",
    )
