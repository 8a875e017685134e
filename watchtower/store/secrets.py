"""Signing keys at rest. Only ``keys/`` asks for them; nothing here shows them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from watchtower.store.sealed import SealedTable
from watchtower.store.tables import KEYS
from watchtower.store.transaction import Transaction
from watchtower.units import Address

__all__ = ["CANARY", "IDENTITY", "OF_NO_ACCOUNT", "Secrets", "Standing", "StoredKey", "key_name"]

IDENTITY: Final = Address("identity")
"""Where the tower's own key stands among those of accounts, whose names all begin with ``r``."""

CANARY: Final = Address("canary")
"""Where the key of the drill's payer stands: by no account's name, so that nobody else finds it."""

OF_NO_ACCOUNT: Final = frozenset({IDENTITY, CANARY})
"""Those that sign for none of the guarded accounts."""


class Standing(StrEnum):
    """How a key stands to its account. Values are stored: never rename or reuse one.

    At most one key of an account has each of them.
    """

    SIGNS = "signs"  # it is the account's key here
    NEXT = "next"  # it takes the place of that one as soon as the ledger has accepted it
    FORMER = "former"  # a master key that a rotation put aside: it is kept, and signs no more


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key that signs, or is to sign, for ``account``.

    ``public_key`` is upper-case hex (``ED…`` is ed25519, ``02…`` or ``03…`` secp256k1);
    ``private_key`` its 32 secret bytes. ``is_regular_key``: it is not the account's master key.
    ``path`` is its place in the tree of a seed, None if it is in none.
    """

    account: Address
    public_key: str
    private_key: bytes = field(repr=False)
    is_regular_key: bool = False
    standing: Standing = Standing.SIGNS
    path: str | None = None


class Secrets:
    """The signing keys, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the keys through ``transaction``."""
        self._keys = SealedTable(transaction, KEYS, StoredKey)

    async def put(self, key: StoredKey) -> None:
        """Keep a key of an account, in place of the one of its standing that may be there."""
        await self._keys.put(key_name(key.account, key.standing), key)

    async def get(self, account: Address, standing: Standing = Standing.SIGNS) -> StoredKey | None:
        """Return the key of an account that stands so."""
        return await self._keys.get(key_name(account, standing))

    async def of_account(self, account: Address) -> tuple[StoredKey, ...]:
        """Return all keys of an account, the one that signs first; none if there is none."""
        names = [key_name(account, standing) for standing in Standing]
        found = await self._keys.find(names)
        return tuple(found[name] for name in names if name in found)

    async def remove(self, key: StoredKey) -> bool:
        """Forget a key; say whether it was there."""
        return await self._keys.remove(key_name(key.account, key.standing))

    async def public_keys(self) -> dict[Address, tuple[str, ...]]:
        """Return the public keys that may sign for every account, the one that signs first."""
        found: defaultdict[Address, list[StoredKey]] = defaultdict(list)
        for key in await self.load_all():
            if key.standing is not Standing.FORMER:
                found[key.account].append(key)
        return {
            account: tuple(key.public_key for key in sorted(keys, key=_rank))
            for account, keys in found.items()
        }

    async def load_all(self) -> list[StoredKey]:
        """Return every key, also the tower's own."""
        return await self._keys.all()


def _rank(key: StoredKey) -> int:
    return list(Standing).index(key.standing)


def key_name(account: Address, standing: Standing) -> str:
    """Return what a key is found by; the one that signs by its account alone, as ever."""
    return account if standing is Standing.SIGNS else f"{account} {standing}"
