"""A store is used, by whoever, while it gets another master key."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio import StreamReader, create_subprocess_exec, timeout
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.store import make
from tests.store.plain_copy import backup
from tests.store.rekeying import MANY, WAY, contents, fill, moment, opened, slots_for
from tests.store.test_database import ROOT
from watchtower.errors import (
    StoreBusyError,
    StoreRekeyedError,
)
from watchtower.store.database import Store
from watchtower.store.header import Slot, checksum, predecessor_slot, wrap
from watchtower.store.statements import Statement
from watchtower.store.tables import FORMAT


async def _line(stream: StreamReader | None) -> int:
    assert stream is not None
    async with timeout(60):
        return int(await stream.readline())


@asynccontextmanager
async def _another(path: Path) -> AsyncIterator[Process]:
    arguments = (sys.executable, "-m", "tests.store.another_process", str(path))
    made = await create_subprocess_exec(*arguments, cwd=ROOT, stdout=PIPE)
    try:
        yield made
    finally:
        made.kill()
        await made.communicate()


async def test_two_processes_write_while_the_master_key_changes(tmp_path: Path) -> None:
    """Each keeps claims in every epoch; the best is not lowered, and no record is there twice."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store)
    async with opened(path) as store, opened(path) as here, _another(path) as other:
        last = 0

        async def both_write() -> None:
            nonlocal last
            # What was begun before may be told after: the third line is of a new transaction.
            last = max([await _line(other.stdout) for _ in range(3)])
            async with here.write() as work:
                await work.claims.raise_best(make.claim(2, 5_000_000 + last))
                await work.claims.raise_best(make.claim(3, 1))

        await both_write()
        await store.rekeying().begin(slots_for)
        await both_write()
        await store.rekeying().move()
        await both_write()
        await store.rekeying().end()
        await both_write()
    async with opened(path) as store, store.read() as work:
        assert (await work.verify())["claims"] == MANY
        best = await work.claims.find([make.channel_id(n) for n in (1, 2, 3)])
    assert best[make.channel_id(1)].amount >= max(last, 1001)
    assert best[make.channel_id(2)].amount == 5_000_000 + last
    assert best[make.channel_id(3)].amount == 1003


async def test_a_better_claim_takes_the_place_of_one_under_the_old_key(tmp_path: Path) -> None:
    """A worse one does not; what is removed goes under whichever key it was; the census holds."""
    async with await make.store(tmp_path / "w.db") as store:
        await fill(store, 6)
        await store.rekeying().begin(slots_for)
        async with store.write() as work:
            assert not await work.claims.raise_best(make.claim(1, 1))
            assert await work.claims.raise_best(make.claim(1, 5000))
            assert await work.claims.drop_all_pending([make.claim(7)]) == 1
            await work.channels.put(make.channel(1, at=200, closed=True))
            assert await work.attempts.put_all([make.attempt(1, blob="120001")]) == 0
        async with store.read() as work:
            records = await work.verify()
            assert (records["claims"], records["pending_claims"]) == (6, 0)
            assert await work.claims.best(make.channel_id(1)) == make.claim(1, 5000)
        await store.rekeying().move()
        await store.rekeying().end()
        async with store.read() as work:
            assert (await work.verify())["claims"] == 6
            assert await work.claims.best(make.channel_id(1)) == make.claim(1, 5000)


