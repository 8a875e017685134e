"""What the store remembers, brought back at the start: the watch, the cursor, what is still due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import force_setattr

from watchtower.guard.stake_history import StakeHistory
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.outgoing import Tally
from watchtower.judgement.policy import PayerPolicy, Policy
from watchtower.response.bundle import Presigned
from watchtower.response.spending import DaySpent
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.store.work import Work
from watchtower.tower.changes import REDEEMED_NOTE, SPENT_NOTE, TALLY_NOTE
from watchtower.tower.chronicle import STAKE_NOTE
from watchtower.tower.losses import LOSSES_NOTE, losses_of, lost_of
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

__all__ = ["Memory", "remember", "tallies_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the store held at one moment: all that was guarded, and up to where it was read.

    A claim that another process keeps a moment later has its journal entry behind
    ``journal_number``. ``losses`` are what was told to be lost, on which channels.
    """

    watch: Watch
    cursor: LedgerIndex | None
    in_recovery: bool
    journal_number: int
    stake_history: StakeHistory
    losses: Mapping[ChannelId, Drops]


async def remember(
    store: Store,
    payees: Collection[Address],
    policy: Policy,
    *,
    payers: Collection[Address] = (),
    own: Address | None = None,
    payer_policy: PayerPolicy | None = None,
    in_doubt: bool = False,
) -> Memory:
    """Read what the store holds, in one transaction.

    ``in_doubt`` says that it is in recovery though it could not be told so.
    """
    async with store.read() as work:
        notes = await work.notes.load_all()
        tallies = tallies_of(notes)
        kept = _Kept()
        await work.channels.visit_open(kept.keep_channel)
        await work.claims.visit_all(kept.keep_claim)
        presigned: list[Presigned] = []
        await work.bundles.visit_all(presigned.append)
        robbed = await _robbed(work, tallies, kept.claims, payers)
        watch = Watch(
            payees,
            policy,
            payers=payers,
            own=own,
            payer_policy=payer_policy,
            tallies=tallies,
            channels=[*kept.channels.values(), *robbed],
            claims=kept.claims,
            attempts=await work.attempts.unsettled(),
            presigned=presigned,
            spent=_spent(notes),
            lost=lost_of(notes),
        )
        cursor = await work.cursor.get()
        # Its number alone: a newest line that cannot be read must not keep a tower from starting.
        journal_number = await work.journal.last_number()
    watch.incoming.last_redeemed |= {
        ChannelId(name.removeprefix(REDEEMED_NOTE)): RippleTime(int(time))
        for name, time in notes.items()
        if name.startswith(REDEEMED_NOTE)
    }
    history = StakeHistory.of_note(notes.get(STAKE_NOTE))
    if LOSSES_NOTE not in notes:
        # A version before counted what had expired at once, and not what was told.
        history.lost = watch.incoming.lost.drops
    return Memory(
        watch=watch,
        cursor=cursor,
        in_recovery=in_doubt or RECOVERY in notes,
        journal_number=journal_number,
        stake_history=history,
        losses=losses_of(notes),
    )


class _Kept:
    """What was read, with equal values as one: off the disk every id, address and key comes anew.

    Of what a channel and its claim take in memory that is a third.
    """

    def __init__(self) -> None:
        self.channels: dict[ChannelId, Channel] = {}
        self.claims: list[Claim] = []
        self._values: dict[Any, Any] = {}

    def keep_channel(self, channel: Channel) -> None:
        """Keep a channel that nobody else has yet; it is as frozen as ever once this is done."""
        entry, values = channel.entry, self._values
        for name in ("source", "destination", "settle_delay"):
            value = getattr(entry, name)
            force_setattr(entry, name, values.setdefault(value, value))
        force_setattr(channel, "as_of", values.setdefault(channel.as_of, channel.as_of))
        self.channels[entry.channel] = channel

    def keep_claim(self, claim: Claim) -> None:
        """Keep a claim that nobody else has yet."""
        channel = self.channels.get(claim.channel)
        if channel is not None:
            entry = channel.entry
            force_setattr(claim, "channel", entry.channel)
            if claim.public_key == entry.public_key:
                force_setattr(claim, "public_key", entry.public_key)
        self.claims.append(claim)


async def _robbed(
    work: Work,
    tallies: Mapping[ChannelId, Tally],
    claims: Iterable[Claim],
    payers: Collection[Address],
) -> list[Channel]:
    """Return the closed channels on which a claim was made that nobody has registered since.

    Nothing can be done about them, but the alarm stands until their payer has looked.
    """
    signed = {claim.channel: claim.amount for claim in claims}
    found = [
        await work.channels.get(channel_id)
        for channel_id, tally in tallies.items()
        if tally.presented > signed.get(channel_id, 0)
    ]
    return [
        channel
        for channel in found
        if channel is not None and channel.is_final and channel.entry.source in payers
    ]


def _spent(notes: Mapping[str, Any]) -> dict[Address, DaySpent]:
    """Return what accounts have spent on fees, as the notes tell it."""
    return {
        Address(name.removeprefix(SPENT_NOTE)): DaySpent(day=int(day), drops=Drops(int(drops)))
        for name, value in notes.items()
        if name.startswith(SPENT_NOTE)
        for day, drops in [value]
    }


def tallies_of(notes: Mapping[str, Any]) -> dict[ChannelId, Tally]:
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
