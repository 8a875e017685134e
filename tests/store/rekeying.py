"""A store with something in every table, and what is in its file: for tests of its master key."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from tests.store import make
from watchtower.keys.ways import AnyWayIn
from watchtower.store.cipher import Keyring, Place
from watchtower.store.database import Store
from watchtower.store.header import Slot, wrap
from watchtower.store.statements import statements_of
from watchtower.store.tables import CENSUS, FORMAT, SEALED_TABLES
from watchtower.store.work import Work
from watchtower.units import Drops, LedgerIndex

MANY = 450
"""Channels, so that each table is moved in several pages."""

WAY = AnyWayIn(lambda: make.PASSPHRASE, None, cost=make.CHEAP)


async def fill(store: Store, channels: int = MANY) -> None:
    """Put something into every table."""
    await store.pin_network(21337)
    numbers = range(1, channels + 1)
    async with store.write() as work:
        await work.channels.put_all(make.channel(n, closed=n % 3 == 0) for n in numbers)
        await work.claims.raise_all(make.claim(n, 1000 + n) for n in numbers)
        await work.claims.put_pending(make.claim(channels + 1))
        await work.attempts.put_all(make.attempt(n, blob=f"12{n:04X}") for n in numbers)
        await work.bundles.raise_all([make.presigned(n) for n in numbers])
        await work.secrets.put(make.key())
        await work.cursor.move(LedgerIndex(87_654_321))
        await work.highest.raise_all({make.channel_id(n): Drops(n) for n in numbers})
        await work.notes.put("status", {"account": make.PAYEE})
        for n in numbers:
            await work.journal.append("claim_kept", channel=make.channel_id(n))
    settled = make.attempt(1, blob="120001")
    async with store.write() as work:
        await work.attempts.settle(
            settled.account, settled.seat, settled.transaction, make.outcome()
        )


async def slots_for(master: bytes) -> list[Slot]:
    """Return what opens with the passphrase."""
    return [wrap(master, make.PASSPHRASE, store_format=FORMAT, cost=make.CHEAP)]


async def contents(work: Work) -> dict[str, Any]:
    """Return everything that is in the store, and how it is found."""
    await work.verify()
    return {
        "channels": sorted(await work.channels.load_all(), key=lambda each: each.entry.channel),
        "claims": sorted(await work.claims.load_all(), key=lambda each: each.channel),
        "pending": await work.claims.load_pending(),
        "attempts": await work.attempts.load_all(),
        "bundles": await work.bundles.load_all(),
        "keys": await work.secrets.load_all(),
        "notes": await work.notes.load_all(),
        "cursor": await work.cursor.get(),
        "network": await work.network.get(),
        "highest": await work.highest.raise_all({make.channel_id(n): Drops(1) for n in (2, 3)}),
        "story": await work.journal.story(make.channel_id(5)),
        "newest": await work.journal.story_below(make.channel_id(5), None, 2),
        "about": await work.attempts.for_channel(make.channel_id(1)),
        "tried": await work.attempts.newest_for_channel(make.channel_id(1), 2),
    }


async def moment(store: Store) -> dict[str, Any]:
    """Return the contents of the store now."""
    async with store.read() as work:
        return await contents(work)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    """Give the store that is there, opened by who can open it again."""
    async with await Store.open(path, WAY) as store:
        yield store


def sealed_records(path: Path) -> Iterator[tuple[Place, bytes]]:
    """Give every record of the file at its place, as it is sealed."""
    with closing(sqlite3.connect(path)) as file:
        for table in (*SEALED_TABLES, CENSUS):
            rows = file.execute(statements_of(table.name).everything.sql)
            for row, topic, version, sealed in rows:
                at = row.to_bytes(8) if isinstance(row, int) else row
                yield Place(table.name, at, topic, version), sealed


def opened_by(keyring: Keyring, path: Path) -> list[Place]:
    """Return where records are that a master key unseals."""
    return [place for place, each in sealed_records(path) if keyring.unseal(place, each)]


def files(path: Path) -> bytes:
    """Return all bytes of the database and of its log."""
    beside = path.with_name(f"{path.name}-wal")
    return path.read_bytes() + (beside.read_bytes() if beside.exists() else b"")
