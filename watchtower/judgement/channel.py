"""A channel as we know it, and how facts change it.

The map::

                    ┌───────────────── Renewed ─────────────────┐
                    ▼                                           │
    (unknown) ──► OPEN ──────────── CloseRequested ─────────► CLOSING ⟲ ExpirationMoved
      ChannelOpened │                                           │
                    │ time reaches CancelAfter                  │ time reaches Expiration
                    ▼                                           ▼ or CancelAfter
                 EXPIRED ◄──────────────────────────────────────┘
                    │       (no event: time alone does it, and the ledger keeps the entry
                    │        until somebody touches it)
                    ▼
    any phase ─── ChannelClosed ──► CLOSED      the destination may close from anywhere

`Funded` and `Paid` leave the phase as it is.

What it guarantees: the state after a set of facts depends on the set alone, not on order,
repetition or delay. A newer position wins. Two facts are special:

* *deleted* (seen in metadata) is final, whatever else arrives: an id is derived from the account
  and sequence that created it (rippled Indexes.cpp, keylet::payChan) and never comes back;
* *missing* (one server did not find the entry) closes the channel with its last balance unknown.
  It yields to a state of the same place or later, because one server's word must not end an
  obligation for ever, and to the deletion, which knows the balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from watchtower.judgement.channel_events import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    ChannelReappeared,
    CloseRequested,
    ExpirationMoved,
    Funded,
    Paid,
    Renewed,
)
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.ledger.events import (
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    ChannelFact,
    ChannelMissing,
    Position,
)
from watchtower.units import Drops, RippleTime

__all__ = ["Channel", "Phase", "ends_at", "observe", "phase"]


class Phase(StrEnum):
    """Where a channel stands on the map above."""

    OPEN = "open"
    CLOSING = "closing"
    EXPIRED = "expired"
    CLOSED = "closed"


class Channel(Struct, frozen=True, kw_only=True, gc=False):
    """The last known state of a channel.

    ``as_of`` is the place in history since which it holds; ``closed_at`` is set once a validated
    ledger no longer has the channel. When the closing itself was seen both are the same place,
    and the entry is the channel's last.
    """

    entry: ChannelEntry
    as_of: Position
    closed_at: Position | None = None

    @property
    def is_final(self) -> bool:
        """Whether the channel was seen to close, so that its balance is the last one."""
        return self.closed_at == self.as_of


def ends_at(entry: ChannelEntry) -> RippleTime | None:
    """Return the first time at which the ledger treats the channel as expired, None if never.

    Expiration and CancelAfter do the same (rippled PaymentChannelHelpers.cpp, isExpired).
    """
    return min(
        (time for time in (entry.expiration, entry.cancel_after) if time is not None),
        default=None,
    )


def phase(channel: Channel, ledger_time: RippleTime, rules: ChannelRules = STRICT) -> Phase:
    """Return the phase of ``channel`` for a transaction in the ledger after ``ledger_time``.

    A ledger judges by its parent's close time. Whether a channel has expired when the two are
    equal depends on the rules; a claim is sure only before.
    """
    if channel.closed_at is not None:
        return Phase.CLOSED
    end = ends_at(channel.entry)
    if end is not None and rules.has_ended(end, ledger_time):
        return Phase.EXPIRED
    return Phase.OPEN if channel.entry.expiration is None else Phase.CLOSING


def observe(
    channel: Channel | None, fact: ChannelFact
) -> tuple[Channel | None, tuple[ChannelEvent, ...]]:
    """Return ``channel`` after ``fact``, and what happened by the difference.

    A fact that is older than what is known, or known already, changes nothing. That a channel of
    which nothing is known is missing says nothing either. ``fact`` must be about this channel.
    """
    after = _after(channel, fact)
    if after is None or after == channel:
        return channel, ()
    return after, tuple(_events(channel, after, fact.at))


def _after(channel: Channel | None, fact: ChannelFact) -> Channel | None:
    if channel is not None and channel.is_final:
        return channel
    if isinstance(fact, ChannelDeleted):
        return Channel(entry=fact.entry, as_of=fact.at, closed_at=fact.at)
    if isinstance(fact, ChannelMissing):
        return None if channel is None else _missing(channel, fact)
    return _changed(channel, fact)


def _missing(channel: Channel, fact: ChannelMissing) -> Channel:
    if fact.at <= (channel.closed_at or channel.as_of):
        return channel
    return replace(channel, closed_at=fact.at)


def _changed(channel: Channel | None, fact: ChannelChanged) -> Channel:
    if channel is None:
        return Channel(entry=fact.entry, as_of=fact.at)
    if fact.at <= channel.as_of:
        return channel
    gone = channel.closed_at is not None and channel.closed_at > fact.at
    return Channel(entry=fact.entry, as_of=fact.at, closed_at=channel.closed_at if gone else None)


def _events(before: Channel | None, after: Channel, at: Position) -> Iterator[ChannelEvent]:
    channel = after.entry.channel
    if before is None and after.closed_at is None:
        yield ChannelOpened(channel=channel, at=at)
    if before is not None:
        yield from _money_events(before.entry, after.entry, at)
    if after.closed_at is None:
        yield from _time_events(before, after, at)
    elif before is None or before.closed_at is None or (after.is_final and not before.is_final):
        known = after.is_final
        yield ChannelClosed(
            channel=channel,
            at=at,
            paid=after.entry.balance if known else None,
            returned=Drops(after.entry.amount - after.entry.balance) if known else None,
        )


def _money_events(
    before: ChannelEntry, after: ChannelEntry, at: Position
) -> Iterator[ChannelEvent]:
    if after.amount > before.amount:
        added = Drops(after.amount - before.amount)
        yield Funded(channel=after.channel, at=at, drops=added, amount=after.amount)
    if after.balance > before.balance:
        paid = Drops(after.balance - before.balance)
        yield Paid(channel=after.channel, at=at, drops=paid, balance=after.balance)


def _time_events(before: Channel | None, after: Channel, at: Position) -> Iterator[ChannelEvent]:
    channel, new = after.entry.channel, after.entry.expiration
    if before is not None and before.closed_at is not None:
        yield ChannelReappeared(channel=channel, at=at)
    old = None if before is None else before.entry.expiration
    if new == old:
        return
    if new is None:
        yield Renewed(channel=channel, at=at)
    elif old is None:
        yield CloseRequested(channel=channel, at=at, expiration=new)
    else:
        yield ExpirationMoved(channel=channel, at=at, before=old, after=new)
