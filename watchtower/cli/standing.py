"""What the daemon said last, for commands that judge a channel by themselves.

The network's rules that it read stay good while it does not run: an amendment is never taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchtower.interfaces.channel_view import Standing
from watchtower.judgement.rules import rules_of_note
from watchtower.store.database import Store
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import RippleTime

__all__ = ["last_standing"]


async def last_standing(store: Store) -> Standing:
    """Return what the daemon said last."""
    async with store.read() as work:
        told: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
    return Standing(
        ledger_time=RippleTime(told.get("ledger_time") or 0),
        rules=rules_of_note(told.get("channel_rules")),
    )
