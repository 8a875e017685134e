"""Who looks after heads tells each trouble once, ends what has ended, and pins the census."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.store import make
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice
from watchtower.errors import StoreFullError
from watchtower.heads import head_keeper
from watchtower.store.database import Store
from watchtower.store.head_file import HeadFile
from watchtower.tower.head_watch import HeadWatch

_NOW = 1_700_000_000.0
_HOUR = 3_600.0


class _People:
    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, notice: Notice) -> None:
        """Note it."""
        self.told.append(f"{notice.kind.value} {notice.alarm.name}")


class _Scene:
    """A watch over one store and one place, on clocks that a test moves."""

    def __init__(self, store: Store, place: HeadFile) -> None:
        self.store, self.place = store, place
        self.people = _People()
        self.wall, self.steady = _NOW, 0.0
        desk = Desk(self.people, repeat_after=0, clock=lambda: self.steady)
        self.keeper = head_keeper(store, [place], lambda: self.wall)
        self.watch = HeadWatch(self.keeper, desk, wall=lambda: self.wall, clock=lambda: self.steady)

    async def look(self, after: float = 11.0) -> list[str]:
        """Look again, so many seconds later; return what was told."""
        self.steady += after
        self.wall += after
        self.people.told.clear()
        await self.watch.look()
        return [*self.people.told]

    async def pins(self) -> int:
        """How often the census was pinned."""
        async with self.store.read() as work:
            entries = await work.journal.load_all()
        return sum(entry.kind == "census_pinned" for entry in entries)


@asynccontextmanager
async def scene(tmp_path: Path, name: str = "w.db") -> AsyncIterator[_Scene]:
    """A store, and a place elsewhere."""
    async with await make.store(tmp_path / name) as store:
        yield _Scene(store, HeadFile(tmp_path / "head.json"))


async def test_the_census_is_pinned_at_the_start_and_every_hour(tmp_path: Path) -> None:
    """So that two copies that both run differ from the first second on."""
    async with scene(tmp_path) as here:
        pins = []
        for after in (0.0, 60.0, _HOUR, 60.0):
            await here.look(after)
            pins.append(await here.pins())
        assert pins == [1, 1, 2, 2]


async def test_a_head_from_the_future_is_an_alarm_about_the_clock(tmp_path: Path) -> None:
    """Nothing is decided by it: the store is as far as its head, and goes on publishing."""
    async with scene(tmp_path) as here:
        assert await here.look() == []
        here.wall -= 2 * _HOUR
        assert await here.look() == ["raised head_ahead_of_clock"]
        assert await here.look() == ["resolved head_ahead_of_clock"]


async def test_two_stores_at_one_place_are_told_to_both(tmp_path: Path) -> None:
    """Neither writes over the other's head."""
    async with scene(tmp_path) as here, scene(tmp_path, "other.db") as there:
        await here.look()
        before = _text(tmp_path)
        assert await there.look() == ["raised head_of_another_store"]
        assert await there.look() == []
        assert _text(tmp_path) == before
        assert await here.look() == []


async def test_another_copy_that_publishes_is_told_while_the_tower_runs(tmp_path: Path) -> None:
    """It is told once, however often it is looked at, and its head stays as evidence."""
    async with scene(tmp_path) as here:
        await here.look()
        await here.store.copy_into(tmp_path / "copy.db")
        async with await make.reopen(tmp_path / "copy.db") as copy:
            twin = _Scene(copy, here.place)
            assert await twin.look() == []
        before = _text(tmp_path)
        assert await here.look() == ["raised store_forked"]
        assert await here.look() == []
        assert _text(tmp_path) == before


async def fill(here: _Scene) -> None:
    """Write until there is no room."""
    while True:
        await here.keeper.pin()


async def test_a_store_that_takes_nothing_is_compared_all_the_same(tmp_path: Path) -> None:
    """A full disk keeps no other copy unseen; what was found is written down once there is room."""
    async with scene(tmp_path) as here:
        await here.look()
        await here.store.copy_into(tmp_path / "copy.db")
        async with await make.reopen(tmp_path / "copy.db") as copy:
            await _Scene(copy, here.place).look()
        await make.limit(here.store)
        with pytest.raises(StoreFullError):
            await fill(here)
        assert await here.look(_HOUR) == ["raised store_forked"]
        assert await here.look() == []
        await make.limit(here.store, 1_000_000)
        await here.look()
        async with here.store.read() as work:
            kinds = [entry.kind for entry in await work.journal.load_all()]
        assert "head_trouble" in kinds


async def test_a_head_that_is_back_ends_its_alarm(tmp_path: Path) -> None:
    """A share that was not mounted for a while."""
    async with scene(tmp_path) as here:
        await here.look()
        aside = _move(tmp_path / "head.json", tmp_path / "aside")
        assert await here.look() == ["raised head_gone"]
        assert not _exists(tmp_path / "head.json")
        _move(aside, tmp_path / "head.json")
        assert await here.look() == ["resolved head_gone"]
        assert await here.keeper.troubles() == {}
        assert await here.look() == []


async def test_a_quiet_store_is_not_published_again_and_again(tmp_path: Path) -> None:
    """Only what changed is, and what stands there is looked at now and then."""
    async with scene(tmp_path) as here:
        await here.look()
        await here.look()
        before = _text(tmp_path)
        await here.look(1.0)
        assert _text(tmp_path) == before
        async with here.store.write() as work:
            await work.journal.append("changed")
        await here.look(1.0)
        assert _text(tmp_path) != before


def _text(folder: Path) -> bytes:
    return (folder / "head.json").read_bytes()


def _move(one: Path, other: Path) -> Path:
    return one.rename(other)


def _exists(path: Path) -> bool:
    return path.exists()
