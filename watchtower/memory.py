"""What the store remembers, brought back at the start: the watch, the cursor, what is still due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchtower.changes import REDEEMED_NOTE, SPENT_NOTE
from watchtower.judgement.policy import Policy
from watchtower.response.spending import DaySpent
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime
from watchtower.watch import Watch

__all__ = ["Memory", "remember"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the store held at one moment: all that was guarded, and up to where it was read.

    A claim that another process keeps a moment later has its journal entry behind
    ``journal_number``.
    """

    watch: Watch
    cursor: LedgerIndex | None
    in_recovery: bool
    journal_number: int


async def remember(store: Store, accounts: Sequence[Address], policy: Policy) -> Memory:
    """Read what the store holds, in one transaction."""
    async with store.read() as work:
        notes = await work.notes.load_all()
        watch = Watch(
            accounts,
            policy,
            channels=await work.channels.load_open(),
            claims=await work.claims.load_all(),
            attempts=await work.attempts.unsettled(),
            spent=_spent(notes),
        )
        cursor = await work.cursor.get()
        tail = await work.journal.tail(1)
    watch.last_redeemed |= {
        ChannelId(name.removeprefix(REDEEMED_NOTE)): RippleTime(int(time))
        for name, time in notes.items()
        if name.startswith(REDEEMED_NOTE)
    }
    return Memory(
        watch=watch,
        cursor=cursor,
        in_recovery=RECOVERY in notes,
        journal_number=tail[-1].number if tail else 0,
    )


def _spent(notes: Mapping[str, Any]) -> dict[Address, DaySpent]:
    """Return what accounts have spent on fees, as the notes tell it."""
    return {
        Address(name.removeprefix(SPENT_NOTE)): DaySpent(day=int(day), drops=Drops(int(drops)))
        for name, value in notes.items()
        if name.startswith(SPENT_NOTE)
        for day, drops in [value]
    }
