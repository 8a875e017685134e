"""A channel's funds as a picture: what was paid, what is promised, what is left. Pure.

It is one bar as long as everything that was put in, or as the best claim where that promises more.
Each part is drawn as long as it is, and no shorter than can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from watchtower.ledger.events import ChannelEntry
from watchtower.units import Drops

__all__ = ["WIDTH", "Part", "parts_of", "pieces"]

WIDTH: Final = 1_000
"""How long the bar is, in units of the picture."""

_LEAST: Final = 6
"""How long the shortest part is that has anything in it."""


class Part(NamedTuple):
    """A part of the bar: which one, what it is called, how much it is, and where it stands.

    ``kind`` is ``paid``, ``owed``, ``rest`` or ``beyond``.
    """

    kind: str
    name: str
    drops: Drops
    x: int
    width: int


def parts_of(
    entry: ChannelEntry, claimed: Drops, *, owed: str = "at stake", rest: str = "not promised"
) -> list[Part]:
    """Return the parts of a channel's bar, those that are empty left out.

    Args:
        entry: the channel's last known state.
        claimed: the best claim, 0 without one.
        owed: what the claim has beyond the balance and within the funds is called.
        rest: what is in the channel beyond the claim is called.
    """
    reached = max(entry.balance, min(claimed, entry.amount))
    amounts = (
        ("paid", "paid", entry.balance),
        ("owed", owed, Drops(reached - entry.balance)),
        ("rest", rest, Drops(entry.amount - reached)),
        ("beyond", "promised beyond the funds", Drops(max(0, claimed - entry.amount))),
    )
    there = [each for each in amounts if each[2] > 0]
    widths = pieces([drops for _, _, drops in there])
    parts, x = [], 0
    for (kind, name, drops), width in zip(there, widths, strict=True):
        parts.append(Part(kind, name, drops, x, width))
        x += width
    return parts


def pieces(amounts: Sequence[int], whole: int = WIDTH) -> list[int]:
    """Cut ``whole`` into pieces as long as the amounts are, which are above 0; none is lost."""
    total = sum(amounts)
    widths = [max(_LEAST, amount * whole // total) for amount in amounts]
    if widths:
        # What was rounded, or given to the shortest, is seen least in the longest.
        widths[widths.index(max(widths))] += whole - sum(widths)
    return widths
