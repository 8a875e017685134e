"""Signing keys at rest. Only ``keys/`` asks for them; nothing here shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from watchtower.store.sealed import SealedTable
from watchtower.store.tables import KEYS
from watchtower.store.transaction import Transaction
from watchtower.units import Address

__all__ = ["IDENTITY", "Secrets", "StoredKey"]

IDENTITY: Final = Address("identity")
"""Where the tower's own key stands among those of accounts, whose names all begin with ``r``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """The key that signs for ``account``.

    ``public_key`` is upper-case hex (``ED…`` is ed25519, ``02…`` or ``03…`` secp256k1);
    ``private_key`` its 32 secret bytes. ``is_regular_key``: it is not the account's master key.
    """

    account: Address
    public_key: str
    private_key: bytes = field(repr=False)
    is_regular_key: bool = False


class Secrets:
    """The signing keys, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the keys through ``transaction``."""
        self._keys = SealedTable(transaction, KEYS, StoredKey)

    async def put(self, key: StoredKey) -> None:
        """Keep the key of an account, in place of the one that may be there."""
        await self._keys.put(key.account, key)

    async def drop(self, account: Address) -> bool:
        """Take the key of an account away; say whether there was one."""
        return await self._keys.remove(account)

    async def get(self, account: Address) -> StoredKey | None:
        """Return the key of an account."""
        return await self._keys.get(account)

    async def load_all(self) -> list[StoredKey]:
        """Return every key, also the tower's own."""
        return await self._keys.all()
