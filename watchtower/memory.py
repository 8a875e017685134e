"""What the store remembers, brought back at the start: the watch, the cursor, what is still due."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from watchtower.changes import REDEEMED_NOTE, SPENT_NOTE, TALLY_NOTE
from watchtower.judgement.outgoing import Tally
from watchtower.judgement.policy import PayerPolicy, Policy
from watchtower.response.spending import DaySpent
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash
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


async def remember(
    store: Store,
    payees: Collection[Address],
    policy: Policy,
    *,
    payers: Collection[Address] = (),
    payer_policy: PayerPolicy | None = None,
) -> Memory:
    """Read what the store holds, in one transaction."""
    async with store.read() as work:
        notes = await work.notes.load_all()
        watch = Watch(
            payees,
            policy,
            payers=payers,
            payer_policy=payer_policy,
            tallies=_tallies(notes),
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


def _tallies(notes: Mapping[str, Any]) -> dict[ChannelId, Tally]:
    """Return what is known of claims on outgoing channels, as the notes tell it."""
    return {
        ChannelId(name.removeprefix(TALLY_NOTE)): Tally(
            explained=Drops(int(explained)),
            presented=Drops(int(presented)),
            transaction=None if transaction is None else TxHash(transaction),
        )
        for name, value in notes.items()
        if name.startswith(TALLY_NOTE)
        for explained, presented, transaction in [value]
    }
