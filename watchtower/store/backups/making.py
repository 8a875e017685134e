"""Making a backup: a base, or an increment to the last one; checked before it has its name.

What it guarantees: a file is under its name only when it was read again from the disk, decrypted
with a key that exists for this one run, and found to hold what makes the census of its moment,
together with what was in its chain before; every seal in it was checked. A file that cannot be
finished leaves nothing. No other process writes backups of the same store meanwhile.

An increment that cannot be vouched for is not made: a base is made in its place, and why is told.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from watchtower.errors import BackupBaseNeededError, BackupDamagedError
from watchtower.store.alone import alone
from watchtower.store.backups import age, index, member
from watchtower.store.backups.chain import Member
from watchtower.store.backups.checking import Check
from watchtower.store.backups.folder import drop_older, heads_in, made_until, remove_drafts
from watchtower.store.backups.form import Head, digest_of
from watchtower.store.backups.moment import Moment
from watchtower.store.cipher import Keyring
from watchtower.store.database import Store
from watchtower.store.faults import disk_faults, sqlite_faults
from watchtower.store.files import new_file

__all__ = ["Made", "Plan", "back_up", "made_by"]

_SUFFIX: Final = ".backup"

_INDEX_LIES: Final = "the index of earlier backups beside the store does not fit the store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to make, and where.

    Attributes:
        place: the file, which must not exist; or the folder, which has to, for a chain.
        recipients: who can read it, as ``age1…``.
        base_every: after so many members of a chain a new base is made.
        keep: so many complete chains stay; all, if 0.
        kind: ``base`` or ``increment``, to insist on one; None for what is due.
        network: the network that the store is pinned to.
    """

    place: Path
    recipients: Sequence[str]
    base_every: int = 24
    keep: int = 0
    kind: str | None = None
    network: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made.

    ``records`` are those of each table as the chain has them now, ``written`` and ``removed`` what
    is in this file; ``why_base`` is why it is no increment, where it might have been one; ``gone``
    are the files of older chains that were removed.
    """

    path: Path
    head: Head
    size: int
    records: dict[str, int]
    written: int
    removed: int
    why_base: str | None
    gone: tuple[Path, ...]


async def back_up(store: Store, plan: Plan, clock: Callable[[], float]) -> Made:
    """Make a backup of a moment of ``store``, while others go on writing.

    Raises:
        BackupKeyError: there is no recipient, or it is none.
        BackupBaseNeededError: an increment was insisted on, and a base is needed.
        StoreBusyError: another process makes a backup of the same store.
        StoreExistsError: there is something at the file; it stays as it is.
        StoreFullError: the file, or the index beside the store, cannot be written.
        StoreTamperedError: a record fails its seal, so this would be no backup.
    """
    age.recipients_of(plan.recipients)
    return await store.with_keys(lambda path, keyring: _Making(path, keyring, plan, clock).run())


async def made_by(store: Store) -> str:
    """Return the key by which the backups of ``store`` are known."""
    return await store.with_keys(lambda _, keyring: member.made_by(keyring))


class _Making:
    """One run."""

    def __init__(
        self, store: Path, keyring: Keyring, plan: Plan, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._plan = plan
        self._clock = clock
        self._made_by = member.made_by(keyring)
        self._index = index.index_of(store)

    def run(self) -> Made:
        """Make it, and then remove what is older than it has to be."""
        with ExitStack() as stack:
            with disk_faults(self._index), sqlite_faults(self._index):
                stack.enter_context(alone(self._index))
                index.prepare(self._index)
                makers = index.makers(self._index, self._made_by)
            if not self._plan.place.is_dir():
                return self._make_file()
            remove_drafts(self._plan.place, self._made_by)
            made = self._in_chain(makers)
            if made.head.sequence or not self._plan.keep:
                return made
            gone = drop_older(self._plan.place, makers, self._plan.keep, made.head.chain)
            return replace(made, gone=gone)

    def _make_file(self) -> Made:
        """Make a base that stands alone; what is known of chains stays as it is."""
        if self._plan.kind == "increment":
            why = "an increment belongs into a folder, beside what it is built on"
            raise BackupBaseNeededError(folder=self._plan.place, why=why)
        with closing(Moment(self._store, self._index, self._keyring)) as moment:
            last = index.read(moment.connection, self._keyring)
            created = self._now(0 if last is None else last.created)
            return self._make(moment, self._plan.place, None, why_base=None, created=created)

    def _in_chain(self, makers: Collection[str]) -> Made:
        try:
            return self._in_chain_by(makers, is_index_good=True)
        except index.IndexLiesError:
            return self._in_chain_by(makers, is_index_good=False)

    def _in_chain_by(self, makers: Collection[str], *, is_index_good: bool) -> Made:
        with closing(Moment(self._store, self._index, self._keyring)) as moment:
            known = index.read(moment.connection, self._keyring)
            after = 0 if known is None else known.created
            created = self._now(made_until(self._plan.place, makers, after))
            why = self._why_base(known, moment) if is_index_good else _INDEX_LIES
            if why is not None and self._plan.kind == "increment":
                raise BackupBaseNeededError(folder=self._plan.place, why=why)
            if why is not None or self._plan.kind == "base":
                known = None
            return self._make(moment, None, known, why_base=why, created=created)

    def _now(self, last: int) -> int:
        """Return the time, or the second after the last backup where the clock has stepped back.

        By these times the newest chain is found, and the one that has to go.
        """
        return max(int(self._clock()), last + 1)

    def _why_base(self, known: index.Known | None, moment: Moment) -> str | None:
        """Return why no increment can be made, or should be; None if one can."""
        if known is None:
            return (
                "nothing is known of an earlier backup of this store; it is the first one, or the "
                "master key was exchanged"
            )
        if known.sequence + 1 >= self._plan.base_every:
            return f"the chain is complete with {known.sequence + 1} members"
        if known.network is None and self._plan.network is not None:
            return "the last backup was made before the store belonged to a network"
        if known.network != self._plan.network:
            return "the store belongs to another network than it did"
        if known.store_format != moment.store_format:
            return "the store has another format than it had"
        heads = heads_in(self._plan.place)
        there = {head.sequence: path for path, head in heads if head.chain == known.chain}
        missing = next((n for n in range(known.sequence + 1) if n not in there), None)
        if missing is not None:
            return f"the member {missing} of the last chain is not in the folder"
        last = there[known.sequence]
        with suppress(BackupDamagedError, OSError):
            if member.look(last).digest == known.digest:
                return None
        return f"{last} is not as it was made"

    def _make(
        self,
        moment: Moment,
        place: Path | None,
        known: index.Known | None,
        *,
        why_base: str | None,
        created: int,
    ) -> Made:
        head = Head(
            chain=secrets.token_hex(16) if known is None else known.chain,
            sequence=0 if known is None else known.sequence + 1,
            based_on=None if known is None else known.digest,
            network=self._plan.network,
            created=created,
            store_format=moment.store_format,
            made_by=self._made_by,
        )
        path = self._plan.place / _name(head) if place is None else place
        before = None if known is None else dict(known.counts)
        with new_file(path) as draft:
            found, check = self._write(draft, head, moment, before)
            if place is None:
                self._remember(moment, head, found, check)
            size = draft.stat().st_size
        return Made(
            path=path,
            head=head,
            size=size,
            records={table: count.records for table, count in check.census.items()},
            written=check.written,
            removed=check.removed,
            why_base=why_base,
            gone=(),
        )

    def _write(self, draft: Path, head: Head, moment: Moment, before: Any) -> tuple[Member, Check]:
        """Write a file, and read it again from the disk."""
        # A key that nobody has after this run: what was written is read as a stranger would.
        witness, recipient = age.new_identity()
        check = Check(self._store, self._keyring, before)

        def frames(text: bytes) -> Iterator[bytes]:
            yield from moment.frames(digest_of(text), before)

        with disk_faults(self._plan.place):
            member.write(
                draft,
                head,
                frames,
                keyring=self._keyring,
                recipients=age.recipients_of([*self._plan.recipients, recipient]),
            )
            found = member.look(draft)
            member.read(found, [witness], check.visit)
        check.finish()
        return found, check

    def _remember(self, moment: Moment, head: Head, found: Member, check: Check) -> None:
        known = index.Known(
            chain=head.chain,
            sequence=head.sequence,
            digest=found.digest,
            network=head.network,
            store_format=head.store_format,
            census={table: (n, shares) for table, (n, shares) in check.census.items()},
            created=head.created,
        )
        with sqlite_faults(self._index):
            index.remember(moment.connection, is_base=head.sequence == 0)
            index.put(moment.connection, self._keyring, known)
            moment.connection.execute("COMMIT")


def _name(head: Head) -> str:
    when = datetime.fromtimestamp(head.created, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{head.made_by[:8]}-{when}-{head.chain[:8]}-{head.sequence:04}{_SUFFIX}"
