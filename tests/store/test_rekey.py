"""A store gets another master key, and nothing of the old one is left."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.disks import small_disk
from tests.store import make
from tests.store.rekeying import (
    MANY,
    files,
    fill,
    moment,
    opened,
    opened_by,
    sealed_records,
    slots_for,
)
from watchtower.errors import (
    PassphraseError,
    StoreFullError,
    StoreTamperedError,
)
from watchtower.store.cipher import Keyring
from watchtower.store.database import Store
from watchtower.store.header import Slot, wrap
from watchtower.store.naming import NAMINGS
from watchtower.store.state import names_of_state
from watchtower.store.tables import FORMAT, SEALED_TABLES
from watchtower.store.transaction import Transaction
from watchtower.units import Drops


async def test_every_record_is_there_afterwards_and_is_found_as_before(tmp_path: Path) -> None:
    """In the middle too: what is found by name, by topic and in order, under either key."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store)
        before = await moment(store)
        rekeying = store.rekeying()
        await rekeying.begin(slots_for)
        assert await moment(store) == before
        names = [*names_of_state(make.channel_id(number) for number in range(1, MANY + 1))]
        async with store.write() as work:
            for table in SEALED_TABLES:
                await work.reseal(table.name, None, 100, names)
        assert await moment(store) == before
        assert await rekeying.move() > 3 * MANY
        assert await rekeying.move() == 0
        await rekeying.end()
        assert await moment(store) == before
        assert not await rekeying.is_under_way()
    async with opened(path) as store:
        assert await moment(store) == before


async def test_nothing_that_the_old_key_opens_is_left_in_the_file(tmp_path: Path) -> None:
    """Neither records nor slots, in tables, in free pages of earlier times, or in the log."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store, 60)
        old = store._keys.keyring.master
        [way] = await store.slots()
        sealed = [each for _, each in sealed_records(path)]
        _leave_behind(path, [way.wrapped, *sealed])
        rekeying = store.rekeying()
        await rekeying.begin(slots_for)
        sealed += [each for _, each in sealed_records(path)]
        names = [place.row for place, _ in sealed_records(path) if len(place.row) == 32]
        topics = [place.topic for place, _ in sealed_records(path) if place.topic]
        with closing(sqlite3.connect(path)) as file:
            kept = file.execute("SELECT wrapped FROM slots WHERE kind = 'predecessor'").fetchone()
        await rekeying.move()
        await rekeying.end()
        left = files(path)
    ours = Keyring(old)
    assert opened_by(ours, path) == []
    parts = [each[start : start + 16] for each in sealed for start in (0, 12, len(each) - 16)]
    for part in {*parts, *names, *topics, way.wrapped, way.parameters, *kept}:
        assert part not in left


def _leave_behind(path: Path, sealed: list[bytes]) -> None:
    """Leave sealings in free pages, as a watchtower did that did not overwrite them."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA secure_delete=OFF")
        file.execute("CREATE TABLE gone (sealed)")
        file.executemany("INSERT INTO gone VALUES (?)", [(each,) for each in sealed])
        file.commit()
        file.execute("DROP TABLE gone")
        file.commit()
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sealed[-1] in files(path)


async def test_what_was_wrapped_before_is_not_left_in_the_file(tmp_path: Path) -> None:
    """A slot that was replaced is overwritten in file and log, so that its passphrase is void."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store, 3)
        [before] = await store.slots()
        words = [f"battery staple {number}" for number in range(3)]

        async def many(master: bytes) -> list[Slot]:
            return [wrap(master, each, store_format=FORMAT, cost=make.CHEAP) for each in words]

        await store.replace_slots(many)
        [*gone, kept] = await store.slots()
        assert all(slot.wrapped in files(path) for slot in gone)

        async def one(_: bytes) -> list[Slot]:
            return [kept]

        await store.replace_slots(one)
        for slot in (before, *gone):
            assert slot.wrapped not in files(path)
            assert slot.parameters not in files(path)
    with pytest.raises(PassphraseError):
        await make.reopen(path, words[0])
    async with await make.reopen(path, words[2]):
        pass


async def test_a_store_that_was_tampered_with_gets_no_other_key(tmp_path: Path) -> None:
    """What fails its seal could not be sealed anew; nothing is begun that could not be ended."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store, 3)
    with closing(sqlite3.connect(path)) as file:
        file.execute(
            "UPDATE claims SET sealed = randomblob(length(sealed)) WHERE row IN"
            " (SELECT row FROM claims LIMIT 1)"
        )
        file.commit()
    async with opened(path) as store:
        before = await store.slots()
        with pytest.raises(StoreTamperedError, match="claims"):
            await store.rekeying().begin(slots_for)
        assert await store.slots() == before
        assert not await store.rekeying().is_under_way()


