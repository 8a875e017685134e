"""The alarm about more being at stake than may be: it stops serving, and nothing else. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import Drops, format_drops

__all__ = ["exposure_limit_reached"]


def exposure_limit_reached(subject: str, *, at_stake: Drops, allowed: Drops) -> Alarm:
    """More is at stake with one payer, or in all, than may be before serving stops."""
    return Alarm(
        name="exposure_limit_reached",
        subject=subject,
        severity=Severity.WARNING,
        sentence=f"{format_drops(at_stake)} are at stake with {subject}, and serving stops above "
        f"{format_drops(allowed)}: claims are kept, and nothing is to be served against them. "
        "Redeem earlier (`policy.exposure_limit_drops`, `policy.redeem_every_seconds`), or allow "
        "more (`claims.most_at_stake_…`).",
    )
