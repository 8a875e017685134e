"""Reading a chain: its members one after the other, into a store that is verified as a whole.

What it guarantees: a store comes out in which every seal and the census of the last member's
moment hold, or none at all. Nothing is asked of the machine that made the chain; its store may be
gone.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import tempfile
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from watchtower.errors import (
    BackupDamagedError,
    BackupKeyError,
    StoreDamagedError,
    StoreTamperedError,
    StoreVersionError,
)
from watchtower.store.backups import member
from watchtower.store.backups.age import Identities
from watchtower.store.backups.chain import Member
from watchtower.store.backups.form import Frame, Opening, Removed, Written
from watchtower.store.backups.index import INDEXED
from watchtower.store.connections import Connections
from watchtower.store.database import Store
from watchtower.store.faults import disk_faults, sqlite_faults
from watchtower.store.header import Cost
from watchtower.store.schema import create_schema
from watchtower.store.tables import CENSUS, FORMAT

__all__ = ["check_contents", "rebuild", "refuse_others"]

_PATIENCE: Final = 5.0
_TABLES: Final = frozenset((*INDEXED, CENSUS.name))

_THROWAWAY: Final = Cost(memory_kib=8, passes=1, lanes=1)
"""What opens the store until its own secret does is 256 bits of chance: to stretch it adds none."""


class _Enough(Exception):  # noqa: N818 - a turn of events, and never leaves this module
    """The first frame has come, and nothing else is wanted."""


def refuse_others(chain: Sequence[Member], trusted: Collection[str]) -> None:
    """Refuse a chain that none of ``trusted`` made.

    Raises:
        BackupDamagedError: somebody else did.
    """
    last = chain[-1]
    if last.head.made_by not in trusted:
        why = (
            f"it was made by {last.head.made_by}, and not by {' or '.join(sorted(trusted))}; if "
            "that is what you noted when it was made, say so with `--made-by`"
        )
        raise BackupDamagedError(path=last.path, why=why)


async def rebuild(chain: Sequence[Member], empty: Path, identities: Identities) -> Store:
    """Fill an empty file with the store that a chain holds, verified, and return it open.

    It opens with a secret that nobody has: give it another one with ``rewrap``.

    Raises:
        BackupKeyError: no key is given.
        BackupDamagedError: no key opens a member, or the whole is not what it was.
        StoreVersionError: it was made by a newer watchtower.
        StoreFullError: the file cannot be written.
    """
    last = chain[-1]
    if not identities.keys:
        why = "this backup opens with a private key; give its file with `--key`"
        raise BackupKeyError(why=why)
    if last.head.store_format > FORMAT:
        raise StoreVersionError(path=last.path, found=last.head.store_format, known=FORMAT)
    master = await asyncio.to_thread(_master_of, chain[0], identities)
    secret = secrets.token_urlsafe(32)
    with sqlite_faults(empty):
        async with Connections(empty, _PATIENCE).engine().connect() as connection:
            await create_schema(
                connection, master, secret, _THROWAWAY, store_format=last.head.store_format
            )
        await asyncio.to_thread(_replay, chain, empty, identities, master)
    try:
        store = await Store.open(empty, secret, cost=_THROWAWAY, keeps_old=False)
        try:
            await _verify(store, last)
        except BaseException:
            await store.close()
            raise
    except (StoreTamperedError, StoreDamagedError) as failure:
        what = failure.facts.get("what") or failure.facts.get("why")
        why = f"put together, it is not what it was when it was made ({what})"
        raise BackupDamagedError(path=last.path, why=why) from None
    return store


async def check_contents(chain: Sequence[Member], identities: Identities) -> dict[str, int]:
    """Put a chain together, verify it, and throw it away; return how many records it has.

    Raises:
        BackupKeyError, BackupDamagedError, StoreVersionError, StoreFullError: as `rebuild` does.
    """
    with disk_faults(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory() as room:
        empty = Path(room) / "store"
        empty.touch(mode=0o600)
        async with await rebuild(chain, empty, identities) as store, store.read() as work:
            return await work.verify()


async def _verify(store: Store, last: Member) -> None:
    async with store.read() as work:
        await work.verify()
        network = await work.network.get()
    if network != last.head.network:
        raise StoreDamagedError(path=last.path, why="its head names another network")


def _master_of(base: Member, identities: Identities) -> bytes:
    found: list[bytes] = []

    def visit(frame: Frame) -> None:
        if isinstance(frame, Opening):
            found.append(frame.master)
        raise _Enough

    try:
        with disk_faults(base.path):
            member.read(base, identities.keys, visit)
    except _Enough:
        pass
    return found[0]


def _replay(chain: Sequence[Member], store: Path, identities: Identities, master: bytes) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        for one in chain:
            connection.execute("BEGIN IMMEDIATE")
            player = _Player(connection, one, master)
            with disk_faults(one.path):
                member.read(one, identities.keys, player.visit)
            connection.execute("COMMIT")


class _Player:
    """Writes what a member holds into a store."""

    def __init__(self, connection: sqlite3.Connection, one: Member, master: bytes) -> None:
        self._connection = connection
        self._member = one
        self._master = master

    def visit(self, frame: Frame) -> None:
        match frame:
            case Opening():
                if frame.master != self._master:
                    raise self._damaged("it has another master key than its base")
            case Written():
                text = "INSERT OR REPLACE INTO {} (row, topic, version, sealed) VALUES (?, ?, ?, ?)"
                self._run(text, frame.table, frame.rows)
            case Removed():
                done = self._run(
                    "DELETE FROM {} WHERE row = ?", frame.table, [(r,) for r in frame.rows]
                )
                if done != len(frame.rows):
                    raise self._damaged("it removes records that are not there")
            case _:
                pass

    def _run(self, text: str, table: str, rows: Sequence[Any]) -> int:
        if table not in _TABLES:
            raise self._damaged(f"it has a table {table!r} that is unknown here")
        try:
            return self._connection.executemany(text.format(table), rows).rowcount
        except sqlite3.IntegrityError:
            raise self._damaged(f"it has records that do not belong into {table}") from None

    def _damaged(self, why: str) -> BackupDamagedError:
        return BackupDamagedError(path=self._member.path, why=why)
