"""How the tower is, in one line, for ``systemctl status``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchtower.units import Drops, format_drops

__all__ = ["status_line"]

_MINUTE: Final = 60
_HOUR: Final = 3_600


def status_line(status: Mapping[str, Any]) -> str:
    """Return a line of what ``watchtower status`` tells; what it does not tell is left out."""
    if status.get("ledger_index") is None:
        return "no ledger was heard of yet"
    parts = [f"ledger {status['ledger_index']}"]
    if (gaps := status.get("gaps")) is not None:
        parts.append(f"{gaps} {'gap' if gaps == 1 else 'gaps'}")
    parts.append(f"{format_drops(Drops(int(status['at_stake'])))} at stake")
    if deadlines := status.get("deadlines"):
        parts.append(f"next deadline in {_span(deadlines[0]['slack_seconds'])}")
    urgent = sum(alarm["severity"] == "urgent" for alarm in status["alarms"])
    if urgent:
        parts.append(f"{urgent} urgent {'alarm' if urgent == 1 else 'alarms'}")
    if status.get("shadow"):
        parts.append("sends nothing (shadow)")
    return ", ".join(parts)


def _span(seconds: int) -> str:
    """Return a time that is left, as coarsely as it matters."""
    if seconds <= 0:
        return "0 s, it is over"
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE} min"
    return f"{seconds // _HOUR} h"
