"""How long the journal is kept: what nobody needs any more is pruned, a page at a time.

What it guarantees: an entry goes only if it is about a channel that the ledger proved to be gone
for longer than the retention, and that nothing is under way for: no attempt without an outcome, no
claim that was signed ahead or waits, no request that waits for a person. Entries about no channel
(keys and their rotation, tokens, bundles, restores) stay for good, and so do channels, claims and
attempts themselves: a restored copy is merged by them, and a claim that somebody else presents is
told from our own by them.

Each page is a transaction of its own in which all of that is looked at again, so it can be ended at
any moment, and goes on anywhere. In the journal's tree a pruned entry leaves its hash
(``journal_tree.py``), and one hash for all of a complete subtree, so that its root stays what it
was, and what is left is proven as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from watchtower.judgement.channel import Channel
from watchtower.store.database import Store
from watchtower.store.journal import Entry, NumberedEntry
from watchtower.store.notes import RECOVERY
from watchtower.store.work import Work
from watchtower.units import ChannelId, LedgerIndex

__all__ = ["PRUNED", "Keeping", "Pruned", "prune_page", "spoken_for"]

PRUNED: Final = "journal_pruned"
"""The journal's line about what it lost."""

_PAGE: Final = 100
"""Entries that are looked at in one transaction: some milliseconds in which nobody else writes."""

_PACE: Final = 4
"""Seconds that a ledger takes on a public network. As many ledgers as the days have must have
closed behind the channel's end, too: a host's clock that jumps ahead makes nothing old."""

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept: an entry that is younger than ``days``, by its own time *and* by ledgers.

    Attributes:
        days: at least one.
        now: the host's Unix time, in seconds.
        up_to: entries above this number are kept, whatever they are about; None for no such limit.
            Behind the oldest head that stands anywhere the tree must still tell every leaf.
    """

    days: int
    now: float
    up_to: int | None = None

    def is_old(self, entry: Entry) -> bool:
        """Return whether an entry is old by the host's clock of when it was written."""
        return entry.written / 1_000 < self.now - self.days * _DAY

    def is_long_gone(self, channel: Channel, cursor: LedgerIndex) -> bool:
        """Return whether the ledger proved long ago that a channel is gone, by ledgers since."""
        return (
            channel.is_final
            and channel.closed_at is not None
            and cursor - channel.closed_at.ledger_index > self.days * _DAY // _PACE
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What became of one page: how many entries went, and behind which number to go on.

    ``behind`` is None at the end. What follows young entries may be old: a merge of a backup
    brings lines back behind those that were written since.
    """

    entries: int
    behind: int | None


async def spoken_for(store: Store) -> frozenset[ChannelId]:
    """Return the channels of claims that were signed ahead or wait, for a whole round.

    None of them needs a line of the journal today; what is gone comes back never, so they wait.
    """
    async with store.read() as work:
        presigned, pending = await work.bundles.load_all(), await work.claims.load_pending()
    return frozenset([each.channel for each in presigned] + [each.channel for each in pending])


async def prune_page(
    store: Store, keeping: Keeping, *, behind: int, spoken: Collection[ChannelId] = ()
) -> Pruned:
    """Look at the next entries behind a number, and prune those that nobody needs.

    ``spoken`` are channels of which nothing goes, whatever the ledger says of them.

    Raises:
        StoreFullError: there is no room to write what stands for them; none of them went.
        StoreBusyError: another process writes; none of them went.
        StoreTamperedError: an entry fails its seal, or journal and tree do not fit.
    """
    async with store.read() as work:
        page = await work.journal.since(behind, _PAGE)
        gone = await _unneeded(work, page, keeping, spoken)
    if not page:
        return Pruned(entries=0, behind=None)
    last = page[-1].number
    if gone:
        async with store.write() as work:
            # What was true a moment ago need not be any more.
            gone = await _unneeded(work, gone, keeping, spoken)
            await work.pruning.prune([each.number for each in gone])
            if gone:
                channels = {each.entry.channel for each in gone}
                facts = {"entries": len(gone), "channels": len(channels), "up_to": last}
                await work.journal.append(PRUNED, facts=facts)
    return Pruned(entries=len(gone), behind=last)


async def _unneeded(
    work: Work,
    entries: Iterable[NumberedEntry],
    keeping: Keeping,
    spoken: Collection[ChannelId],
) -> list[NumberedEntry]:
    """Return those entries that nobody needs any more."""
    old = [
        each
        for each in entries
        if keeping.is_old(each.entry) and (keeping.up_to is None or each.number <= keeping.up_to)
    ]
    if not old:
        return []
    named = {c for each in old if (c := each.entry.channel) is not None and c not in spoken}
    cursor = await work.cursor.get()
    # A restored store has not compared yet what it believes with the ledger (rule 7).
    if not named or cursor is None or await work.notes.get(RECOVERY) is not None:
        return []
    channels = await work.channels.find(named)
    gone = {name for name, known in channels.items() if keeping.is_long_gone(known, cursor)}
    if gone:
        gone -= {attempt.channel for attempt in await work.attempts.unsettled()}
        waiting = (await work.cosignatures.waiting()).values()
        gone -= {each["request"]["transaction"]["Channel"] for each in waiting}
    return [each for each in old if each.entry.channel in gone]
