"""Who opens a store: whoever makes the master key out of its slots, and new slots for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from watchtower.errors import PassphraseError
from watchtower.store.header import DEFAULT_COST, PASSPHRASE, Cost, Slot, unwrap, wrap

__all__ = ["ByPassphrase", "Unlocker", "unlocker"]


class Unlocker(Protocol):
    """Opens slots, and makes them."""

    async def open(self, path: Path, slots: Sequence[Slot], store_format: int) -> bytes:
        """Return the master key of the store at ``path``.

        Raises:
            PassphraseError: a passphrase was tried, and opens none of the slots.
            StoreNeedsHsmError: an HSM opens it, and is not at hand.
        """
        ...

    async def renew(self, path: Path, master: bytes, store_format: int) -> list[Slot]:
        """Return new slots for the master key of the store at ``path``.

        Raises:
            PassphraseMissingError: it takes a passphrase, and nobody gave one.
        """
        ...


class ByPassphrase:
    """Opens stores with a passphrase, which ``repr`` does not show."""

    def __init__(self, passphrase: str, cost: Cost = DEFAULT_COST) -> None:
        """Open with ``passphrase``; what is made anew costs ``cost`` to guess."""
        self._passphrase = passphrase
        self._cost = cost

    async def open(self, path: Path, slots: Sequence[Slot], store_format: int) -> bytes:
        """Try every slot that a passphrase may open."""
        for slot in slots:
            if slot.kind == PASSPHRASE:
                master = await asyncio.to_thread(
                    unwrap, slot, self._passphrase, store_format=store_format
                )
                if master is not None:
                    return master
        raise PassphraseError(path=path)

    async def renew(self, path: Path, master: bytes, store_format: int) -> list[Slot]:
        """Return one that the passphrase opens."""
        del path
        made = await asyncio.to_thread(
            wrap, master, self._passphrase, store_format=store_format, cost=self._cost
        )
        return [made]


def unlocker(secret: str | Unlocker, cost: Cost = DEFAULT_COST) -> Unlocker:
    """Return who opens a store with ``secret``: a passphrase, or whoever knows better."""
    return ByPassphrase(secret, cost) if isinstance(secret, str) else secret
