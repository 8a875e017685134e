"""A period that a person names, and the ledgers that lie in it.

What it guarantees: an edge falls between the same two ledgers whoever asks, and whenever, for close
times in validated ledgers never change; so periods that meet have no ledger in common and none
between them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import click

from watchtower.cli.reckoning import Edge
from watchtower.units import LedgerIndex, RippleTime, ripple_time

__all__ = ["CloseTimeOf", "edge_at", "moment_of"]

_FORMS: Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ")

_PACE: Final = 4
"""Seconds that a ledger takes on a public network: how far to look back at once."""

CloseTimeOf = Callable[[LedgerIndex], Awaitable[RippleTime]]
"""Tells the close time of a validated ledger."""


def moment_of(text: str, option: str) -> int:
    """Return a day, or a time in UTC, as Unix seconds.

    Raises:
        click.BadParameter: it is neither.
    """
    for form in _FORMS:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    sentence = f"{text!r} is no day (2026-11-30) and no time in UTC (2026-11-30T12:00:00Z)."
    raise click.BadParameter(sentence, param_hint=option)


async def edge_at(
    unix: int, *, first: LedgerIndex, newest: LedgerIndex, close_time_of: CloseTimeOf
) -> Edge:
    """Return the edge at a moment, with the first ledger that closed at it or later.

    ``first`` and ``newest`` are the ledgers that matter: an edge before the first is before all,
    one behind the newest is behind it.

    Raises:
        LedgerError: a close time that is needed cannot be told any more.
    """
    wanted = ripple_time(unix)
    at_or_later, close = newest, await close_time_of(newest)
    if close < wanted:
        return Edge(unix=unix, ledger=LedgerIndex(newest + 1))
    while True:
        back = max(1, (close - wanted) // _PACE)
        earlier = LedgerIndex(max(first, at_or_later - back))
        if earlier == at_or_later:
            return Edge(unix=unix, ledger=LedgerIndex(0))
        close = await close_time_of(earlier)
        if close < wanted:
            break
        at_or_later = earlier
    while at_or_later - earlier > 1:
        middle = LedgerIndex((earlier + at_or_later) // 2)
        if await close_time_of(middle) < wanted:
            earlier = middle
        else:
            at_or_later = middle
    return Edge(unix=unix, ledger=at_or_later)
