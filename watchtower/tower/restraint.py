"""Where serving stops because too much is at stake: told as alarms, and in the status.

What it guarantees: a payer costs a look here only while it is above its limit. However many
accounts somebody pays from, so many alarms stand and no more; the status has their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from watchtower.alerts import of_exposure
from watchtower.alerts.desk import Desk
from watchtower.claims.exposure import ServingLimits
from watchtower.guard.exposure import Exposure
from watchtower.units import Address, Drops

__all__ = ["Restraint"]

_ALL: Final = "all payers"
_MOST_PAYERS: Final = 20
"""Payers that are told one by one: those that have been above the limit the longest."""


class Restraint:
    """Looks at ``exposure`` by ``limits``."""

    def __init__(self, exposure: Exposure, limits: ServingLimits, desk: Desk) -> None:
        """Have what is at stake counted from now on, if anything is limited."""
        if limits.are_set:
            exposure.begin(limits.payer)
        self._exposure = exposure
        self._limits = limits
        self._desk = desk
        self._told: set[Address] = set()

    def hold_to(self, limits: ServingLimits) -> None:
        """Stop serving elsewhere from now on; what is at stake is counted anew, if it has to be."""
        if limits == self._limits:
            return
        self._limits = limits
        if limits.are_set:
            self._exposure.begin(limits.payer)

    async def look(self) -> None:
        """Have alarms stand where serving stops, and end where it goes on."""
        total, allowed = self._exposure.total, self._limits.total
        if allowed is not None and total > allowed:
            self._desk.stand(
                of_exposure.exposure_limit_reached(_ALL, at_stake=total, allowed=allowed)
            )
        else:
            self._desk.end("exposure_limit_reached", _ALL)
        self._look_at_payers()

    def _look_at_payers(self) -> None:
        allowed = self._limits.payer
        # Whoever was told to be above a limit that is gone since is above none.
        payers = {} if allowed is None else self._payers()
        for payer in self._told - payers.keys():
            self._desk.end("exposure_limit_reached", payer)
        self._told = set(payers)
        if allowed is None:
            return
        for payer, at_stake in payers.items():
            self._desk.stand(
                of_exposure.exposure_limit_reached(payer, at_stake=at_stake, allowed=allowed)
            )

    def report(self) -> Mapping[str, Any] | None:
        """Return how much is at stake and how much may be, in JSON values; amounts in drops.

        None where nothing is limited.
        """
        total, limits = self._exposure.total, self._limits
        if not limits.are_set:
            return None
        return {
            "at_stake": total,
            "limits": {"channel": limits.channel, "payer": limits.payer, "total": limits.total},
            "left": None if limits.total is None else max(0, limits.total - total),
            "payers_above": len(self._exposure.above),
            "payers": [
                {"payer": payer, "at_stake": at_stake} for payer, at_stake in self._payers().items()
            ],
        }

    def _payers(self) -> dict[Address, Drops]:
        above = islice(self._exposure.above, _MOST_PAYERS)
        return {payer: self._exposure.of_payer(payer) for payer in above}
