"""Our own share in a signer list: the signature of the account that this tower is in it.

What it guarantees: the key signs nothing but one signer's part of a transaction that somebody in
this room has judged. Alone it is worth nothing: fewer signatures than the quorum are refused by the
ledger (``tefBAD_QUORUM``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchtower.keys.multisign import Cosignature, to_multisign, verified
from watchtower.keys.signer import KeySource
from watchtower.units import Address

__all__ = ["OwnShare"]


class OwnShare:
    """Signs as ``account``, which stands in the signer lists of those it signs for."""

    most: Final = None
    """Drops that it signs at most, by settings of its own: what it is asked for was judged."""

    def __init__(self, account: Address, keys: KeySource) -> None:
        """Sign with the key that ``keys`` has for ``account``."""
        self.account = account
        self._keys = keys

    async def sign(self, transactions: Sequence[Mapping[str, Any]]) -> list[Cosignature]:
        """Return our signature of each of ``transactions``, which were judged before.

        Raises:
            KeyMissingError: there is no key for our account.
            StoreError: it cannot be read.
        """
        key = await self._keys.key_of(self.account)
        signed = []
        for transaction in transactions:
            signature = await key.sign(to_multisign(transaction, self.account))
            one = Cosignature(
                account=self.account,
                public_key=key.public_key,
                signature=signature.hex().upper(),
            )
            if verified(transaction, one) != one:
                raise AssertionError("our own signature does not verify")
            signed.append(one)
        return signed

    async def public_key(self) -> str:
        """Return the key, in upper-case hex, by which others know our signatures.

        Raises:
            KeyMissingError: as `sign`.
        """
        return (await self._keys.key_of(self.account)).public_key
