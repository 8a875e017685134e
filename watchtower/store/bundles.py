"""What payees signed ahead of need: for each channel and ticket the best, which only ever grows.

A claim that is signed anew for the same ticket takes the place of the lower one, of which only one
could apply. Nothing here is secret; it is sealed because a thief of the disk should not learn what
a payee earns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchtower.response.bundle import Presigned
from watchtower.store.sealed import Record, SealedTable
from watchtower.store.tables import BUNDLES
from watchtower.store.transaction import Transaction
from watchtower.units import Address

__all__ = ["BUNDLE_IMPORTED", "Bundles", "presigned_name"]

BUNDLE_IMPORTED = "bundle_imported"
"""The journal's line about a bundle that was imported, by which a daemon notices it."""


class Bundles:
    """What was signed ahead, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at it through ``transaction``."""
        self._table = SealedTable(transaction, BUNDLES, Presigned)

    async def raise_all(self, presigned: Iterable[Presigned]) -> int:
        """Keep what is better than what stands for its channel and ticket; return how many."""
        best: dict[str, Presigned] = {}
        for each in presigned:
            known = best.get(presigned_name(each))
            if known is None or each.worth > known.worth:
                best[presigned_name(each)] = each
        kept = await self._table.find(best)
        better = {
            name: Record(each)
            for name, each in best.items()
            if name not in kept or each.worth > kept[name].worth
        }
        await self._table.put_all(better)
        return len(better)

    async def of_account(self, account: Address) -> list[Presigned]:
        """Return what was signed ahead for one account, by channel and ticket."""
        return [each for each in await self.load_all() if each.account == account]

    async def drop_all(self, presigned: Iterable[Presigned]) -> int:
        """Forget what can never be of use again; return how many there were."""
        return await self._table.remove_all([presigned_name(each) for each in presigned])

    async def visit_all(self, visit: Callable[[Presigned], object]) -> None:
        """Show everything to ``visit``, one by one as it is read."""
        await self._table.walk(visit)

    async def load_all(self) -> list[Presigned]:
        """Return everything, by account, channel and ticket."""
        found = await self._table.all()
        return sorted(found, key=lambda each: (each.account, each.channel, each.ticket))


def presigned_name(presigned: Presigned) -> str:
    """Return what is found by its account, channel and ticket."""
    return f"{presigned.account} {presigned.channel} {presigned.ticket}"
