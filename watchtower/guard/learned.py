"""What one fact changed, and what became of an attempt: values that the watch hands on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.judgement.channel import Channel
from watchtower.judgement.channel_events import ChannelEvent
from watchtower.judgement.estate import Estate
from watchtower.ledger.events import ChannelFact, ChannelMissing, ClaimPresented, SeatUsed
from watchtower.response.attempt import Attempt, Outcome
from watchtower.response.spending import DaySpent
from watchtower.units import ChannelId, RippleTime

__all__ = ["Learned", "Settlement", "channel_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """An attempt, and its outcome, which is proven; ``spent`` is what its account's day has cost.

    ``spent`` is None where the attempt itself cost nothing.
    """

    attempt: Attempt
    outcome: Outcome
    spent: DaySpent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What one fact changed: a channel's or an account's new state, and what follows from it.

    ``redeemed_at`` is the ledger time of a payment that the fact shows. ``foreign`` is a
    transaction of a guarded account on a seat that no attempt without an outcome has.
    """

    channel: Channel | None = None
    estate: Estate | None = None
    estate_before: Estate | None = None
    foreign: SeatUsed | None = None
    redeemed_at: RippleTime | None = None
    events: tuple[ChannelEvent, ...] = ()
    settled: tuple[Settlement, ...] = ()


def channel_of(fact: ChannelFact | ClaimPresented) -> ChannelId:
    """Return the channel that ``fact`` is about."""
    if isinstance(fact, ChannelMissing | ClaimPresented):
        return fact.channel
    return fact.entry.channel
