"""A page of a list, found by looking at every row once, in whatever order they come. Pure.

What it guarantees: the page is the one that sorting all rows would give, it costs a comparison for
most rows, and no more is kept of a million of them than a few pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from watchtower.interfaces.dashboard.rows import Place, Query, Row, matcher, place_of

__all__ = ["Page", "Selection"]

_SLACK: Final = 4
"""Pages of rows that are kept before all but one are thrown away."""


class Page(Struct, frozen=True, kw_only=True):
    """A page of the rows that match.

    Attributes:
        rows: in the order that was asked for.
        matched: how many rows match in all.
        ahead: how many of them come before this page.
        first: the place of the first row; None without one.
        last: the place of the last row; None without one.
    """

    rows: tuple[Row, ...]
    matched: int
    ahead: int
    first: Place | None
    last: Place | None

    @property
    def behind(self) -> int:
        """How many of them come behind this page."""
        return self.matched - self.ahead - len(self.rows)


class Selection:
    """Looks at rows, a few at a time, and keeps those of the page that is asked for."""

    def __init__(self, query: Query, size: int) -> None:
        """Look at nothing yet; ``size`` is how many rows a page has."""
        self._size = size
        self._matches = matcher(query)
        self._place_of = place_of(query)
        self._after, self._before = query.after, query.before
        # With `before` the page is the last one before that place; else the first one behind
        # `after`.
        self._is_backward = query.before is not None
        self._kept: list[tuple[Place, Row]] = []
        self._bound: Place | None = None
        self._matched = 0
        self._ahead = 0

    def look(self, rows: Iterable[Row]) -> None:
        """Look at some more rows."""
        look = self._look_back if self._is_backward else self._look_on
        look(row for row in rows if self._matches(row))

    def _look_on(self, rows: Iterable[Row]) -> None:
        after, place_of = self._after, self._place_of
        for row in rows:
            self._matched += 1
            place = place_of(row)
            if after is not None and place <= after:
                self._ahead += 1
            elif self._bound is None or place < self._bound:
                self._keep(place, row)

    def _look_back(self, rows: Iterable[Row]) -> None:
        before, place_of = self._before, self._place_of
        for row in rows:
            self._matched += 1
            place = place_of(row)
            if before is not None and place >= before:
                continue
            self._ahead += 1
            if self._bound is None or place > self._bound:
                self._keep(place, row)

    def _keep(self, place: Place, row: Row) -> None:
        self._kept.append((place, row))
        if len(self._kept) >= _SLACK * self._size:
            self._kept = self._best()
            self._bound = self._kept[0 if self._is_backward else -1][0]

    def _best(self) -> list[tuple[Place, Row]]:
        """Return what is kept of the page, in order."""
        kept = sorted(self._kept, key=lambda kept: kept[0])
        return kept[-self._size :] if self._is_backward else kept[: self._size]

    def page(self) -> Page:
        """Return the page, of all that was looked at."""
        best = self._best()
        return Page(
            rows=tuple(row for _, row in best),
            matched=self._matched,
            ahead=self._ahead - (len(best) if self._is_backward else 0),
            first=best[0][0] if best else None,
            last=best[-1][0] if best else None,
        )
