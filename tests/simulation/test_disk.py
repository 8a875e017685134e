"""A disk that fails as disks do, and processes that die in the middle of a write."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from simulation.disk import Connections, Disk, Ill, Step
from simulation.holders import PAYEE
from simulation.host import PASSPHRASE, new_store
from simulation.loop import play
from watchtower.errors import StoreBusyError, StoreFullError, WatchtowerError
from watchtower.store.database import Store


def on(path: Path, story: Callable[[Disk], Coroutine[Any, Any, None]]) -> None:
    """Play a story with a disk that has a new store on it."""
    new_store(path, {PAYEE.address: PAYEE})
    play(lambda: story(Disk()))


async def notes(path: Path, disk: Disk) -> dict[str, Any]:
    """What another process reads."""
    opening = Store.open(path, PASSPHRASE, driver=disk.connections(lambda _: None).open)
    async with await opening as store, store.read() as work:
        return dict(await work.notes.load_all())


async def write(store: Store, name: str) -> None:
    """Write one note, and an entry of the journal."""
    async with store.write() as work:
        await work.notes.put(name, 1)
        await work.journal.append(name)


@pytest.mark.parametrize(
    ("step", "kept"), [(Step.BEFORE_COMMIT, ["first"]), (Step.AFTER_COMMIT, ["first", "second"])]
)
def test_process_that_is_killed_leaves_what_it_had_committed(
    tmp_path: Path, step: Step, kept: list[str]
) -> None:
    """Neither more nor less, whatever it tries to do afterwards."""
    path = tmp_path / "store.db"

    async def story(disk: Disk) -> None:
        fuse = [0]

        def steps(now: Step) -> None:
            fuse[0] += now is step
            if fuse[0] == 2:
                process.kill()

        process: Connections = disk.connections(steps)
        store = await Store.open(path, PASSPHRASE, driver=process.open)
        await write(store, "first")
        with pytest.raises(WatchtowerError):
            await write(store, "second")
        with pytest.raises(WatchtowerError):
            await write(store, "third")
        assert sorted(await notes(path, disk)) == kept
        await store.close()

    on(path, story)


@pytest.mark.parametrize("ill", list(Ill))
def test_write_on_an_ill_disk_fails_whole_and_the_next_one_succeeds(
    tmp_path: Path, ill: Ill
) -> None:
    """As SQLite does it: the error is told, and the transaction rolled back.

    Nothing of it is known to the process either: numbers go on where they were, and all is counted.
    """
    path = tmp_path / "store.db"

    async def story(disk: Disk) -> None:
        driver = disk.connections(lambda _: None).open
        async with await Store.open(path, PASSPHRASE, driver=driver) as store:
            await write(store, "before")
            disk.ill = ill
            with pytest.raises(StoreFullError):
                await write(store, "lost")
            disk.ill = None
            await write(store, "kept")
            assert sorted(await notes(path, disk)) == ["before", "kept"]
            async with store.read() as work:
                before, kept = await work.journal.tail(2)
                assert (kept.number - before.number, kept.entry.kind) == (1, "kept")
                await work.verify()

    on(path, story)


def test_store_that_is_locked_is_waited_for_without_holding_up_the_world(tmp_path: Path) -> None:
    """As long as the store's patience lasts."""
    path = tmp_path / "store.db"

    async def story(disk: Disk) -> None:
        driver = disk.connections(lambda _: None).open
        locking = await driver(path, timeout=5.0, isolation_level=None)
        async with await Store.open(path, PASSPHRASE, driver=driver, patience=2.0) as store:
            await locking.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError):
                await write(store, "lost")
            await locking.close()
            await write(store, "kept")
            assert sorted(await notes(path, disk)) == ["kept"]

    on(path, story)
