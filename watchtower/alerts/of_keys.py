"""The alarms about keys that are not here: see ``catalogue.py``."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import Address

__all__ = ["hsm_does_not_sign"]


def hsm_does_not_sign(account: Address, *, why: str) -> Alarm:
    """The token that has an account's key does not sign with it now."""
    return Alarm(
        name="hsm_does_not_sign",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"Nothing can be signed for {account}. {why} What is owed stays owed, and is "
        "signed as soon as the token signs.",
    )
