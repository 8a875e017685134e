"""Room on the store's disk: how much is left, how fast it goes, and whether claims may use it.

Pure: what is measured, and when, are arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

__all__ = ["Pace", "Room", "Thresholds", "claims_have_room", "is_urgent"]

_PART_OF_RESERVE: Final = 4
"""Claims are taken down to so small a part of the reserve: a thousand at once still fit in there
with the default one, so that the reserve itself is not needed for them."""

_APART: Final = 600.0
"""Seconds between two looks that are remembered."""

_REMEMBERED: Final = 145
"""Looks that are remembered: a day of them."""

_LEAST: Final = 3_600.0
"""Seconds of looks below which nothing is said of a pace."""

_LEAST_FILES: Final = 1_000
_LEAST_FILES_URGENT: Final = 100
"""Files that a file system must have room for: the store needs five, and whoever shares its disk
makes thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is left of a file system: bytes, files (None where they are not counted)."""

    available: int
    files: int | None = None
    is_read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When to tell: below so many bytes, or so many seconds before the disk is full; 0 never."""

    warning_bytes: int
    urgent_bytes: int
    warning_seconds: float
    urgent_seconds: float


def is_urgent(room: Room, full_in: float | None, thresholds: Thresholds) -> bool | None:
    """Return whether a person should look now (True) or today (False); None for not at all.

    ``full_in`` is in how many seconds the disk is full at its pace, if one can be told.
    """
    for files, left, seconds, answer in (
        (_LEAST_FILES_URGENT, thresholds.urgent_bytes, thresholds.urgent_seconds, True),
        (_LEAST_FILES, thresholds.warning_bytes, thresholds.warning_seconds, False),
    ):
        if (
            room.available < left
            or (room.files is not None and room.files < files)
            or (full_in is not None and full_in < seconds)
        ):
            return answer
    return None


def claims_have_room(room: Room, *, reserve: int, held: int) -> bool:
    """Return whether claims may be taken, with a reserve of so many bytes, of which so many stand.

    What the reserve lacks is not theirs: where it was given up, redeeming lives on that room. By
    state alone, so that every process that takes claims into the store answers alike.
    """
    if not reserve:
        return True
    return room.available - max(0, reserve - held) >= reserve // _PART_OF_RESERVE


class Pace:
    """How fast the room of a disk goes, by looking at it now and then."""

    def __init__(self) -> None:
        """Begin with no look."""
        self._looks: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
        self._last: tuple[float, int] = (0.0, 0)

    def look(self, now: float, available: int) -> None:
        """Take note that so many bytes are left at ``now``, seconds of a steady clock."""
        self._last = (now, available)
        if not self._looks or now - self._looks[-1][0] >= _APART:
            self._looks.append(self._last)

    def full_in(self) -> tuple[float, float] | None:
        """Return in how many seconds the disk is full, and for how many it was looked at.

        None if that cannot be said truly: within the first hour, and where it did not go on. What
        is said holds for the slower half of the time, so that one big file that somebody wrote
        once is no pace.
        """
        if not self._looks:
            return None
        (begun, first), (now, last) = self._looks[0], self._last
        if now - begun < _LEAST:
            return None
        middle, between = min(self._looks, key=lambda look: abs(look[0] - (begun + now) / 2))
        if not begun < middle < now:  # nobody looked for a long time
            return None
        slower = min((first - between) / (middle - begun), (between - last) / (now - middle))
        return (last / slower, now - begun) if slower > 0 else None
