"""Restoring: nothing that either side knows is lost, and nothing is believed until reconciled.

Where there is no store, the backup becomes the store. Where there is one, the two are merged by
maximum, in one transaction: of two claims the higher, also of those that were signed ahead, of two
states of a channel the newer, every attempt, every journal entry, every key; and the cursor goes
to the lower of the two, so that what followed is read again. Either way the note ``recovery``
stands afterwards: the store may have missed what happened since the backup, and is not
authoritative until the daemon has reconciled it with the ledger (rule 7).

The backup itself is only ever copied: an older format is brought up to date in the copy.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from watchtower.errors import StoreMissingError
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Position
from watchtower.response.attempt import Attempt
from watchtower.response.bundle import Presigned
from watchtower.store.database import Store
from watchtower.store.faults import disk_faults
from watchtower.store.files import new_file, renamed_errors
from watchtower.store.header import DEFAULT_COST, Cost
from watchtower.store.journal import Entry
from watchtower.store.notes import RECOVERY
from watchtower.store.secrets import IDENTITY, StoredKey
from watchtower.store.unlocking import Unlocker
from watchtower.store.work import Work
from watchtower.units import LedgerIndex

__all__ = ["Restored", "restore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore brought; of an existing store, only what was new to it.

    ``keys`` are those of accounts; ``presigned`` are claims that were signed ahead, each for one
    ticket.
    """

    is_new_store: bool
    channels: int
    claims: int
    attempts: int
    entries: int
    keys: int
    presigned: int = 0


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
    cost: Cost = DEFAULT_COST,
) -> Restored:
    """Bring what ``backup`` holds into the store at ``target``, which need not exist.

    ``secret``, a passphrase or who opens stores otherwise, opens the store, also afterwards;
    ``backup_passphrase`` the backup, if that has another one.

    Raises:
        StoreMissingError: there is no backup.
        PassphraseError: a passphrase does not open its file; the sentence names which.
        StoreNetworkError: the backup is of another network than the store.
        StoreTamperedError: a seal of the backup fails; nothing of it was taken.
        StoreFullError: the store cannot be written; it is as it was.
    """
    if not await asyncio.to_thread(backup.is_file):
        raise StoreMissingError(path=backup)
    key = secret if backup_passphrase is None else backup_passphrase
    if await asyncio.to_thread(target.exists):
        return await _merge_file(backup, key, target, secret)
    with new_file(target) as draft:
        store = await _open_copy(backup, draft, key)
        async with store:
            if key != secret:
                await store.rewrap(secret, cost=cost)
            with renamed_errors(backup):
                contents = await _contents(store)
            restored = _count(contents, is_new_store=True)
            async with store.write() as work:
                await _mark(work, backup, restored)
    return restored


async def _merge_file(
    backup: Path, key: str | Unlocker, target: Path, secret: str | Unlocker
) -> Restored:
    async with await Store.open(target, secret) as store:
        with disk_faults(target), tempfile.TemporaryDirectory(dir=target.parent) as room:
            copy = await _open_copy(backup, Path(room) / "copy", key)
            async with copy:
                with renamed_errors(backup):
                    contents = await _contents(copy)
        async with store.write() as work:
            restored = await _merge(work, contents)
            await _mark(work, backup, restored)
        return restored


async def _open_copy(backup: Path, copy: Path, secret: str | Unlocker) -> Store:
    with disk_faults(copy.parent):
        await asyncio.to_thread(shutil.copyfile, backup, copy)
    with renamed_errors(backup):
        return await Store.open(copy, secret)


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
        keys=sum(key.account != IDENTITY for key in contents.keys),
        presigned=len(contents.presigned),
    )


async def _mark(work: Work, backup: Path, restored: Restored) -> None:
    cursor = await work.cursor.get()
    await work.notes.put(RECOVERY, {"backup": backup.name, "cursor": cursor})
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
    return key.account != IDENTITY
