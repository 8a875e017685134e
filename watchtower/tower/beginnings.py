"""Since when each alarm stands, by the host's clock. Pure.

Alarms are told anew by whoever sees that they still stand, and do not say when they began. One that
ended and stands again has begun again.
"""

from __future__ import annotations

from collections.abc import Iterable

from watchtower.alerts.rules import Alarm

__all__ = ["Beginnings"]


class Beginnings:
    """Remembers when alarms were seen first, of those that stand."""

    def __init__(self) -> None:
        """Have seen none."""
        self._seen: dict[tuple[str, str], int] = {}

    def of(self, alarms: Iterable[Alarm], now: float) -> list[tuple[Alarm, int]]:
        """Return all alarms that stand ``now``, each with the Unix seconds since when."""
        standing = {(alarm.name, alarm.subject): alarm for alarm in alarms}
        self._seen = {key: self._seen.get(key, int(now)) for key in standing}
        return [(alarm, self._seen[key]) for key, alarm in standing.items()]
