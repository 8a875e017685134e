"""The canary's books: what drills have opened and spent, and what was sent for it. Pure.

They are a note of the store, written before anything is sent by it (journal before act): whatever
is killed, whenever, the next drill finds its channels here and brings their money home.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from watchtower.units import ChannelId, Drops, LedgerIndex

__all__ = ["NOTE", "Books", "CanaryChannel", "Sent", "books_of", "note_of"]

NOTE: Final = "drill"
_DAY: Final = 86_400


class Sent(Struct, frozen=True, kw_only=True):
    """A signed transaction; it can come about up to ledger ``last_ledger``.

    ``asks``: it asks for the end of a channel that had none, and once it has one, is spent.
    """

    transaction: str
    blob: str
    last_ledger: LedgerIndex
    asks: bool = False


class CanaryChannel(Struct, frozen=True, kw_only=True):
    """A channel of the canary's; ``opening`` opened it, ``closing`` was sent last to close it."""

    channel: ChannelId
    amount: Drops
    opening: Sent
    closing: Sent | None = None


class Books(Struct, frozen=True, kw_only=True):
    """The channels that may still be in the ledger, and what was spent: Unix seconds and drops."""

    channels: tuple[CanaryChannel, ...] = ()
    spent: tuple[tuple[int, int], ...] = ()

    @property
    def opened(self) -> Mapping[ChannelId, Drops]:
        """What was put into each channel."""
        return {one.channel: one.amount for one in self.channels}

    def spent_since(self, now: int) -> int:
        """Return the drops of the last day before ``now``."""
        return sum(drops for at, drops in self.spent if now - at < _DAY)

    def opening(self, channel: CanaryChannel, *, now: int, cost: int) -> Books:
        """Return them with a channel that is about to be opened, at ``cost`` drops in all."""
        kept = tuple(one for one in self.spent if now - one[0] < _DAY)
        return Books(channels=(*self.channels, channel), spent=(*kept, (now, cost)))

    def closing(self, channel: ChannelId, sent: Sent) -> Books:
        """Return them with what is about to be sent to close a channel."""
        changed = (
            msgspec.structs.replace(one, closing=sent) if one.channel == channel else one
            for one in self.channels
        )
        return msgspec.structs.replace(self, channels=tuple(changed))

    def without(self, channel: ChannelId) -> Books:
        """Return them without a channel that is not in the ledger, and cannot come into it."""
        left = tuple(one for one in self.channels if one.channel != channel)
        return msgspec.structs.replace(self, channels=left)


def books_of(note: Any) -> Books:
    """Return the books that a note holds; empty ones if there is none."""
    return Books() if note is None else msgspec.convert(note, Books)


def note_of(books: Books) -> dict[str, Any]:
    """Return the books as a note."""
    noted: dict[str, Any] = msgspec.to_builtins(books)
    return noted
