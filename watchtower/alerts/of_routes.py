"""The alarms about the ways by which people are told, one function each. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["route_failing"]


def route_failing(route: str, *, why: str, minutes: int) -> Alarm:
    """Nothing has arrived by a route for long: whoever is told by it knows nothing."""
    return Alarm(
        name="route_failing",
        subject=route,
        severity=Severity.WARNING,
        sentence=f"Nothing can be told by the route {route} for {minutes} minutes ({why}). It is "
        "tried again by itself, and what is urgent waits for it; until it works, whoever is told "
        "by it knows nothing. Mend it, and see with `watchtower alert test`.",
    )
