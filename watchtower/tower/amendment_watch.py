"""Whether the network goes by rules that this version does not know: told as alarms."""

from __future__ import annotations

from typing import Final

import structlog

from watchtower.alerts import of_network
from watchtower.alerts.desk import Desk
from watchtower.guard.watch import Watch
from watchtower.judgement.known_amendments import unknown_in
from watchtower.ledger.events import AmendmentsRead

__all__ = ["AmendmentWatch"]

_log = structlog.get_logger(__name__)

_MOST: Final = 20
"""Amendments that are told of at once: networks have a hundred in all, and servers may invent
more."""


class AmendmentWatch:
    """Looks at the amendments that ``watch`` knows, whenever they were read anew."""

    def __init__(self, watch: Watch, desk: Desk) -> None:
        """Begin with nothing seen."""
        self._watch = watch
        self._desk = desk
        self._seen: AmendmentsRead | None = None
        self._told: set[str] = set()

    async def look(self) -> None:
        """Have alarms stand for what is not known, and end for what is gone.

        Where servers contradict each other what stood stays as it is.
        """
        read = self._watch.amendments
        if read is None or read is self._seen:
            return
        self._seen = read
        unknown = unknown_in(read)
        if unknown is None:
            return
        told = unknown[:_MOST]
        if len(unknown) > len(told):
            _log.warning("amendments_unknown", unknown=len(unknown), told=len(told))
        for amendment, name, enabled_at in told:
            self._desk.stand(of_network.network_ahead(amendment, name=name, enabled_at=enabled_at))
        named = {one.amendment for one in told}
        for amendment in self._told - named:
            self._desk.end("network_ahead", amendment)
        self._told = named
