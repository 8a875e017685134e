"""Which key of a token signs for which account; for all other accounts, whoever signed before.

An account whose key is configured to be in the token is signed for by that key or not at all. A
key in the store does not step in where the token is gone: who pulls the token out must not get a
weaker key to work in its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xrpl.core.keypairs import derive_classic_address

from watchtower.errors import HsmKeyForeignError, KeyMissingError
from watchtower.keys.hsm import Hsm, HsmKey
from watchtower.keys.signer import KeySource, SigningKey
from watchtower.keys.vault import KeyCard
from watchtower.units import Address

__all__ = ["HsmKeys", "KeyInHsm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInHsm:
    """The label of an account's key; ``is_regular_key``: it need not be its master key."""

    account: Address
    label: str
    is_regular_key: bool = False


class HsmKeys:
    """The keys of one token, and behind them the keys of whoever else has some."""

    def __init__(self, hsm: Hsm, keys: Iterable[KeyInHsm], others: KeySource | None) -> None:
        """Have ``keys`` sign by ``hsm``, and ``others`` for the accounts that these do not name."""
        self._hsm = hsm
        self._keys = {key.account: key for key in keys}
        self._others = others
        self._known: dict[Address, HsmKey] = {}

    def before(self, others: KeySource) -> KeySource:
        """Return the same keys, with ``others`` for the accounts that these do not name."""
        return _Before(self, others)

    @property
    def accounts(self) -> tuple[Address, ...]:
        """The accounts whose keys are in the token."""
        return tuple(self._keys)

    async def key_of(self, account: Address) -> SigningKey:
        """Return what signs for ``account``.

        Raises:
            HsmKeyForeignError: the token's key belongs to another account.
            HsmError: the token does not give it now.
            KeyMissingError: there is none, in the token or elsewhere.
        """
        if account in self._keys:
            return await self._key_of(account)
        if self._others is None:
            raise KeyMissingError(account=account)
        return await self._others.key_of(account)

    async def prove(self, account: Address) -> str:
        """See that the token signs for ``account``; return the public key.

        Raises:
            HsmError: it does not.
        """
        # Found anew: a key that was made again under its old label is another one.
        self._known.pop(account, None)
        key = await self._key_of(account)
        await key.prove()
        return key.public_key

    async def cards(self) -> list[KeyCard]:
        """Return what may be told of each account's key in the token.

        Raises:
            HsmError: the token does not tell.
        """
        return [await self._card(account) for account in sorted(self._keys)]

    async def _card(self, account: Address) -> KeyCard:
        card = (await self._key_of(account)).card
        return KeyCard(
            account=account,
            algorithm=card.algorithm,
            public_key=card.public_key,
            is_regular_key=derive_classic_address(card.public_key) != account,
        )

    async def _key_of(self, account: Address) -> HsmKey:
        known = self._known.get(account)
        if known is None:
            known = await self._hsm.key(self._keys[account].label)
            self._refuse_foreign(self._keys[account], known.public_key)
            self._known[account] = known
        return known

    def _refuse_foreign(self, key: KeyInHsm, public_key: str) -> None:
        address = derive_classic_address(public_key)
        if address != key.account and not key.is_regular_key:
            raise HsmKeyForeignError(
                token=self._hsm.token, label=key.label, address=address, account=key.account
            )


@dataclass(frozen=True, slots=True)
class _Before:
    keys: HsmKeys
    others: KeySource

    async def key_of(self, account: Address) -> SigningKey:
        source = self.keys if account in self.keys.accounts else self.others
        return await source.key_of(account)
