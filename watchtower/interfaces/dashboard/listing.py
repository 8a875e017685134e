"""The list of channels: all of them looked through while the tower goes on with its work.

What it guarantees (ADR 0046):

- No search holds the event loop for longer than a slice. Between two slices it rests for as long,
  so that what is owed is responded to as if nobody looked.
- One search is made at a time, whoever asks; a few wait in line, and more are told so. What was
  found a moment ago is told again: a page that is brought up to date all day takes a tenth of the
  time at most, however many channels there are.
- Nothing is sorted or kept for later: where nobody looks it costs nothing, however many channels
  there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple

from watchtower.guard.watch import Watch
from watchtower.interfaces.dashboard.rows import Query, rows_of
from watchtower.interfaces.dashboard.selection import Page, Selection
from watchtower.units import ChannelId, LedgerIndex, RippleTime

__all__ = ["PAGE_SIZE", "BusyError", "Listing"]

PAGE_SIZE: Final = 50
"""Rows on a page."""

_SLICE: Final = 0.001
"""Seconds for which a search works before others have their turn."""

_REST: Final = 0.001
"""Seconds of that turn at least: longer, where there is more to do."""

_LONGEST_REST: Final = 0.01
"""Seconds of it at most: where others have the processor, a slice takes longer than it works."""

_BETWEEN: Final = 0.02
"""Seconds between two searches: of a few channels, telling takes longer than looking."""

_AT_ONCE: Final = 64
"""Rows between two looks at the clock: a fifth of a slice."""

_NAMES_AT_ONCE: Final = 4_096
"""Ids that are copied between two looks at the clock."""

_TRIES: Final = 3
"""How often the ids are copied anew because channels came or went, before it is done at once."""

_LINE: Final = 8
"""How many may wait for a search to end."""

_FRESH: Final = 2.0
"""Seconds for which a page is good while no ledger closes."""

_TENTH: Final = 10
"""Times as long as it was looked for, for which a page is good in any case."""

_PAGES: Final = 16
"""How many such pages are kept."""


class BusyError(Exception):
    """Too many wait for a search already."""


class _Found(NamedTuple):
    page: Page
    ledger: LedgerIndex | None
    at: float
    took: float


class Listing:
    """The channels of one tower, a page at a time."""

    def __init__(self, watch: Watch, *, clock: Callable[[], float] = time.perf_counter) -> None:
        """Look at nothing yet; ``clock`` is steady, in seconds."""
        self._watch = watch
        self._clock = clock
        self._searching = asyncio.Lock()
        self._in_line = 0
        self._ended: float | None = None
        self._found: dict[Query, _Found] = {}

    @property
    def now(self) -> RippleTime | None:
        """The newest ledger time; None before the first ledger."""
        newest = self._watch.newest
        return None if newest is None else newest.pressing_time

    async def page(self, query: Query) -> Page:
        """Return the page that is asked for, as it is now or was a moment ago.

        Raises:
            BusyError: too many wait already.
        """
        if (known := self._known(query)) is not None:
            return known
        if self._in_line >= _LINE:
            raise BusyError
        self._in_line += 1
        try:
            async with self._searching:
                # Who was before us in line may have asked the same.
                if (known := self._known(query)) is not None:
                    return known
                if self._ended is not None:
                    await asyncio.sleep(self._ended + _BETWEEN - self._clock())
                try:
                    return await self._search(query)
                finally:
                    self._ended = self._clock()
        finally:
            self._in_line -= 1

    def _known(self, query: Query) -> Page | None:
        found = self._found.get(query)
        if found is None:
            return None
        age = self._clock() - found.at
        is_good = age < _TENTH * found.took or (age < _FRESH and found.ledger == self._ledger)
        return found.page if is_good else None

    @property
    def _ledger(self) -> LedgerIndex | None:
        newest = self._watch.newest
        return None if newest is None else newest.ledger_index

    async def _search(self, query: Query) -> Page:
        ledger, at, selection = self._ledger, self._clock(), Selection(query, PAGE_SIZE)
        names = iter(await self._names())
        until = self._clock() + _SLICE
        while some := list(islice(names, _AT_ONCE)):
            selection.look(rows_of(self._watch, some))
            if (now := self._clock()) >= until:
                await asyncio.sleep(min(_LONGEST_REST, now - until + _SLICE))
                until = self._clock() + _SLICE
        self._found.pop(query, None)
        while len(self._found) >= _PAGES:
            self._found.pop(next(iter(self._found)))
        page = selection.page()
        self._found[query] = _Found(page, ledger, at, self._clock() - at)
        return page

    async def _names(self) -> list[ChannelId]:
        """Return the ids of all channels; of one that comes meanwhile, perhaps."""
        channels = self._watch.channels
        for _ in range(_TRIES):
            names: list[ChannelId] = []
            ids, until = iter(channels), self._clock() + _SLICE
            try:
                while some := list(islice(ids, _NAMES_AT_ONCE)):
                    names += some
                    if self._clock() >= until:
                        await asyncio.sleep(_REST)
                        until = self._clock() + _SLICE
            except RuntimeError:
                # Channels came or went while others had their turn, and no iterator outlives that.
                continue
            return names
        return list(channels)
