"""The publisher: gives claims to the tower as ``watchtower claim add -`` does, beside the daemon.

It serves against a claim once the tower has acknowledged it, and not before; what could not be
kept is given again, until it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from simulation.holders import PAYEE
from simulation.host import PASSPHRASE, Host
from simulation.land import Land
from simulation.oracle import Promise
from watchtower.claims.decision import NotKept
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.errors import StoreError
from watchtower.judgement.claim import Claim
from watchtower.ledger.decode import decode_entry
from watchtower.ledger.events import END_OF_LEDGER, ChannelChanged, Position
from watchtower.store.database import Store
from watchtower.units import LedgerIndex, RippleTime
from watchtower.wiring import guard_of

__all__ = ["Publisher"]

_AGAIN: Final = 3.0
_TRIES: Final = 40


class Publisher:
    """Gives claims, one task each. ``promises`` are those acknowledged, by channel."""

    def __init__(
        self, host: Host, land: Land, number: Callable[[], int], tell: Callable[[str], None]
    ) -> None:
        """Begin; ``number`` is that of the ledger that is open, as the oracle counts them."""
        self.promises: dict[str, list[Promise]] = {}
        self._host = host
        self._land = land
        self._number = number
        self._tell = tell
        self._turn = asyncio.Lock()
        self._store: Store | None = None

    async def give(self, claim: Claim, *, is_good: bool) -> None:
        """Give a claim until it is acknowledged, or refused."""
        for _ in range(_TRIES):
            try:
                kept = await self._keep(claim)
            except StoreError as failure:
                self._tell(f"a claim could not be kept: {type(failure).__name__}")
                await asyncio.sleep(_AGAIN)
                continue
            if kept and is_good:
                promise = Promise(drops=claim.amount, kept_in=self._number())
                self.promises.setdefault(claim.channel, []).append(promise)
            return

    async def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            await self._store.close()

    async def _keep(self, claim: Claim) -> bool:
        """Do what the command does with a line: look at the channel, decide, write."""
        settings = self._host.settings
        async with self._turn:
            if self._store is None:
                self._store = await Store.open(
                    Path(settings.store), PASSPHRASE, patience=1.0, driver=self._host.driver()
                )
            intake = Intake(self._store, guard_of(settings))
            receipt = await intake.take(claim, self._sight(claim))
        kept = not isinstance(receipt.decision.kept, NotKept)
        words = "kept" if kept else f"refused ({receipt.report()['error']})"
        self._tell(f"a claim for {claim.amount} on {claim.channel[:6]} is {words}")
        return kept

    def _sight(self, claim: Claim) -> Sight:
        raw = self._land.raw(claim.channel)
        now = RippleTime(self._land.now)
        if raw is None or self._host.network.is_cut or self._host.network.is_deaf:
            return Sight(fact=None, ledger_time=now)
        entry = decode_entry({**raw, "index": claim.channel})
        if entry is None or entry.destination != PAYEE.address:
            raise AssertionError(claim.channel)
        at = Position(LedgerIndex(self._land.index), END_OF_LEDGER)
        return Sight(fact=ChannelChanged(entry=entry, at=at), ledger_time=now)
