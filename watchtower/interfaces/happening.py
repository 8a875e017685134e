"""What is told to whoever follows a tower that runs: one line of the journal at a time. Pure.

Kinds and facts are the journal's own, so that a story that was followed live reads like the one
that ``watchtower channel explain`` tells later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchtower.units import ChannelId, LedgerIndex, RippleTime, format_time

__all__ = ["EVERYTHING", "KINDS", "Happening", "Interest", "Lagged"]

KINDS: Final = (
    "account_altered",
    "attempt_made",
    "attempt_settled",
    "channel_closed",
    "channel_opened",
    "channel_reappeared",
    "claim_kept",
    "claim_pending",
    "claim_refused",
    "close_requested",
    "expiration_moved",
    "foreign_claim",
    "foreign_transaction",
    "funded",
    "judged",
    "judged_outgoing",
    "left",
    "paid",
    "renewed",
    "would_redeem",
)
"""Every kind of thing that is told (docs/stream.md); the journal has a few more of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened.

    Attributes:
        kind: what, in the past tense; one of `KINDS`.
        channel: to which channel; None for what concerns an account as a whole.
        ledger: the ledger that it was seen in; None for what no ledger tells.
        ledger_time: the newest ledger time known when it was told; None before any ledger.
        facts: the rest, as the journal has it: JSON values, amounts in drops, times in ledger time.
    """

    kind: str
    channel: ChannelId | None
    ledger: LedgerIndex | None
    ledger_time: RippleTime | None
    facts: Mapping[str, Any]

    def report(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        time = self.ledger_time
        return {
            "kind": self.kind,
            "channel": self.channel,
            "ledger": self.ledger,
            "ledger_time": None if time is None else format_time(time),
            "facts": dict(self.facts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagged:
    """Here ``missed`` happenings are missing, since there was no room to keep them."""

    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What somebody wants to be told: of these channels, and of these kinds; None for all."""

    channels: frozenset[ChannelId] | None = None
    kinds: frozenset[str] | None = None

    def has(self, kind: str, channel: ChannelId | None) -> bool:
        """Return whether this is to be told."""
        return (self.kinds is None or kind in self.kinds) and (
            self.channels is None or channel in self.channels
        )


EVERYTHING: Final = Interest()
