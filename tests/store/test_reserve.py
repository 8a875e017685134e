"""The reserve on a small disk that is filled: the last writes succeed, and claims do not eat it."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.disks import KINDS, SmallDisk, small_disk
from tests.store import make
from watchtower.errors import StoreFullError, StoreRoomError
from watchtower.store.database import Store
from watchtower.store.reserve import Reserve, RoomForClaims

SIZE = 1 << 20


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk of each kind."""
    with small_disk(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def store(disk: SmallDisk) -> AsyncIterator[Store]:
    """A store on it."""
    path = disk.folder / "watchtower.db"
    async with await Store.create(
        path, make.PASSPHRASE, cost=make.CHEAP, driver=disk.driver
    ) as opened:
        yield opened


@pytest.fixture
def reserve(disk: SmallDisk, store: Store) -> Reserve:
    """Its reserve, not made yet."""
    return Reserve(store.path, SIZE, disk.measure)


def test_reserve_is_on_the_disk_and_nobody_elses(reserve: Reserve, disk: SmallDisk) -> None:
    """All of its bytes are taken from the disk, and only its owner may open it."""
    before = disk.measure(disk.folder).available
    assert reserve.make()

    told = reserve.path.stat()
    assert told.st_blocks * 512 >= SIZE == told.st_size == reserve.held
    assert stat.S_IMODE(told.st_mode) == 0o600
    assert before - disk.measure(disk.folder).available >= SIZE


def test_reserve_of_another_size_is_made_anew(reserve: Reserve, disk: SmallDisk) -> None:
    """A setting that was changed counts from the next start on; of none there is none."""
    reserve.make()
    for size in (2 * SIZE, SIZE // 2, 0):
        assert Reserve(reserve.store, size, disk.measure).make()
        assert Reserve(reserve.store, size, disk.measure).held == size


def test_link_in_its_place_leads_nowhere(reserve: Reserve, tmp_path: Path) -> None:
    """Whoever may write into the folder does not have us overwrite another file."""
    other = tmp_path / "precious"
    other.write_text("precious")
    reserve.path.symlink_to(other)

    assert reserve.make()
    assert other.read_text() == "precious"
    assert not reserve.path.is_symlink()


def test_reserve_is_not_made_where_claims_would_have_no_room(
    reserve: Reserve, disk: SmallDisk
) -> None:
    """It would be given up by the next write."""
    disk.fill()
    assert not reserve.make()
    assert reserve.held == 0
    disk.free()
    assert reserve.make()


async def _until_full(store: Store) -> int:
    """Write until nothing can be written; return how often it could."""
    written = 0
    while True:
        try:
            async with store.write() as work:
                await work.journal.append("something", facts={"long": "x" * 30_000})
        except StoreFullError:
            return written
        written += 1


async def test_write_that_finds_no_room_gives_the_reserve_up_and_succeeds_the_next_time(
    store: Store, reserve: Reserve, disk: SmallDisk
) -> None:
    """Whoever writes again finds its room: an attempt is on disk before it is sent."""
    reserve.make()
    store.when_full = reserve.give_up
    disk.fill()
    written = await _until_full(store)
    assert reserve.held == 0

    async with store.write() as work:
        await work.attempts.put(make.attempt())
    async with store.read() as work:
        assert await work.attempts.unsettled() == [make.attempt()]
        assert len(await work.journal.tail(2 * written + 2)) == written
        await work.verify()


async def test_claims_do_not_eat_what_the_reserve_gave_up(
    store: Store, reserve: Reserve, disk: SmallDisk
) -> None:
    """They are turned away with a sentence, what redeeming writes is not, and space mends it."""
    claims = RoomForClaims(store, reserve)
    reserve.make()
    async with claims.write() as work:
        await work.claims.raise_best(make.claim(1, 5))
    disk.fill()
    reserve.give_up()

    with pytest.raises(StoreRoomError, match=r"KiB left, and that is left to redeeming") as told:
        async with claims.write() as work:
            await work.claims.raise_best(make.claim(1, 6))
    assert str(store.path) in str(told.value)
    async with store.write() as work:
        await work.attempts.put(make.attempt())

    disk.free()
    async with claims.write() as work:
        assert await work.claims.raise_best(make.claim(1, 7))
    async with claims.read() as work:
        assert await work.claims.best(make.channel_id(1)) == make.claim(1, 7)


def test_disk_that_does_not_answer_turns_nobody_away(reserve: Reserve) -> None:
    """SQLite will say what is the matter, or nothing is."""

    def refuse(_: Path) -> object:
        raise OSError(os.strerror(5))

    assert Reserve(reserve.store, SIZE, refuse).why_no_claims() is None  # type: ignore[arg-type]  # it returns nothing


def test_a_reserve_that_is_being_made_already_is_no_trouble(tmp_path: Path) -> None:
    """A round that was cut short goes on in its thread, beside the one of the next round."""
    reserve = Reserve(tmp_path / "watchtower.db", SIZE)
    with ThreadPoolExecutor(8) as makers:
        for _ in range(20):
            for made in [makers.submit(reserve.make) for _ in range(8)]:
                made.result()
            assert reserve.make()
            assert reserve.give_up()
