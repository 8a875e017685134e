"""The service level: of the drills that were made, how many were paid, and how soon. Pure.

Drills on an embedded ledger and on a network are told apart: the time of each is mostly that of
its ledgers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

__all__ = ["KEPT", "NOTE", "Level", "levels_of", "with_drill"]

NOTE: Final = "drills"
"""Where the store keeps them: a list, newest last."""

KEPT: Final = 100
"""How many are kept."""


class Level(Struct, frozen=True, kw_only=True):
    """How it went at one place: ``sandbox`` or ``network``.

    Times are seconds from the request to close until a validated ledger's balance said paid, of
    the drills that were; shares are of the window that the payee had. None where none was paid.
    """

    place: str
    count: int
    paid: int
    paid_share: float
    p50_seconds: float | None
    p95_seconds: float | None
    max_seconds: float | None
    p50_share: float | None
    p95_share: float | None
    max_share: float | None
    max_ledgers: int | None


def with_drill(drills: Sequence[Mapping[str, Any]], drill: Mapping[str, Any]) -> list[Any]:
    """Return the note with one more drill, and without the oldest above `KEPT`."""
    return [*drills, drill][-KEPT:]


def levels_of(drills: Sequence[Mapping[str, Any]]) -> list[Level]:
    """Return the level of each place at which drills were made, in the order of names."""
    places = sorted({str(drill["place"]) for drill in drills})
    return [_level(place, [d for d in drills if d["place"] == place]) for place in places]


def _level(place: str, drills: Sequence[Mapping[str, Any]]) -> Level:
    paid = [drill for drill in drills if drill["paid"]]
    seconds = sorted(float(drill["seconds"]) for drill in paid)
    shares = sorted(
        float(drill["seconds"]) / drill["window_seconds"]
        for drill in paid
        if drill.get("window_seconds")
    )
    return Level(
        place=place,
        count=len(drills),
        paid=len(paid),
        paid_share=len(paid) / len(drills),
        p50_seconds=_rank(seconds, 50),
        p95_seconds=_rank(seconds, 95),
        max_seconds=_rank(seconds, 100),
        p50_share=_rank(shares, 50),
        p95_share=_rank(shares, 95),
        max_share=_rank(shares, 100),
        max_ledgers=max((int(drill["ledgers"]) for drill in paid), default=None),
    )


def _rank(values: Sequence[float], percent: int) -> float | None:
    """Return the nearest rank: the least value that so many per cent are not above."""
    if not values:
        return None
    return values[max(1, -(-len(values) * percent // 100)) - 1]
