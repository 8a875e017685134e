"""A plain copy, as backups once were, is a whole store, or it is not there."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store import make
from tests.store.plain_copy import backup
from watchtower.errors import PassphraseError, StoreExistsError, StoreFullError, StoreTamperedError
from watchtower.store.database import Store


async def test_a_backup_is_a_store_of_that_moment(store: Store, tmp_path: Path) -> None:
    """It opens with the same passphrase and no other, and holds what the store held."""
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 500))
    counts = await backup(store, tmp_path / "b.db")
    assert counts["claims"] == 1
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 600))
    with pytest.raises(PassphraseError):
        await make.reopen(tmp_path / "b.db", "another")
    async with await make.reopen(tmp_path / "b.db") as copy, copy.read() as work:
        assert await work.claims.load_all() == [make.claim(1, 500)]


async def test_a_backup_is_one_file_for_its_owner(store: Store, tmp_path: Path) -> None:
    """Nothing that belongs to it stays elsewhere."""
    before = _names(tmp_path)
    await backup(store, tmp_path / "b.db")
    assert _names(tmp_path) - before == {"b.db"}
    assert (tmp_path / "b.db").stat().st_mode & 0o777 == 0o600


def _names(room: Path) -> set[str]:
    return {file.name for file in room.iterdir()}


async def test_a_backup_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    """Not even an older backup."""
    (tmp_path / "b.db").write_bytes(b"older")
    with pytest.raises(StoreExistsError, match=r"b\.db"):
        await backup(store, tmp_path / "b.db")
    assert (tmp_path / "b.db").read_bytes() == b"older"


async def test_a_backup_that_cannot_be_written_leaves_nothing(store: Store, tmp_path: Path) -> None:
    """And says where it was to go."""
    before = _names(tmp_path)
    with pytest.raises(StoreFullError, match=r"none/b\.db"):
        await backup(store, tmp_path / "none" / "b.db")
    assert _names(tmp_path) == before


async def test_a_broken_store_gives_no_backup(tmp_path: Path) -> None:
    """A backup with a broken record would be found broken on the day it is needed."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, store.write() as work:
        await work.claims.raise_best(make.claim(1, 500))
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE claims SET sealed = zeroblob(100)")
        file.commit()
    async with await make.reopen(path) as store:
        with pytest.raises(StoreTamperedError, match=r"/b\.db was changed.*claims"):
            await backup(store, tmp_path / "b.db")
    assert _names(tmp_path) == {"w.db"}


async def test_a_backup_during_writes_is_one_moment(store: Store, tmp_path: Path) -> None:
    """Claim and journal are written together, so a copy has as many of one as of the other."""

    async def keep() -> None:
        for number in range(1, 40):
            async with store.write() as work:
                await work.claims.raise_best(make.claim(number, 10))
                await work.journal.append("claim_kept")

    writing = asyncio.create_task(keep())
    for name in ("b1.db", "b2.db", "b3.db"):
        counts = await backup(store, tmp_path / name)
        assert counts["claims"] == counts["journal"]
    await writing
