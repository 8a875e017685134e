"""Connections come without a transaction, go back without one, and none is left behind."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.store import make
from tests.store.cancelled import is_cancelled_at
from watchtower.store.connections import Connections
from watchtower.store.database import Store
from watchtower.store.driver import Driven, connect
from watchtower.store.statements import BEGIN_IMMEDIATE, Statement

Kind = Callable[[], AbstractAsyncContextManager[Driven]]

PATIENCE = 5.0
COUNT = Statement("SELECT count(*) FROM notes")


class Opened:
    """A driver that knows what it has opened."""

    def __init__(self) -> None:
        """Begin with none."""
        self.begun = 0
        self.connections: list[Driven] = []

    async def open(self, *args: Any, **options: Any) -> Driven:
        """Open one more."""
        self.begun += 1
        connection = await connect(*args, **options)
        self.connections.append(connection)
        return connection

    @property
    def still(self) -> list[Driven]:
        """Those that nobody has closed."""
        return [each for each in self.connections if each._connection is not None]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give the path of a store that nobody has open."""
    await (await make.store(tmp_path / "w.db")).close()
    return tmp_path / "w.db"


async def test_readers_are_kept_for_the_next_and_not_without_bound(path: Path) -> None:
    """A crowd opens as many as it needs; a few wait for the next one."""
    driver = Opened()
    connections = Connections(path, PATIENCE, driver.open)
    async with AsyncExitStack() as crowd:
        for _ in range(9):
            reader = await crowd.enter_async_context(connections.reading())
            assert await reader.trip([COUNT]) == [[(0,)]]
        assert len(driver.still) == 9
    assert len(driver.still) == 5
    async with connections.reading():
        assert len(driver.connections) == 9
    await connections.close()
    assert driver.still == []


async def test_what_is_read_while_all_are_closed_is_read_to_its_end(path: Path) -> None:
    """And its connection is closed then."""
    driver = Opened()
    connections = Connections(path, PATIENCE, driver.open)
    async with connections.reading() as reader:
        await connections.close()
        assert await reader.trip([COUNT]) == [[(0,)]]
    assert driver.still == []


async def test_what_a_block_began_is_undone_when_it_fails(path: Path) -> None:
    """The next one finds no transaction, and others are not locked out."""
    connections = Connections(path, PATIENCE)
    for kind in (connections.writing, connections.reading):
        with suppress(make.Interruption):
            async with kind() as connection:
                await connection.trip([BEGIN_IMMEDIATE, Statement("DELETE FROM header")])
                make.interrupt()
        async with kind() as connection:
            assert not connection.sqlite.in_transaction
    with closing(sqlite3.connect(path, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM header").fetchone() == (1,)
    await connections.close()


async def test_a_connection_that_is_lost_is_replaced(path: Path) -> None:
    """One that cannot even undo what it was at is no reason to stop writing, or reading."""
    driver = Opened()
    connections = Connections(path, PATIENCE, driver.open)
    for kind in (connections.writing, connections.reading):
        with suppress(ValueError):
            async with kind() as connection:
                await connection.close()
                await connection.trip([COUNT])
        async with kind() as connection:
            assert await connection.trip([COUNT]) == [[(0,)]]
    await connections.close()
    assert driver.still == []


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


async def test_a_connection_that_cannot_be_prepared_is_closed(path: Path) -> None:
    """A damaged file is told of, each time, and holds no thread."""
    _cut(path)
    driver = Opened()
    connections = Connections(path, PATIENCE, driver.open)
    for kind in (connections.writing, connections.reading):
        with pytest.raises(sqlite3.DatabaseError):
            await kind().__aenter__()
    assert len(driver.connections) == 2
    assert driver.still == []
    await connections.close()


async def test_a_file_that_vanished_does_not_come_back_empty(store: Store) -> None:
    """Neither for who writes nor for who reads, when a new connection is needed."""
    store.path.rename(store.path.with_name("elsewhere.db"))
    connections = Connections(store.path, PATIENCE)
    for kind in (connections.writing, connections.reading):
        with pytest.raises(sqlite3.OperationalError):
            await kind().__aenter__()
    assert not store.path.exists()


async def test_commits_wait_for_the_disk_and_readers_wait_for_nobody(path: Path) -> None:
    """The two settings that the store's promise rests on (https://www.sqlite.org/pragma.html)."""
    connections = Connections(path, PATIENCE)
    for kind in (connections.writing, connections.reading):
        async with kind() as connection:
            asked = [Statement("PRAGMA synchronous"), Statement("PRAGMA journal_mode")]
            assert await connection.trip(asked) == [[(2,)], [("wal",)]]
    await connections.close()


async def test_a_connection_that_was_told_to_stop_refuses(path: Path) -> None:
    """Its thread takes nothing any more; who asked it would wait for ever."""
    connection = await connect(str(path))
    stopped = connection.stop()
    with pytest.raises(ValueError, match="closed"):
        await connection.trip([COUNT])
    assert stopped is not None
    await stopped


@pytest.mark.parametrize("does", ["write", "read"])
async def test_nobody_s_cancellation_leaves_a_connection_behind(path: Path, does: str) -> None:
    """Cancelled at every single suspension, that of opening it included."""
    for point in itertools.count():
        driver = Opened()
        connections = Connections(path, PATIENCE, driver.open)
        kind = connections.writing if does == "write" else connections.reading

        async def ask(kind: Kind = kind) -> None:
            async with kind() as connection:
                await connection.trip([BEGIN_IMMEDIATE, COUNT])
                await connection.rollback()

        is_cancelled = await asyncio.create_task(is_cancelled_at(ask(), point))
        with closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        assert len(driver.still) <= 1
        async with kind() as connection:
            assert await connection.trip([COUNT]) == [[(0,)]]
        # What somebody began to open and did not wait for is there for the next.
        assert driver.begun == len(driver.connections) == 1
        await connections.close()
        assert driver.still == []
        if not is_cancelled:
            break
    assert point >= 3
