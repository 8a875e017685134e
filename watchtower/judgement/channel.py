"""A channel as we know it."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.ledger.events import ChannelEntry, Position

__all__ = ["Channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """The last known state of a channel.

    ``as_of`` is the place in history since which it holds; ``closed_at`` is set once a validated
    ledger no longer has the channel.
    """

    entry: ChannelEntry
    as_of: Position
    closed_at: Position | None = None