async def test_a_record_that_came_back_keeps_the_old_key_from_being_forgotten(
    tmp_path: Path,
) -> None:
    """Somebody puts a record of before back behind the walk: it is named, and nothing is lost."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store, 3)
        await store.rekeying().begin(slots_for)
        with closing(sqlite3.connect(path)) as file:
            [old] = file.execute("SELECT * FROM claims LIMIT 1").fetchall()
        await store.rekeying().move()
        with closing(sqlite3.connect(path)) as file:
            file.execute("INSERT INTO claims VALUES (?, ?, ?, ?)", old)
            file.commit()
        with pytest.raises(StoreTamperedError, match="claims"):
            await store.rekeying().end()
        assert await store.rekeying().is_under_way()


@pytest.mark.parametrize("channels", [1, 3])
async def test_a_signer_that_has_signed_little_gets_another_master_key(
    tmp_path: Path, channels: int
) -> None:
    """Its state has names of channels, and none of those that a tower's has."""
    numbers = range(1, channels + 1)
    async with await make.store(tmp_path / "w.db") as store:
        async with store.write() as work:
            await work.highest.raise_all({make.channel_id(n): Drops(n + 1) for n in numbers})
            for n in numbers:
                await work.journal.append("signed", channel=make.channel_id(n))
        await store.rekeying().begin(slots_for)
        await store.rekeying().move()
        await store.rekeying().end()
        async with store.write() as work:
            higher = await work.highest.raise_all({make.channel_id(n): Drops(1) for n in numbers})
        assert higher == {make.channel_id(n): Drops(n + 1) for n in numbers}


async def _fill_up(store: Store) -> None:
    """Take the pages of a limited file that are free already."""
    for number in count():
        async with store.write() as work:
            await work.notes.put(f"filler {number}", {"of": "a page" * 700})


async def test_a_full_disk_stops_it_and_loses_nothing(tmp_path: Path) -> None:
    """Nothing is moved by halves; when there is room it goes on."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store)
        await store.rekeying().begin(slots_for)
        await make.limit(store)
        with pytest.raises(StoreFullError):
            await _fill_up(store)
        before = await moment(store)
        with pytest.raises(StoreFullError, match="Free some space"):
            await store.rekeying().move()
        # What its log had taken of the disk is free again, for claims.
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0
        assert await moment(store) == before
    async with opened(path) as store:
        await store.rekeying().move()
        await store.rekeying().end()
        assert await moment(store) == before


async def test_it_fills_no_disk_and_says_how_much_room_it_takes(tmp_path: Path) -> None:
    """Neither begun nor ended where claims would find no room meanwhile; then it goes on."""
    with small_disk("mounted", tmp_path) as disk:
        path = disk.folder / "w.db"
        async with await make.store(path) as store:
            await fill(store, 60)
            before = await moment(store)
            size = path.stat().st_size + path.with_name("w.db-wal").stat().st_size
            (disk.folder / "something").write_bytes(bytes(size // 4))
            disk.fill()
            (disk.folder / "something").unlink()
            told = r"needs \d+ KiB beside it, of which \d+ are free"
            with pytest.raises(StoreFullError, match=told):
                await store.rekeying().begin(slots_for)
            assert not await store.rekeying().is_under_way()
            disk.free()
            await store.rekeying().begin(slots_for)
            await store.rekeying().move()
            # There is room for the file, and not for what has to be left.
            room = disk.measure(disk.folder).available
            with pytest.raises(StoreFullError, match=told):
                await store.rekeying(spare=2 * room).end()
            assert path.with_name("w.db-wal").stat().st_size == 0
            assert await store.rekeying().is_under_way()
            await store.rekeying(spare=room // 2).end()
            assert await moment(store) == before


async def test_killed_before_or_behind_any_commit_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill would leave on disk is copied at each of them, and is ended by who opens it."""
    path, left = tmp_path / "w.db", list[Path]()
    commit = Transaction.commit

    def kill() -> None:
        folder = tmp_path / f"killed {len(left)}"
        folder.mkdir()
        for name in ("w.db", "w.db-wal"):
            if path.with_name(name).exists():
                shutil.copyfile(path.with_name(name), folder / name)
        left.append(folder / "w.db")

    async def committing(transaction: Transaction) -> None:
        kill()
        await commit(transaction)
        kill()

    async with await make.store(path) as store:
        await fill(store, 3)
        before = await moment(store)
        old = Keyring(store._keys.keyring.master)
        with monkeypatch.context() as watched:
            watched.setattr(Transaction, "commit", committing)
            await store.rekeying().begin(slots_for)
            await store.rekeying().move()
            await store.rekeying().end()
    stages = set()
    for killed in left:
        async with opened(killed) as store:
            is_under_way = await store.rekeying().is_under_way()
            stages.add((is_under_way, store._keys.keyring.epoch))
            assert await moment(store) == before
            if is_under_way:
                await store.rekeying().move()
                await store.rekeying().end()
                assert await moment(store) == before
            elif store._keys.keyring.epoch:
                assert [
                    1 for place, each in sealed_records(killed) if old.unseal(place, each)
                ] == []
    assert stages == {(False, 0), (True, 1), (False, 2)}
    assert len(left) == 2 * (len(SEALED_TABLES) + 2)


def test_every_sealed_table_can_be_sealed_anew() -> None:
    """One that were forgotten would keep the old key in the file for ever."""
    assert NAMINGS.keys() == {table.name for table in SEALED_TABLES}
