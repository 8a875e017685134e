"""Whether fire drills are made, and go well: told as alarms, by what drills leave in the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from watchtower.alerts import of_drills
from watchtower.alerts.desk import Desk
from watchtower.store.database import Store

__all__ = ["DrillWatch"]

_DRILLS: Final = "drills"
_NETWORK: Final = "network"
"""The place of drills by the operator's own servers and keys, as their record has it."""
_DAY: Final = 86_400


class DrillWatch:
    """Looks at the last drills of ``store``."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        *,
        every_days: int,
        clock: Callable[[], float],
        on_network: bool = False,
    ) -> None:
        """Want a drill ``every_days``, by the host's ``clock``; with 0 none is missed.

        ``on_network``: one in a box is none that was wanted, for there is a canary.
        """
        self._on_network = on_network
        self._store = store
        self._desk = desk
        self._every_days = every_days
        self._clock = clock
        self._begun = clock()

    def hold_to(self, every_days: int) -> None:
        """Want drills at other times, from the next look on."""
        self._every_days = every_days

    async def look(self) -> None:
        """Have alarms stand or end by the last drill at each place.

        A tower without any drill yet is given its time from its start on.
        """
        async with self._store.read() as work:
            drills: Sequence[Mapping[str, Any]] = await work.notes.get(_DRILLS) or ()
        wanted = [one for one in drills if not self._on_network or one["place"] == _NETWORK]
        last = wanted[-1] if wanted else None
        # One in a box says nothing of the servers and keys by which one on the network failed.
        failed = [one for one in _last_of_each_place(drills) if not one["paid"]]
        if failed:
            newest = max(failed, key=lambda one: int(one["at"]))
            self._desk.stand(of_drills.drill_failed(str(newest["why"])))
        else:
            self._desk.end("drill_failed", of_drills.SUBJECT)
        since = self._begun if last is None else last["at"]
        if self._every_days and self._clock() - since > self._every_days * _DAY:
            self._desk.stand(of_drills.drill_due(self._every_days))
        else:
            self._desk.end("drill_due", of_drills.SUBJECT)


def _last_of_each_place(drills: Sequence[Mapping[str, Any]]) -> Collection[Mapping[str, Any]]:
    """Return the last drill in a box and the last on the network; ``drills`` come as made."""
    return {str(drill["place"]): drill for drill in drills}.values()
