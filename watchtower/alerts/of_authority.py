"""The alarms about who may sign. Like those of ``catalogue.py`` each says what to do. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import Address

__all__ = ["no_right"]


def no_right(account: Address, *, why: str) -> Alarm:
    """Nothing that is configured and here could sign for a guarded account."""
    return Alarm(
        name="no_right",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"Nothing may sign for {account}, so nothing could be redeemed for it: {why}. "
        "`watchtower authority show` tells by what right something could.",
    )
