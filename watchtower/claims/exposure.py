"""How much may be at stake before nothing more is served: on a channel, with a payer, in all.

What it guarantees: a claim is measured with itself in, and with every claim that was decided before
it, whether or not those are in the sums of the watch yet. Of two claims of which one fits, the
second does not.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from watchtower.claims.decision import ExposureReached, Whose
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Address, ChannelId, Drops

__all__ = ["NOTHING_AT_STAKE", "UNLIMITED", "AtStake", "Exposed", "ServingLimits", "Sums"]

_NOTHING: Final = Drops(0)


class AtStake(Protocol):
    """Who knows what is at stake now, in drops."""

    @property
    def total(self) -> Drops:
        """What is at stake on all channels."""
        ...

    def of_payer(self, payer: Address) -> Drops:
        """Return what is at stake on the channels of one payer."""
        ...

    def of_channel(self, channel_id: ChannelId) -> Drops:
        """Return how much of that is one channel's."""
        ...


class _Nothing:
    """For who asks without a watch."""

    total = _NOTHING

    def of_payer(self, _payer: Address) -> Drops:
        return _NOTHING

    def of_channel(self, _channel_id: ChannelId) -> Drops:
        return _NOTHING


NOTHING_AT_STAKE: Final[AtStake] = _Nothing()
"""Nothing is known to be at stake but what the claims bring that are looked at."""


class Exposed(Struct, frozen=True, kw_only=True, gc=False):
    """What is at stake once a claim is in: on its channel, with its payer, in all."""

    payer: Address
    of_channel: Drops
    of_payer: Drops
    total: Drops


class ServingLimits(Struct, frozen=True, kw_only=True, gc=False):
    """The drops that may be at stake before nothing more is served; None for no limit."""

    channel: Drops | None = None
    payer: Drops | None = None
    total: Drops | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is any limit at all."""
        return self != UNLIMITED

    def reached(self, exposed: Exposed) -> tuple[ExposureReached, ...]:
        """Return every limit that is passed; none if it is safe to serve."""
        return tuple(self._reached(exposed))

    def _reached(self, exposed: Exposed) -> Iterator[ExposureReached]:
        for whose, at_stake, allowed in (
            (Whose.CHANNEL, exposed.of_channel, self.channel),
            (Whose.PAYER, exposed.of_payer, self.payer),
            (Whose.ALL, exposed.total, self.total),
        ):
            if allowed is not None and at_stake > allowed:
                yield ExposureReached(whose=whose, at_stake=at_stake, allowed=allowed)


UNLIMITED: Final = ServingLimits()


@dataclass(slots=True)
class _Sum:
    """What was known when it was first asked for, and what was added since; drops."""

    known: int
    added: int = 0

    @property
    def drops(self) -> Drops:
        return Drops(self.known + self.added)


class Sums:
    """What is at stake as the claims of one group come in, one after another."""

    def __init__(self, at_stake: AtStake = NOTHING_AT_STAKE) -> None:
        """Begin with what is known; it is asked when the first claim is counted."""
        self._at_stake = at_stake
        self._channels: dict[ChannelId, Drops] = {}
        self._payers: dict[Address, _Sum] = {}
        self._total: _Sum | None = None

    def count(self, entry: ChannelEntry, unpaid: Drops) -> Exposed:
        """Count a claim that leaves ``unpaid`` at stake on its channel; return the sums with it."""
        channel, payer = entry.channel, entry.source
        if self._total is None:
            self._total = _Sum(self._at_stake.total)
        of_payer = self._payers.get(payer)
        if of_payer is None:
            of_payer = self._payers[payer] = _Sum(self._at_stake.of_payer(payer))
        before = self._channels.get(channel)
        more = unpaid - (self._at_stake.of_channel(channel) if before is None else before)
        self._channels[channel] = unpaid
        of_payer.added += more
        self._total.added += more
        return Exposed(
            payer=payer, of_channel=unpaid, of_payer=of_payer.drops, total=self._total.drops
        )

    def as_it_is_now(self, exposed: Exposed) -> Exposed:
        """Return the sums of a claim with what others changed since, now that its group is in.

        What came behind it in its own group does not count against it: otherwise each of two
        claims would stand in the way of the other, where one of them fits.
        """
        of_payer, total = self._payers.get(exposed.payer), self._total
        if of_payer is None or total is None:
            return exposed
        payer_since = self._at_stake.of_payer(exposed.payer) - of_payer.drops
        total_since = self._at_stake.total - total.drops
        if not (payer_since or total_since):
            return exposed
        return replace(
            exposed,
            of_payer=Drops(exposed.of_payer + payer_since),
            total=Drops(exposed.total + total_since),
        )
