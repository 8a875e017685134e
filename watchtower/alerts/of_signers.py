"""The alarms about who signs, where the keys are elsewhere, one function each. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["signer_unreachable"]


def signer_unreachable(place: str, *, why: str) -> Alarm:
    """The signer apart does not answer: nothing can be redeemed until it does."""
    return Alarm(
        name="signer_unreachable",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"The signer at {place} cannot be used ({why}), so nothing can be signed. It is "
        "tried again by itself, and nothing is given up; start it (`systemctl start "
        "watchtower-signer`), or look at its log.",
    )
