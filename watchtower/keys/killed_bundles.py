"""Which transactions that were signed ahead a rotation kills: those of the key that it replaces.

What they are signed with is the ledger's only reason to take them (rippled Transactor.cpp,
checkSingleSign), so they are of no use once another regular key stands in the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xrpl.core.keypairs import derive_classic_address

from watchtower.store.database import Store
from watchtower.units import Address

__all__ = ["StoredBundles"]


@dataclass(frozen=True, slots=True)
class StoredBundles:
    """The bundles of one store."""

    store: Store

    async def signed_by(self, account: Address, signer: Address) -> Sequence[str]:
        """Name the pre-signed claims of ``account`` that the key of address ``signer`` signed."""
        async with self.store.read() as work:
            presigned = await work.bundles.of_account(account)
        return tuple(
            f"channel {one.channel} on ticket {one.ticket}"
            for one in presigned
            if derive_classic_address(one.signing_key) == signer
        )
