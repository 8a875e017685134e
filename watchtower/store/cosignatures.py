"""What is kept of signatures that several make together: costs, who is waited for, who is unfit.

All are notes, of which there are few: one for what this tower signed for others today, one for the
requests that wait for a person, which lapse with their last ledger, and one for those whose
signatures the ledger did not take together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from watchtower.store.journal import Journal
from watchtower.store.notes import Notes

__all__ = ["COSIGN_ANSWERED", "Cosignatures"]

COSIGN_ANSWERED: Final = "cosign_answered"
"""The journal's line when persons have completed a transaction: a daemon that runs sends it."""

_DAY: Final = "cosigned_today"
_WAITING: Final = "cosign_waiting"
_REFUSED: Final = "cosign_refused"


class Cosignatures:
    """The notes, in one transaction."""

    def __init__(self, notes: Notes, journal: Journal) -> None:
        """Look at them through a transaction's own notes and journal."""
        self._notes = notes
        self.journal = journal

    async def today(self) -> Mapping[str, Any]:
        """Return what was signed for others on the last day on which anything was."""
        found: Mapping[str, Any] = await self._notes.get(_DAY) or {}
        return found

    async def put_today(self, day: Mapping[str, Any]) -> None:
        """Write it."""
        await self._notes.put(_DAY, day)

    async def waiting(self) -> dict[str, Any]:
        """Return the requests that wait for a person, by their names."""
        found: dict[str, Any] = await self._notes.get(_WAITING) or {}
        return found

    async def put_waiting(self, requests: Mapping[str, Any]) -> None:
        """Write them, in place of those there are."""
        await self._notes.put(_WAITING, dict(requests))

    async def drop_waiting(self, names: Iterable[str]) -> None:
        """Forget requests."""
        gone = set(names)
        left = {name: one for name, one in (await self.waiting()).items() if name not in gone}
        await self.put_waiting(left)

    async def refused(self) -> Mapping[str, Any]:
        """Return, by account, whose signatures the ledger did not take together."""
        found: Mapping[str, Any] = await self._notes.get(_REFUSED) or {}
        return found

    async def put_refused(self, refused: Mapping[str, Any]) -> None:
        """Write it."""
        await self._notes.put(_REFUSED, dict(refused))
