"""Notes: small values under fixed names, such as the daemon's status and the alarms that stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchtower.store.sealed import Record, SealedTable
from watchtower.store.tables import NOTES
from watchtower.store.transaction import Transaction

__all__ = ["RECOVERY", "Note", "Notes", "note_of_heads"]

RECOVERY: Final = "recovery"
"""Stands while a restored store has not been reconciled with the ledger (rule 7)."""


def note_of_heads(token: str) -> str:
    """Return under what the heads stand that came by a token, by its public part."""
    return f"kept heads {token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note under its name."""

    name: str
    value: Any


class Notes:
    """The notes, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the notes through ``transaction``."""
        self._notes = SealedTable(transaction, NOTES, Note)

    async def get(self, name: str) -> Any:
        """Return the value of a note, JSON values only; None if there is none."""
        note = await self._notes.get(name)
        return None if note is None else note.value

    async def put(self, name: str, value: Any) -> None:
        """Write a note over the one of that name."""
        await self.put_all({name: value})

    async def put_all(self, notes: Mapping[str, Any]) -> None:
        """Write notes over those of their names."""
        await self._notes.put_all({n: Record(Note(name=n, value=v)) for n, v in notes.items()})

    async def put_in_recovery(self, why: Mapping[str, Any]) -> None:
        """Write down why the store is in recovery, beside what was written down before.

        It counts how often: who reconciles must not take a new reason for one that it knew.
        """
        known = await self.get(RECOVERY) or {}
        await self.put(RECOVERY, {**known, **why, "marks": known.get("marks", 0) + 1})

    async def drop(self, name: str) -> bool:
        """Take a note away; say whether there was one."""
        return await self._notes.remove(name)

    async def load_all(self) -> dict[str, Any]:
        """Return every note by its name."""
        return {note.name: note.value for note in await self._notes.all()}
