"""Restoring: nothing that either side knows is lost, and nothing is believed until reconciled.

Where there is no store, the backup becomes the store. Where there is one, the two are merged by
maximum, in one transaction: of two claims the higher, also of those that were signed ahead, of two
states of a channel the newer, every attempt, every journal entry, every key; and the cursor goes
to the lower of the two, so that what followed is read again. Either way the note ``recovery``
stands afterwards: the store may have missed what happened since the backup, and is not
authoritative until the daemon has reconciled it with the ledger (rule 7).

The backup itself is only ever read: a chain is put together in a new file (``backups/reading.py``),
and so is a plain store, as backups once were, copied; an older format is brought up to date there.
A restore that was killed has changed nothing, or is done; run again, it clears away what it left.
"""

from __future__ import annotations

import asyncio
import glob
import re
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Position
from watchtower.response.attempt import Attempt
from watchtower.response.bundle import Presigned
from watchtower.store.backups.age import NO_IDENTITIES, Identities
from watchtower.store.backups.chain import Member
from watchtower.store.backups.folder import chain_at, last_of_others
from watchtower.store.backups.form import LONGEST_HEAD, is_backup
from watchtower.store.backups.making import made_by as made_by_store
from watchtower.store.backups.reading import rebuild, refuse_others
from watchtower.store.database import Store
from watchtower.store.faults import disk_faults
from watchtower.store.files import new_file, refuse_log_beside, renamed_errors
from watchtower.store.header import DEFAULT_COST, Cost
from watchtower.store.journal import Entry
from watchtower.store.secrets import OF_NO_ACCOUNT, StoredKey
from watchtower.store.unlocking import Unlocker
from watchtower.store.work import Work
from watchtower.units import LedgerIndex

__all__ = ["PassedOver", "Restored", "restore"]

