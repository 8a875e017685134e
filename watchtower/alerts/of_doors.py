"""The alarms about the ways by which claims come in, one function each. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["broker_unreachable"]


def broker_unreachable(broker: str, *, why: str) -> Alarm:
    """There is no broker for long, or it does not want us; claims come by other ways alone."""
    return Alarm(
        name="broker_unreachable",
        subject=broker,
        severity=Severity.WARNING,
        sentence=f"The broker {broker} cannot be used ({why}). Channels are guarded all the same, "
        "and no claim comes through it. It is tried again by itself; if this stays, look at the "
        "broker, and at `[mqtt]` in the configuration.",
    )
