"""The retention's rounds: a page of the journal at a time, beside everything else.

What it guarantees: pruning takes a tenth of the time at most, so that whoever writes waits for one
page at most and seldom; and it writes nothing where room is short, for that is for redeeming.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from watchtower.errors import StoreBusyError, StoreFullError, StoreTamperedError
from watchtower.store.database import Store
from watchtower.store.retention import Keeping, prune_page, spoken_for

__all__ = ["Retention"]

_log = structlog.get_logger(__name__)

_EVERY: Final = 6 * 3_600.0
"""Seconds between two rounds: what is kept for days grows old slowly."""

_REST: Final = 9
"""How many times as long as a page took nothing is done after it."""

_RETRY: Final = 60.0


class Retention:
    """Prunes the journal of one store."""

    def __init__(
        self,
        store: Store,
        days: int,
        *,
        clock: Callable[[], float],
        why_not: Callable[[], str | None] = lambda: None,
        up_to: Callable[[], int | None] = lambda: None,
        every: float = _EVERY,
    ) -> None:
        """Prune nothing yet.

        Args:
            store: whose journal.
            days: how long entries are kept at least; 0 for ever.
            clock: the host's Unix time, in seconds.
            why_not: says why nothing may be written that is not needed; None if it may.
            up_to: says up to which number entries may go at all; None for no such limit.
            every: seconds between two rounds.
        """
        self._store = store
        self._days = days
        self._clock = clock
        self._why_not = why_not
        self._up_to = up_to
        self._every = every
        self._behind = 0
        self._told_otherwise = asyncio.Event()

    def hold_to(self, days: int) -> None:
        """Keep entries for so many days from now on, and prune soon if these are others."""
        if days != self._days:
            self._days = days
            self._told_otherwise.set()

    async def prune_for_ever(self) -> None:
        """Make a round, and the next one hours later; where it is disturbed, again soon."""
        while True:
            # Before pruning: who is told otherwise meanwhile prunes again.
            self._told_otherwise.clear()
            try:
                pruned = await self.prune()
            except (StoreBusyError, StoreFullError) as failure:
                _log.warning("pruning_waits", why=str(failure))
                await asyncio.sleep(_RETRY)
                continue
            except StoreTamperedError as failure:
                # Whoever changed the journal must not be helped to make it less.
                _log.warning("pruning_ends", why=str(failure))
                return
            if pruned:
                _log.info("journal_pruned", entries=pruned)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._told_otherwise.wait()

    async def prune(self) -> int:
        """Go through the journal once, or on where that ended; return how many entries went.

        Raises:
            StoreError: it went as far as it could.
        """
        if not self._days:
            return 0
        spoken = await spoken_for(self._store)
        pruned = 0
        loop = asyncio.get_running_loop()
        while self._why_not() is None:
            begun = loop.time()
            keeping = Keeping(days=self._days, now=self._clock(), up_to=self._up_to())
            page = await prune_page(self._store, keeping, behind=self._behind, spoken=spoken)
            pruned += page.entries
            self._behind = page.behind or 0
            if page.behind is None:
                break
            await asyncio.sleep(_REST * (loop.time() - begun))
        return pruned
