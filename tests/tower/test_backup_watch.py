"""Whoever wants backups hears of it when none is made any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store import make
from tests.store.backups import chains
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice
from watchtower.store.database import Store
from watchtower.tower.backup_watch import BackupWatch

HOUR = 3_600


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give a new store at ``tmp_path/watchtower.db``."""
    async with await make.store(tmp_path / "watchtower.db") as opened:
        yield opened


class Ground:
    """A watch over the backups of a store, by a clock that is set."""

    def __init__(self, store: Store, *, old_hours: int = 48) -> None:
        self.told: list[Notice] = []
        self.now = 1_900_000_000.0
        desk = Desk(self, repeat_after=0)
        self.watch = BackupWatch(store, desk, old_hours=old_hours, wall=lambda: self.now)

    def tell(self, notice: Notice) -> None:
        """Keep what is told."""
        self.told.append(notice)

    async def at(self, now: float) -> list[tuple[str, str]]:
        """Look at this time; return what is told."""
        self.told.clear()
        self.now = now
        await self.watch.look()
        return [(notice.kind.value, notice.alarm.name) for notice in self.told]


async def test_a_backup_that_grows_old_is_told_until_a_new_one_is_made(
    store: Store, tmp_path: Path
) -> None:
    """By what the store knows of its own backups, wherever the copies went since."""
    ground, folder = Ground(store), chains.empty(tmp_path / "backups", is_folder=True)
    start = 1_900_000_000
    await chains.made(store, folder, at=start)

    assert await ground.at(start + 48 * HOUR - 1) == []
    assert await ground.at(start + 49 * HOUR) == [("raised", "backup_old")]
    assert "is 49 hours old" in ground.told[0].alarm.sentence

    await chains.made(store, folder, at=start + 50 * HOUR)
    assert await ground.at(start + 51 * HOUR) == [("resolved", "backup_old")]


async def test_no_backup_at_all_is_told(store: Store) -> None:
    """Who named a recipient and never started the timer has nothing to restore."""
    ground = Ground(store)

    assert await ground.at(1_900_000_000) == [("raised", "backup_old")]
    sentence = ground.told[0].alarm.sentence
    assert sentence.startswith(f"No backup of the store {store.path} was made yet:")


@pytest.mark.parametrize("content", [b"", b"no database of ours" * 100])
async def test_an_index_that_cannot_be_read_is_none(store: Store, content: bytes) -> None:
    """The next backup makes it anew; the rounds go on meanwhile."""
    store.path.with_name(f"{store.path.name}.backups").write_bytes(content)

    assert await Ground(store).at(1_900_000_000) == [("raised", "backup_old")]


async def test_zero_hours_switch_it_off(store: Store) -> None:
    """For those whose backups are somebody else's matter."""
    assert await Ground(store, old_hours=0).at(1_900_000_000) == []


async def test_backups_that_nobody_wants_any_more_are_not_told_and_other_hours_hold_soon(
    store: Store,
) -> None:
    """Settings that are read again end the alarm, and begin it."""
    ground, other = Ground(store), Ground(store, old_hours=0)
    assert await ground.at(1_900_000_000) == [("raised", "backup_old")]
    ground.watch.hold_to(0)
    assert await ground.at(1_900_000_001) == [("resolved", "backup_old")]

    assert await other.at(1_900_000_000) == []
    other.watch.hold_to(24)
    assert await other.at(1_900_000_001) == [("raised", "backup_old")]