_LEFTOVER: Final = re.compile(r"[0-9a-f]{8}(?:-wal|-shm|-journal)?|restore-\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A backup that lies in the same folder and was not taken: the last one of somebody else.

    It may be another tower's, or this one's of before its master key was exchanged, or since.
    """

    file: str
    made_by: str
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore brought; of an existing store, only what was new to it.

    ``keys`` are those of accounts; ``presigned`` are claims that were signed ahead, each for one
    ticket; ``tokens`` are the names of those that are good again in a new store, as they were when
    the backup was made. ``file`` is the last file that was taken, and ``passed_over`` what others
    have beside it.
    """

    is_new_store: bool
    channels: int
    claims: int
    attempts: int
    entries: int
    keys: int
    presigned: int = 0
    tokens: tuple[str, ...] = ()
    file: str = ""
    passed_over: tuple[PassedOver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    channels: list[Channel]
    claims: list[Claim]
    pending: list[Claim]
    attempts: list[Attempt]
    entries: list[Entry]
    keys: list[StoredKey]
    presigned: list[Presigned]
    cursor: LedgerIndex | None
    network: int | None


async def restore(
    backup: Path,
    target: Path,
    secret: str | Unlocker,
    *,
    backup_passphrase: str | None = None,
    identities: Identities = NO_IDENTITIES,
    made_by: Collection[str] = (),
    with_tokens: bool = True,
    cost: Cost = DEFAULT_COST,
) -> Restored:
    """Bring what ``backup`` holds into the store at ``target``, which need not exist.

    The caller holds ``target`` alone (``alone.py``).

    Args:
        backup: a file, or a folder, for the newest chain in it of those who are believed.
        target: the store.
        secret: a passphrase, or who opens stores otherwise; opens the store, also afterwards.
        backup_passphrase: opens a backup that is a plain store, if it has another one.
        identities: the private keys that open any other backup.
        made_by: whose backups are believed, beside those of the store that is there; of anybody if
            there is no store, and neither this nor ``identities`` says whose.
        with_tokens: whether the tokens in the backup are good in a store that it becomes.
        cost: what guessing the passphrase of a new store costs.

    Raises:
        StoreMissingError: there is no backup.
        StoreExistsError: the store was moved away, and not the log beside it.
        BackupKeyError: no private key is given.
        BackupDamagedError: the backup is not whole, not as it was made, or of somebody else.
        PassphraseError: a passphrase does not open its file; the sentence names which.
        StoreNetworkError: the backup is of another network than the store.
        StoreTamperedError: a seal of the backup fails; nothing of it was taken.
        StoreFullError: the store cannot be written; it is as it was.
    """
    await asyncio.to_thread(_clear_away, target)
    own_key = secret if backup_passphrase is None else backup_passphrase
    trusted = {*(made_by or identities.made_by)}
    if await asyncio.to_thread(target.exists):
        async with await Store.open(target, secret) as store:
            trusted.add(await made_by_store(store))
            source = await asyncio.to_thread(_Source.at, backup, own_key, identities, trusted)
            return source.told(await _merge_into(store, source))
    await asyncio.to_thread(refuse_log_beside, target)
    source = await asyncio.to_thread(_Source.at, backup, own_key, identities, trusted)
    with new_file(target) as draft:
        async with await source.open_copy(draft) as store:
            if source.chain or backup_passphrase is not None:
                await store.rewrap(secret, cost=cost)
            return source.told(await _begin_anew(store, source, with_tokens=with_tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where a restore takes from: a chain, or without one a plain store.

    ``others`` are the last ones of everybody else in the folder where the chain was found.
    """

    path: Path
    chain: tuple[Member, ...]
    secret: str | Unlocker
    identities: Identities
    others: tuple[PassedOver, ...] = ()

    @classmethod
    def at(
        cls,
        backup: Path,
        secret: str | Unlocker,
        identities: Identities,
        trusted: Collection[str],
    ) -> Self:
        """Return what is there, and for a chain: whole and signed for, by one of ``trusted``.

        Without any of those it is whoever's it is. Who made a plain store knew its secret.
        """
        if backup.is_file():
            with disk_faults(backup), backup.open("rb") as file:
                is_plain = not is_backup(file.read(LONGEST_HEAD))
            if is_plain:
                return cls(path=backup, chain=(), secret=secret, identities=identities)
        chain = chain_at(backup, trusted)
        if trusted:
            refuse_others(chain, trusted)
        last = chain[-1]
        others = last_of_others(backup, last.head.made_by) if backup.is_dir() else ()
        return cls(
            path=last.path,
            chain=chain,
            secret=secret,
            identities=identities,
            others=tuple(
                PassedOver(file=str(path), made_by=head.made_by, created=head.created)
                for path, head in others
            ),
        )

    def told(self, restored: Restored) -> Restored:
        """Say which file it was, and what lies beside it."""
        return replace(restored, file=str(self.path), passed_over=self.others)

    async def open_copy(self, empty: Path) -> Store:
        """Fill a file with the store that this holds, and open it."""
        if self.chain:
            return await rebuild(self.chain, empty, self.identities)
        with disk_faults(empty.parent):
            await asyncio.to_thread(shutil.copyfile, self.path, empty)
        with renamed_errors(self.path):
            return await Store.open(empty, self.secret, keeps_old=False)


async def _begin_anew(store: Store, source: _Source, *, with_tokens: bool) -> Restored:
    """Make what a backup held the store that is guarded by, which is in recovery."""
    with renamed_errors(source.path):
        contents = await _contents(store)
    async with store.write() as work:
        tokens = await work.tokens.load_all()
        names = tuple(token.name for token in tokens if with_tokens)
        for token in tokens:
            if not with_tokens:
                await work.tokens.revoke(token.name)
        restored = replace(_count(contents, is_new_store=True), tokens=names)
        await _mark(work, source.path, restored)
    return restored


def _clear_away(target: Path) -> None:
    """Remove the copies that a restore had begun which was killed."""
    with disk_faults(target):
        for path in target.parent.glob(f".{glob.escape(target.name)}.*"):
            if _LEFTOVER.fullmatch(path.name.removeprefix(f".{target.name}.")):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


async def _merge_into(store: Store, source: _Source) -> Restored:
    place = store.path
    prefix = f".{place.name}.restore-"
    with (
        disk_faults(place),
        tempfile.TemporaryDirectory(dir=place.parent, prefix=prefix) as room,
    ):
        empty = Path(room) / "copy"
        empty.touch(mode=0o600)
        async with await source.open_copy(empty) as copy:
            with renamed_errors(source.path):
                contents = await _contents(copy)
    async with store.write() as work:
        restored = await _merge(work, contents)
        await _mark(work, source.path, restored)
    return restored


async def _contents(store: Store) -> _Contents:
    async with store.read() as work:
        await work.verify()
        return _Contents(
            channels=await work.channels.load_all(),
            claims=await work.claims.load_all(),
            pending=await work.claims.load_pending(),
            attempts=await work.attempts.load_all(),
            entries=await work.journal.load_all(),
            keys=await work.secrets.load_all(),
            presigned=await work.bundles.load_all(),
            cursor=await work.cursor.get(),
            network=await work.network.get(),
        )


def _count(contents: _Contents, *, is_new_store: bool) -> Restored:
    return Restored(
        is_new_store=is_new_store,
        channels=len(contents.channels),
        claims=len(contents.claims),
        attempts=len(contents.attempts),
        entries=len(contents.entries),
        keys=sum(key.account not in OF_NO_ACCOUNT for key in contents.keys),
        presigned=len(contents.presigned),
    )


async def _mark(work: Work, backup: Path, restored: Restored) -> None:
    cursor = await work.cursor.get()
    # Beside a reason that stands, such as a head: by this one it is not done with.
    await work.notes.put_in_recovery({"backup": backup.name, "cursor": cursor})
    await work.journal.append(
        "store_restored",
        ledger_index=cursor,
        facts={"backup": backup.name, "claims": restored.claims, "channels": restored.channels},
    )


async def _merge(work: Work, contents: _Contents) -> Restored:
    if contents.network is not None:
        await work.network.pin(contents.network)
    restored = Restored(
        is_new_store=False,
        channels=sum([await _merge_channel(work, channel) for channel in contents.channels]),
        claims=sum([await work.claims.raise_best(claim) for claim in contents.claims]),
        attempts=sum([await _merge_attempt(work, attempt) for attempt in contents.attempts]),
        entries=await _merge_journal(work, contents.entries),
        keys=sum([await _merge_key(work, key) for key in contents.keys]),
        presigned=await work.bundles.raise_all(contents.presigned),
    )
    for claim in contents.pending:
        await work.claims.put_pending(claim)
    cursors = [found for found in (await work.cursor.get(), contents.cursor) if found is not None]
    if cursors:
        await work.cursor.set_back(min(cursors))
    return restored


async def _merge_channel(work: Work, channel: Channel) -> bool:
    known = await work.channels.get(channel.entry.channel)
    if known is not None and _newness(known) >= _newness(channel):
        return False
    await work.channels.put(channel)
    return True


def _newness(channel: Channel) -> tuple[Position, bool]:
    return channel.as_of, channel.closed_at is not None


async def _merge_attempt(work: Work, attempt: Attempt) -> bool:
    if await work.attempts.put(attempt):
        return True
    if attempt.outcome is None:
        return False
    return await work.attempts.settle(
        attempt.account, attempt.seat, attempt.transaction, attempt.outcome
    )


async def _merge_journal(work: Work, entries: list[Entry]) -> int:
    known = {entry.identity for entry in await work.journal.load_all()}
    unknown = [entry for entry in entries if entry.identity not in known]
    for entry in unknown:
        await work.journal.copy(entry)
    return len(unknown)


async def _merge_key(work: Work, key: StoredKey) -> bool:
    held = await work.secrets.of_account(key.account)
    if any(key.standing is one.standing or key.public_key == one.public_key for one in held):
        return False
    await work.secrets.put(key)
    return key.account not in OF_NO_ACCOUNT
