"""``/dashboard/channels``: all channels as a list, searched, narrowed down, sorted and turned over.

What it guarantees: whatever is asked is one search of ``listing.py``, and a page of it; all that
can be asked stands in the address, so that a page can be kept, sent and opened again.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import ClientException

from watchtower.interfaces.dashboard.frame import Dashboard
from watchtower.interfaces.dashboard.headers import HOME
from watchtower.interfaces.dashboard.reading import Unreadable, query_of, text_of
from watchtower.interfaces.dashboard.rows import Query, Row, Show, Sort
from watchtower.interfaces.dashboard.selection import Page
from watchtower.interfaces.dashboard.time_left import mood_of_share
from watchtower.interfaces.http.knocking import looks_at
from watchtower.units import RippleTime

__all__ = ["show_channels"]

_ADDRESS: Final = f"{HOME}/channels"

_SHOWN: Final = {
    Show.AT_STAKE: "something at stake",
    Show.THREATENED: "threatened",
    Show.UNPROTECTABLE: "not protectable",
    Show.CLOSING: "an end is set",
    Show.PAYER: "we pay",
}
_SORTED: Final = {
    Sort.AT_STAKE: "At stake",
    Sort.SLACK: "Time left",
    Sort.BALANCE: "Paid",
    Sort.AMOUNT: "Funds",
    Sort.ID: "Channel",
}
_MARKS: Final = {
    "threatened": "trouble",
    "watching": "well",
    "settled": "info",
    "expired": "danger",
    "closed": "info",
    "open": "info",
    "closing": "trouble",
    "ended": "trouble",
}
_OVER: Final = frozenset({"expired", "closed", "ended"})
_BAR: Final = 1_000


@get(_ADDRESS, include_in_schema=False, **looks_at())
async def show_channels(
    dashboard: NamedDependency[Dashboard], request: Request[Any, Any, Any]
) -> Response[str]:
    """Show a page of the channels that are asked for."""
    query = query_of(request.scope["query_string"].decode("latin-1"))
    if isinstance(query, Unreadable):
        raise ClientException(detail=query.why)
    page = await dashboard.listing.page(query)
    now = dashboard.listing.now
    return dashboard.page(
        request,
        "channels.html",
        query=query,
        words=" ".join(query.words),
        rows=[_shown(row, now) for row in page.rows],
        is_judged=now is not None,
        matched=page.matched,
        first=page.ahead + 1,
        turns=_turns(query, page),
        headers={sort.value: _header(sort, query) for sort in Sort},
        shows=[(show.value, words, show in query.show) for show, words in _SHOWN.items()],
        sorts=[(sort.value, words, sort is query.sort) for sort, words in _SORTED.items()],
    )


def _shown(row: Row, now: RippleTime | None) -> dict[str, Any]:
    """Return what the page shows of a row."""
    left = None
    if row.sure_until is not None and now is not None and row.state not in _OVER:
        left = row.sure_until - now
    mood = bar_mood = _MARKS[row.state]
    if left is not None and row.state == "threatened":
        # A bar says how much is left, the same wherever it is drawn; a mark what that means.
        bar_mood = mood_of_share(left, row.window).value
        mood = "danger" if bar_mood == "danger" else mood
    return {
        "row": row,
        "mood": mood,
        "bar_mood": bar_mood,
        "left": left,
        "bar": None if left is None or not row.window else _bar(left, row.window),
    }


def _bar(left: int, window: int) -> int:
    return max(0, min(_BAR, left * _BAR // window))


def _header(sort: Sort, query: Query) -> tuple[str, str, str]:
    """Return what a column is called, where its header leads, and how it is sorted now."""
    is_sorted = query.sort is sort
    # Once more turns it round; another column begins with what matters most of it.
    descending = not query.descending if is_sorted else sort not in {Sort.SLACK, Sort.ID}
    way = ("descending" if query.descending else "ascending") if is_sorted else ""
    return _SORTED[sort], _link(text_of(query, sort=sort, descending=descending)), way


def _turns(query: Query, page: Page) -> dict[str, str | None]:
    """Return where the first page, the one before and the next one are; None where there is none.

    Where all rows of a page have gone meanwhile the way back is the first page.
    """
    is_later = page.ahead > 0 or (not page.rows and page.matched > 0)
    return {
        "first": _link(text_of(query)) if is_later else None,
        "before": _link(text_of(query, before=page.first)) if page.ahead and page.first else None,
        "next": _link(text_of(query, after=page.last)) if page.behind and page.last else None,
    }


def _link(text: str) -> str:
    return f"{_ADDRESS}?{text}" if text else _ADDRESS
