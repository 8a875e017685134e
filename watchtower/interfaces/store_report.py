"""What the store alone knows of how the tower is: claims, recovery, the last backup, drills.

``watchtower status`` tells it beside the daemon's own last word, and the dashboard beside how the
daemon is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchtower.store.backups.index import last_made
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY

__all__ = ["store_report"]

_DRILLS_NOTE: Final = "drills"
"""Where drills are written down, the newest last."""

_MOST: Final = 95
"""Percent of the paid drills that the service level speaks of."""


async def store_report(store: Store) -> dict[str, Any]:
    """Return it in JSON values.

    Raises:
        StoreError: the store cannot be read.
    """
    last_backup = await store.with_keys(last_made)
    async with store.read() as work:
        claims = await work.claims.count()
        pending = await work.claims.count_pending()
        recovery = await work.notes.get(RECOVERY)
        drills: Sequence[Mapping[str, Any]] = await work.notes.get(_DRILLS_NOTE) or ()
    return {
        "claims": claims,
        "pending_claims": pending,
        "in_recovery": recovery is not None,
        "recovery": recovery,
        "last_backup": last_backup,
        "last_drill": drills[-1] if drills else None,
        "service_level": _service_level(drills),
    }


def _service_level(drills: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return how many drills were paid, and within how many seconds nearly all of them were."""
    if not drills:
        return None
    took = sorted(float(drill["seconds"]) for drill in drills if drill["paid"])
    rank = -(-len(took) * _MOST // 100)  # the nearest rank, which is a drill that took place
    return {
        "drills": len(drills),
        "succeeded": len(took),
        "seconds_95": took[rank - 1] if took else None,
    }
