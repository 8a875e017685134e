"""The alarm of a store that was restored, rebuilt, or perhaps put back."""

from __future__ import annotations

from collections.abc import Mapping

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["in_recovery"]


def in_recovery(path: str, *, missing: Mapping[str, str]) -> Alarm:
    """A store that may have missed something was not compared yet with what every server says."""
    who = "; ".join(f"{server} ({why})" for server, why in missing.items())
    return Alarm(
        name="in_recovery",
        subject=path,
        severity=Severity.WARNING,
        sentence=f"The store {path} may have missed what happened, and is in recovery until every "
        f"server has told what it holds. Missing: {who}. Channels are guarded meanwhile; a server "
        "that stays away can be taken out of the configuration.",
    )
