"""What the daemon said last, for commands that judge a channel by themselves.

The network's rules that it read stay good while it does not run: an amendment is never taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchtower.judgement.rules import ChannelRules, rules_of_note
from watchtower.store.database import Store
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import RippleTime

__all__ = ["Standing", "last_standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest ledger time that the daemon has seen, and the rules that it has read.

    Where it never ran these are the beginning, and the strictest reading of each rule.
    """

    ledger_time: RippleTime
    rules: ChannelRules


async def last_standing(store: Store) -> Standing:
    """Return what the daemon said last."""
    async with store.read() as work:
        told: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
    return Standing(
        ledger_time=RippleTime(told.get("ledger_time") or 0),
        rules=rules_of_note(told.get("channel_rules")),
    )
