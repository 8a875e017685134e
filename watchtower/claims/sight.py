"""Whom we take claims for, and what is seen of a channel when one comes. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from watchtower.claims.exposure import UNLIMITED, ServingLimits
from watchtower.judgement.channel import Channel
from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.ledger.events import ChannelChanged, ChannelMissing
from watchtower.units import Address, Drops, RippleTime

__all__ = ["UNSEEN", "Guard", "Sight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a server said of a claim's channel just now.

    ``fact`` is None when no server answered; ``ledger_time`` is the newest close time known, and
    ``rules`` are the network's, as far as they are. ``is_stale`` says that no ledger has come for
    too long to serve by what is known. ``covered`` is the channel balance to which it can
    be redeemed where nothing can sign for it, by what was signed ahead; None where something can.
    """

    fact: ChannelChanged | ChannelMissing | None
    ledger_time: RippleTime
    payee_exists: bool = True
    rules: ChannelRules = STRICT
    is_stale: bool = False
    covered: Drops | None = None


UNSEEN: Final = Sight(fact=None, ledger_time=RippleTime(0), is_stale=True)
"""Nobody could tell of the channel now; what was known of it before is no ground to serve on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """For whom claims are taken, as payees and as payers, and how carefully.

    ``limits`` are how much may be at stake before nothing more is served.
    """

    payees: Collection[Address]
    policy: Policy
    payers: Collection[Address] = ()
    limits: ServingLimits = UNLIMITED

    def has(self, channel: Channel) -> bool:
        """Return whether a channel is to or from one of ours."""
        entry = channel.entry
        return entry.destination in self.payees or entry.source in self.payers
