"""What happened to a channel, in the past tense: the difference between two of its states.

Events are for people, alarms and the journal. Nothing is decided by them: a verdict is computed
from the state itself, so an event that was never seen changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.ledger.events import Position
from watchtower.units import ChannelId, Drops, RippleTime

__all__ = [
    "ChannelClosed",
    "ChannelEvent",
    "ChannelOpened",
    "ChannelReappeared",
    "CloseRequested",
    "ExpirationMoved",
    "Funded",
    "Paid",
    "Renewed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Happened:
    """To which channel, and at which place in the ledger's history."""

    channel: ChannelId
    at: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOpened(_Happened):
    """The channel is known from now on; it may have existed long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funded(_Happened):
    """The source added ``drops``; ``amount`` is all that was ever put in."""

    drops: Drops
    amount: Drops


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(_Happened):
    """The channel paid ``drops`` to its destination; ``balance`` is all it ever paid."""

    drops: Drops
    balance: Drops


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRequested(_Happened):
    """An expiration was set, by whichever transaction; the dispute window runs."""

    expiration: RippleTime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirationMoved(_Happened):
    """The expiration was moved, to an earlier or a later time."""

    before: RippleTime
    after: RippleTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed(_Happened):
    """The source took its close request back: the expiration is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelClosed(_Happened):
    """The channel left the ledger: ``paid`` in all to the destination, the rest ``returned``.

    Both are None while the last balance is unknown; the event comes again once it is known.
    """

    paid: Drops | None
    returned: Drops | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReappeared(_Happened):
    """A later ledger has the channel that a server had called missing: that server was wrong."""


ChannelEvent = (
    ChannelOpened
    | Funded
    | Paid
    | CloseRequested
    | ExpirationMoved
    | Renewed
    | ChannelClosed
    | ChannelReappeared
)