async def test_a_story_under_two_keys_is_told_from_its_end_in_order(tmp_path: Path) -> None:
    """What was written before and since, as one, with no entry between two pages lost."""
    channel = make.channel_id(1)
    async with await make.store(tmp_path / "w.db") as store:
        for _ in range(2):
            async with store.write() as work:
                await work.journal.append_all([("claim_kept", channel, None, {})] * 5)
            if not await store.rekeying().is_under_way():
                await store.rekeying().begin(slots_for)
        async with store.read() as work:
            first = await work.journal.story_below(channel, None, 4)
            rest = await work.journal.story_below(channel, first[-1].number, 9)
    # The sixth entry says that the store is given another key, and is of no channel's story.
    assert [each.number for each in (*first, *rest)] == [11, 10, 9, 8, 7, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("is_ended", [False, True])
async def test_who_slept_through_it_finds_what_was_moved(tmp_path: Path, *, is_ended: bool) -> None:
    """Its first question is asked by the rows of the old key, and asked again by the new ones."""
    async with await make.store(tmp_path / "w.db") as store, opened(store.path) as other:
        await fill(store, 6)
        async with opened(store.path) as third, opened(store.path) as fourth:
            before = await moment(other)
            await store.rekeying().begin(slots_for)
            await store.rekeying().move()
            if is_ended:
                await store.rekeying().end()
            async with other.write() as work:
                assert not await work.claims.raise_best(make.claim(1, 1))
            async with third.read() as work:
                assert await work.journal.story(make.channel_id(5)) == before["story"]
            async with fourth.write() as work:
                assert await work.attempts.put(make.attempt(6, blob="120006")) is False
            assert await moment(other) == before


async def test_who_reads_meanwhile_sees_the_moment_in_which_he_began(tmp_path: Path) -> None:
    """Also when the key of that moment has gone from the file since."""
    async with await make.store(tmp_path / "w.db") as store, opened(store.path) as other:
        await fill(store, 6)
        before = await moment(store)
        async with other.read() as early:
            await early.cursor.get()
            await store.rekeying().begin(slots_for)
            await store.rekeying().move()
            async with other.read() as late:
                assert await contents(late) == before
            assert await contents(early) == before


async def test_who_takes_up_another_master_key_says_so_once(tmp_path: Path) -> None:
    """The log of a daemon has the moment; that the old key is gone is no other one."""
    async with await make.store(tmp_path / "w.db") as store, opened(store.path) as other:
        rekeying = store.rekeying()
        await rekeying.begin(slots_for)
        with capture_logs() as begun:
            await moment(other)
            await moment(other)
        await rekeying.move()
        await rekeying.end()
        with capture_logs() as ended:
            await moment(other)
    [line] = begun
    assert (line["event"], line["log_level"]) == ("store_rekeyed", "info")
    assert ended == []


async def test_a_process_that_keeps_no_passphrase_ends_with_a_sentence(tmp_path: Path) -> None:
    """It neither seals by the old key nor calls the store tampered with; reopened, it goes on."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, await make.reopen(path) as other:
        await fill(store, 3)
        await other.pin_network(21337)
        await store.rekeying().begin(slots_for)
        with pytest.raises(StoreRekeyedError, match="start this again"):
            await other.pin_network(21337)
        with pytest.raises(StoreRekeyedError):
            await moment(other)
        async with await make.reopen(path) as again:
            await store.rekeying().move()
            await store.rekeying().end()
            # Who knew both keys needs to open nothing to know that one of them is gone.
            await again.pin_network(21337)


async def test_a_process_whose_passphrase_is_no_longer_right_says_so(tmp_path: Path) -> None:
    """As where the passphrase was changed with the key, and not where the daemon finds it."""
    path = tmp_path / "w.db"

    async def others(master: bytes) -> list[Slot]:
        return [wrap(master, "battery staple", store_format=FORMAT, cost=make.CHEAP)]

    async with await make.store(path) as store, opened(path) as other:
        await store.rekeying().begin(others)
        with pytest.raises(StoreRekeyedError, match="The passphrase does not open"):
            await other.pin_network(1)


async def test_who_reads_for_long_holds_up_the_end_and_nobody_who_writes(tmp_path: Path) -> None:
    """An attempt is written down meanwhile by who would not wait as long as the end may."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, await Store.open(path, WAY, patience=2.0) as other:
        await fill(store, 3)
        await store.rekeying().begin(slots_for)
        await store.rekeying().move()
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM journal").fetchall()
            before = _schema_version(path)
            ending = asyncio.create_task(store.rekeying().end())
            while _schema_version(path) == before:  # the file has not been written anew yet
                await moment(other)
            for number in range(100):
                async with other.write() as work:
                    await work.attempts.put(make.attempt(1, blob=f"13{number:04X}"))
            assert not ending.done()
        await ending
        async with store._connections.writing() as connection:
            # It waits for others again.
            assert await connection.trip([Statement("PRAGMA busy_timeout")]) == [[(5000,)]]
        async with other.read() as work:
            assert len(await work.attempts.for_channel(make.channel_id(1))) == 101


def _schema_version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        (found,) = file.execute("PRAGMA schema_version").fetchone()
    return int(found)


async def test_nobody_begins_twice_or_with_slots_that_are_not_the_newest(tmp_path: Path) -> None:
    """Two operators at once: one of them is told that the store is busy."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, opened(path) as other:

        async def meanwhile(master: bytes) -> list[Slot]:
            await other.rewrap("battery staple", cost=make.CHEAP)
            return await slots_for(master)

        with pytest.raises(StoreBusyError):
            await store.rekeying().begin(meanwhile)
        assert not await store.rekeying().is_under_way()
        await store.rekeying().begin(slots_for)
        with pytest.raises(StoreBusyError):
            await other.rekeying().begin(slots_for)


async def test_a_way_that_changes_in_between_keeps_the_old_key_readable(tmp_path: Path) -> None:
    """Whoever wraps the key anew before the end takes the slot of the predecessor along."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store, 3)
        before = await moment(store)
        await store.rekeying().begin(slots_for)
        await store.rewrap("battery staple", cost=make.CHEAP)
    async with await make.reopen(path, "battery staple") as store:
        assert await moment(store) == before
        await store.rekeying().move()
        await store.rekeying().end()
        assert await moment(store) == before


async def test_a_way_in_that_is_made_beside_another_master_key_takes_nothing_from_it(
    tmp_path: Path,
) -> None:
    """Its slot has the old key: put in place, the new one would open by nothing any more."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, opened(path) as other:
        await fill(store, 3)
        before = await moment(store)

        async def meanwhile(master: bytes) -> list[Slot]:
            await other.rekeying().begin(slots_for)
            await other.pin_network(21337)
            return await slots_for(master)

        with pytest.raises(StoreBusyError):
            await store.replace_slots(meanwhile)
    async with opened(path) as store:
        await store.rekeying().move()
        known = await store.slots()

        async def ended(master: bytes) -> list[Slot]:
            await store.rekeying().end()
            return await slots_for(master)

        with pytest.raises(StoreBusyError):
            await store.replace_slots(ended)
        assert await store.slots() == known
    async with opened(path) as store:
        assert await moment(store) == before


@pytest.mark.parametrize("is_seen", [False, True])
async def test_of_two_who_change_the_ways_in_at_once_one_is_told(
    tmp_path: Path, *, is_seen: bool
) -> None:
    """Neither undoes what the other did, whether he looked at the ways before or meanwhile."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, opened(path) as other:
        known = await store.slots()

        async def change() -> None:
            await other.rewrap("battery staple", cost=make.CHEAP)

        async def meanwhile(master: bytes) -> list[Slot]:
            if not is_seen:
                await change()
            return [*known, *(await slots_for(master))]

        if is_seen:
            await change()
        with pytest.raises(StoreBusyError):
            await store.replace_slots(meanwhile, known=known if is_seen else None)
        [left] = await store.slots()
        assert left != known[0]
    async with await make.reopen(path, "battery staple"):
        pass


async def test_an_older_format_in_between_is_brought_up_with_both_keys(tmp_path: Path) -> None:
    """The slot of the predecessor is bound to the format too, and is kept with the rest."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store, 3)
        before = await moment(store)
        await store.rekeying().begin(slots_for)
        keyring = store._keys.keyring
        await make.unplant(store)
    assert keyring.predecessor is not None
    older = [
        wrap(keyring.master, make.PASSPHRASE, store_format=FORMAT - 1, cost=make.CHEAP),
        predecessor_slot(keyring.master, keyring.predecessor.master, store_format=FORMAT - 1),
    ]
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM slots")
        file.executemany(
            "INSERT INTO slots (kind, parameters, wrapped) VALUES (?, ?, ?)",
            [(each.kind, each.parameters, each.wrapped) for each in older],
        )
        digest = checksum(FORMAT - 1, older)
        file.execute("UPDATE header SET format = ?, checksum = ?", (FORMAT - 1, digest))
        file.commit()
    for _ in range(2):
        async with opened(path) as store:
            assert await moment(store) == before
            assert await store.rekeying().is_under_way()


async def test_a_backup_from_in_between_is_whole(tmp_path: Path) -> None:
    """It is verified under both keys, opens as the store does, and can be ended by itself."""
    path, copy = tmp_path / "w.db", tmp_path / "backup.db"
    async with await make.store(path) as store:
        await fill(store, 3)
        before = await moment(store)
        await store.rekeying().begin(slots_for)
        await backup(store, copy)
        await store.rekeying().move()
        await store.rekeying().end()
    async with opened(copy) as store:
        assert await moment(store) == before
        await store.rekeying().move()
        await store.rekeying().end()
        assert await moment(store) == before
