"""The best claim of each channel, which only ever grows, and claims that wait to be judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from watchtower.judgement.claim import Claim
from watchtower.store.sealed import Record, SealedTable
from watchtower.store.tables import CLAIMS, PENDING_CLAIMS
from watchtower.store.transaction import Transaction
from watchtower.units import ChannelId

__all__ = ["Claims", "pending_name"]


class Claims:
    """The claims, in one transaction.

    *Best* claims were found valid. *Pending* ones are for channels that the ledger has not shown
    yet, so nobody can tell which key is the channel's: the highest is kept for each channel and
    key, so that a claim under another key cannot displace a true one.
    """

    def __init__(self, transaction: Transaction) -> None:
        """Look at the claims through ``transaction``."""
        self._best = SealedTable(transaction, CLAIMS, Claim)
        self._pending = SealedTable(transaction, PENDING_CLAIMS, Claim)

    async def best(self, channel: ChannelId) -> Claim | None:
        """Return the best claim of one channel."""
        return await self._best.get(channel)

    async def find(self, channels: Collection[ChannelId]) -> dict[ChannelId, Claim]:
        """Return the best claims of those of ``channels`` that have one."""
        return {ChannelId(name): c for name, c in (await self._best.find(channels)).items()}

    async def load_all(self) -> list[Claim]:
        """Return the best claim of every channel that has one."""
        return await self._best.all()

    async def count(self) -> int:
        """Return how many channels have a best claim."""
        return await self._best.count()

    async def visit_all(self, visit: Callable[[Claim], object]) -> None:
        """Show the same to ``visit``, one by one as they are read."""
        await self._best.walk(visit)

    async def raise_best(self, claim: Claim) -> bool:
        """Keep ``claim`` if it is strictly above the best one, and say whether it was.

        The comparison is made inside the write transaction: whoever else writes, the best claim
        only grows (rule 7).
        """
        return await self.raise_all([claim]) == 1

    async def raise_all(self, claims: Iterable[Claim]) -> int:
        """Keep those of ``claims`` that are above the best one; return for how many channels."""
        return await _raise(self._best, ((claim.channel, claim) for claim in claims))

    async def put_pending(self, claim: Claim) -> bool:
        """Keep ``claim`` until it can be judged, if it is the highest for its channel and key.

        Its signature must have been found valid under its own ``public_key``; otherwise anybody
        could displace a true claim by an invented one under the same key.
        """
        return await self.put_all_pending([claim]) == 1

    async def put_all_pending(self, claims: Iterable[Claim]) -> int:
        """Keep those of ``claims`` that are the highest for their channel and key."""
        return await _raise(self._pending, ((pending_name(claim), claim) for claim in claims))

    async def find_pending(
        self, names: Collection[tuple[ChannelId, str]]
    ) -> dict[tuple[ChannelId, str], Claim]:
        """Return the pending claims of those of ``names``, a channel and a key, that have one."""
        asked = {f"{channel} {key}": (channel, key) for channel, key in names}
        return {asked[name]: claim for name, claim in (await self._pending.find(asked)).items()}

    async def load_pending(self) -> list[Claim]:
        """Return every claim that waits to be judged."""
        return await self._pending.all()

    async def count_pending(self) -> int:
        """Return how many claims wait to be judged."""
        return await self._pending.count()

    async def drop_all_pending(self, claims: Iterable[Claim]) -> int:
        """Forget pending claims that have been judged; one that has grown since stays.

        Returns:
            How many were forgotten.
        """
        judged = {pending_name(claim): claim.amount for claim in claims}
        kept = await self._pending.find(judged)
        return await self._pending.remove_all(
            [name for name, claim in kept.items() if claim.amount <= judged[name]]
        )


async def _raise(table: SealedTable[Claim], claims: Iterable[tuple[str, Claim]]) -> int:
    """Write those claims that are above what stands under their names; return how many."""
    highest: dict[str, Claim] = {}
    for name, claim in claims:
        known = highest.get(name)
        if known is None or claim.amount > known.amount:
            highest[name] = claim
    kept = await table.find(highest)
    higher = {
        name: Record(claim)
        for name, claim in highest.items()
        if name not in kept or claim.amount > kept[name].amount
    }
    await table.put_all(higher)
    return len(higher)


def pending_name(claim: Claim) -> str:
    """Return what a claim is found by while it waits."""
    return f"{claim.channel} {claim.public_key}"
