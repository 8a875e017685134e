"""A restore takes the newest backup that there is, whatever clocks and neighbours do."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from tests.store import make
from tests.store.backups.chains import KEYS, empty, made
from watchtower.errors import BackupDamagedError
from watchtower.store.backups.folder import chain_at
from watchtower.store.backups.index import index_of
from watchtower.store.backups.making import Made, made_by
from watchtower.store.database import Store
from watchtower.store.restore import Restored, restore

NOON = 1_800_000_000


async def _kept(store: Store, amount: int) -> None:
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, amount))


async def _restored(folder: Path, target: Path, by: Collection[str] = ()) -> tuple[Restored, int]:
    """Restore, and return what was told, and the best claim of the store."""
    told = await restore(
        folder, target, make.PASSPHRASE, identities=KEYS, made_by=by, cost=make.CHEAP
    )
    async with await make.reopen(target) as store, store.read() as work:
        best = await work.claims.best(make.channel_id(1))
    return told, 0 if best is None else best.amount


@pytest.mark.parametrize("base_every", [1, 24])
async def test_a_clock_that_stepped_back_does_not_bring_back_an_older_backup(
    store: Store, tmp_path: Path, base_every: int
) -> None:
    """It was two hours ahead once; within a chain, and where every backup begins one."""
    folder = empty(tmp_path / "b", is_folder=True)
    for at, amount in ((NOON, 1), (NOON + 7_200, 2), (NOON + 100, 3)):
        await _kept(store, amount)
        await made(store, folder, at=at, base_every=base_every)
    assert (await _restored(folder, tmp_path / "new.db"))[1] == 3


@pytest.mark.parametrize("is_index_lost", [False, True])
async def test_each_backup_says_a_later_time_than_the_last(
    store: Store, tmp_path: Path, *, is_index_lost: bool
) -> None:
    """By the index beside the store, or by the last file in the folder that is ours."""
    folder = empty(tmp_path / "b", is_folder=True)
    first = await made(store, folder, at=NOON + 7_200)
    if is_index_lost:
        index_of(store.path).unlink()
    second = await made(store, folder, at=NOON)
    alone = await made(store, tmp_path / "alone", at=NOON)
    assert second.head.created == first.head.created + 1
    assert alone.head.created == second.head.created + 1
    assert (await made(store, folder, at=NOON + 9_000)).head.created == NOON + 9_000


async def test_a_time_that_nobody_signed_for_is_not_believed(store: Store, tmp_path: Path) -> None:
    """Whoever can write into the folder could have us say any time."""
    folder = empty(tmp_path / "b", is_folder=True)
    first = await made(store, folder, at=2 * NOON)
    first.path.write_bytes(first.path.read_bytes()[:-1])
    index_of(store.path).unlink()
    assert (await made(store, folder, at=NOON)).head.created == NOON


async def _two_towers(folder: Path) -> tuple[Made, Made]:
    """Make two stores that share a folder; the second one's backup is the newer."""
    empty(folder, is_folder=True)
    backups = []
    for number in (1, 2):
        async with await make.store(folder.parent / f"{number}.db") as store:
            await _kept(store, number * 100)
            backups.append(await made(store, folder))
    return backups[0], backups[1]


async def test_of_a_shared_folder_a_store_takes_its_own(tmp_path: Path) -> None:
    """Into the store itself; and into none, by whom it is told to believe."""
    folder = tmp_path / "b"
    ours, theirs = await _two_towers(folder)
    for target, by in (("1.db", ()), ("new.db", {ours.head.made_by})):
        told, best = await _restored(folder, tmp_path / target, by)
        assert (told.file, best) == (str(ours.path), 100)
        assert [(one.file, one.made_by) for one in told.passed_over] == [
            (str(theirs.path), theirs.head.made_by)
        ]


async def test_where_none_is_ours_whose_it_is_is_said(tmp_path: Path) -> None:
    """Nothing is taken."""
    folder = tmp_path / "b"
    _, theirs = await _two_towers(folder)
    async with await make.store(tmp_path / "3.db") as store:
        our_name = await made_by(store)
    with pytest.raises(BackupDamagedError, match=f"made by {theirs.head.made_by}, and not by"):
        await _restored(folder, tmp_path / "3.db")
    assert chain_at(folder, {our_name})[-1].path == theirs.path
