"""Rotations of keys, each a note under its account: at most one of each, the last.

A restore that merges leaves them as they are: a rotation goes on by what the ledger says, and the
keys are merged beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from watchtower.keys.rotation import Rotation
from watchtower.store.notes import Notes
from watchtower.units import Address, TxHash

__all__ = ["Rotations"]

_NOTE: Final = "rotation "


class Rotations:
    """The rotations, in one transaction."""

    def __init__(self, notes: Notes) -> None:
        """Look at the rotations through a transaction's own notes."""
        self._notes = notes

    async def get(self, account: Address) -> Rotation | None:
        """Return the last rotation of an account, if there was one."""
        found = await self._notes.get(_NOTE + account)
        return None if found is None else msgspec.convert(found, Rotation)

    async def put(self, rotation: Rotation) -> None:
        """Write down how far a rotation has come."""
        await self._notes.put(_NOTE + rotation.account, msgspec.to_builtins(rotation))

    async def drop(self, account: Address) -> None:
        """Forget the rotation of an account."""
        await self._notes.drop(_NOTE + account)

    async def known(self, transactions: Iterable[tuple[Address, TxHash]]) -> set[TxHash]:
        """Return those of ``transactions`` that were signed here, and so are not foreign."""
        found = set()
        for account, transaction in transactions:
            rotation = await self.get(account)
            signed = None if rotation is None else rotation.appointment
            if signed is not None and signed.transaction == transaction:
                found.add(transaction)
        return found
