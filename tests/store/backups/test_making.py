"""A backup is one moment, whole, verified, on disk; an increment is what changed, and no more."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store import make
from tests.store.backups.chains import KEYS, a_chain, empty, made
from tests.store.rekeying import slots_for
from watchtower.errors import (
    BackupBaseNeededError,
    BackupKeyError,
    StoreBusyError,
    StoreExistsError,
    StoreFullError,
    StoreRekeyingError,
    StoreTamperedError,
)
from watchtower.store.alone import alone
from watchtower.store.backups.folder import chain_at
from watchtower.store.backups.index import index_of
from watchtower.store.backups.making import Plan, back_up
from watchtower.store.backups.reading import check_contents, rebuild
from watchtower.store.database import Store
from watchtower.store.work import Work


async def _all(work: Work) -> list[object]:
    return [
        await work.channels.load_all(),
        await work.claims.load_all(),
        await work.claims.load_pending(),
        await work.attempts.load_all(),
        await work.journal.load_all(),
        await work.secrets.load_all(),
        await work.bundles.load_all(),
        await work.notes.load_all(),
        await work.cursor.get(),
    ]


async def _contents(store: Store) -> list[object]:
    async with store.read() as work:
        return await _all(work)


async def _put_together(place: Path, room: Path) -> list[object]:
    async with await rebuild(chain_at(place), empty(room), KEYS) as store:
        return await _contents(store)


async def test_each_member_of_a_chain_is_the_store_of_its_moment(
    store: Store, tmp_path: Path
) -> None:
    """Records that came, changed, went, and moved from one table to another."""
    folder = tmp_path / "backups"
    folder.mkdir()
    moments = []
    for number in range(1, 4):
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 100 * number))
            await work.claims.put_pending(make.claim(number + 4))
            await work.channels.put(make.channel(1, at=100 + number, closed=number > 1))
            await work.attempts.put(make.attempt(number, seat=number, blob=f"12{number}{number}"))
            await work.secrets.put(make.key(secret=bytes([number]) * 32))
            await work.bundles.raise_all([make.presigned(number)])
            await work.journal.append("told", channel=make.channel_id(number))
            await work.notes.put("note", number)
            if number == 2:
                await work.notes.put("goes", "again")
            if number == 3:
                await work.notes.drop("goes")
        backup = await made(store, folder)
        assert backup.head.sequence == number - 1
        moments.append((backup.path, await _contents(store)))
    for path, contents in moments:
        assert await _put_together(path, tmp_path / f"of {path.name}") == contents


async def test_an_increment_holds_what_changed_and_nothing_else(
    store: Store, tmp_path: Path
) -> None:
    """A hundred channels that stay as they are are not told again."""
    async with store.write() as work:
        for number in range(1, 101):
            await work.claims.raise_best(make.claim(number))
    base = await made(store, tmp_path)
    async with store.write() as work:
        await work.claims.raise_best(make.claim(7, 999_999_999))
        await work.notes.put("note", 1)
    first = await made(store, tmp_path)
    async with store.write() as work:
        await work.notes.drop("note")
    second = await made(store, tmp_path)
    assert (base.written, base.removed) == (101, 0)
    assert (first.written, first.removed) == (3, 0)  # each time with the census
    assert (second.written, second.removed) == (1, 1)
    assert first.size < base.size / 10


async def test_what_was_removed_and_written_anew_is_told_again(
    store: Store, tmp_path: Path
) -> None:
    """It has the first version, as before, and is another record."""
    async with store.write() as work:
        await work.notes.put("note", "before")
    await made(store, tmp_path)
    async with store.write() as work:
        await work.notes.drop("note")
    async with store.write() as work:
        await work.notes.put("note", "after")
    backup = await made(store, tmp_path)
    assert backup.head.sequence == 1
    assert await _put_together(backup.path, tmp_path / "w") == await _contents(store)


async def test_a_backup_during_writes_is_one_moment(store: Store, tmp_path: Path) -> None:
    """Claim and journal are written together, so a backup has as many of one as of the other."""

    async def keep() -> None:
        for number in range(1, 60):
            async with store.write() as work:
                await work.claims.raise_best(make.claim(number, 10))
                await work.journal.append("claim_kept")

    writing = asyncio.create_task(keep())
    for _ in range(3):
        backup = await made(store, tmp_path)
        assert backup.records.get("claims") == backup.records.get("journal")
        await check_contents(chain_at(backup.path), KEYS)
    await writing


async def test_a_complete_chain_is_followed_by_a_base_and_older_ones_go(
    store: Store, tmp_path: Path
) -> None:
    """What another store has in the folder, or a person, stays."""
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    async with await make.store(tmp_path / "other.db") as other:
        theirs = await made(other, folder)
    backups = [await made(store, folder, base_every=2, keep=2) for _ in range(6)]
    assert [backup.head.sequence for backup in backups] == [0, 1, 0, 1, 0, 1]
    assert backups[2].why_base == "the chain is complete with 2 members"
    assert set(backups[4].gone) == {backups[0].path, backups[1].path}
    assert {path.name for path in folder.iterdir()} == {
        "notes.txt",
        theirs.path.name,
        *(backup.path.name for backup in backups[2:]),
    }


async def test_what_was_just_made_stays_whatever_other_files_say_of_their_time(
    store: Store, tmp_path: Path
) -> None:
    """One of a clock that was years ahead, and not whole, so that nobody signs for its time."""
    folder = empty(tmp_path / "b", is_folder=True)
    ahead = await made(store, folder, at=4_000_000_000)
    ahead.path.write_bytes(ahead.path.read_bytes()[:-1])
    index_of(store.path).unlink()
    for at in (1_800_000_000, 1_800_003_600):
        backup = await made(store, folder, at=at, base_every=1, keep=1)
        assert [path for path in folder.iterdir() if path != ahead.path] == [backup.path]


@pytest.mark.parametrize("keep", [1, 2])
async def test_chains_of_before_another_master_key_go_in_their_turn(
    store: Store, tmp_path: Path, keep: int
) -> None:
    """They are this store's all the same, and its thief's key opens them; others' stay."""
    folder = empty(tmp_path / "b", is_folder=True)
    async with await make.store(tmp_path / "other.db") as other:
        theirs = await made(other, folder)
    before = await made(store, folder)
    rekeying = store.rekeying()
    await rekeying.begin(slots_for)
    await rekeying.move()
    await rekeying.end()
    backups = [await made(store, folder, base_every=1, keep=keep) for _ in range(2)]
    assert backups[0].head.made_by != before.head.made_by
    assert {*folder.iterdir()} == {theirs.path, *(one.path for one in backups[-keep:])}


async def test_an_increment_is_not_made_where_none_can_be(store: Store, tmp_path: Path) -> None:
    """And where one was insisted on, that is said; otherwise a base is made, and told why."""
    folder = tmp_path / "backups"
    folder.mkdir()
    with pytest.raises(BackupBaseNeededError, match="nothing is known of an earlier backup"):
        await made(store, folder, kind="increment")
    with pytest.raises(BackupBaseNeededError, match="belongs into a folder"):
        await made(store, tmp_path / "file", kind="increment")
    assert list(folder.iterdir()) == []
    first, second, third = [await made(store, folder) for _ in range(3)]
    second.path.rename(tmp_path / "elsewhere")
    with pytest.raises(BackupBaseNeededError, match="the member 1 of the last chain is not in"):
        await made(store, folder, kind="increment")
    (tmp_path / "elsewhere").rename(second.path)
    third.path.write_bytes(third.path.read_bytes()[:-1])
    with pytest.raises(BackupBaseNeededError, match="is not as it was made"):
        await made(store, folder, kind="increment")
    base = await made(store, folder)
    assert (base.head.sequence, base.head.chain != first.head.chain) == (0, True)
    assert base.why_base == f"{third.path} is not as it was made"
    assert (await made(store, folder, kind="increment")).head.based_on is not None
    assert (await made(store, folder, kind="base")).head.sequence == 0


async def test_a_network_that_was_pinned_since_begins_a_chain(store: Store, tmp_path: Path) -> None:
    """All members of a chain name one network."""
    await made(store, tmp_path)
    await store.pin_network(1)
    backup = await made(store, tmp_path)
    assert (backup.head.sequence, backup.head.network) == (0, 1)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE claims SET tag = (SELECT substr(sealed, -16) FROM store.claims)",
        "UPDATE claims SET tag = zeroblob(16), version = 7",
        "UPDATE claims SET topic = 5",
        "DELETE FROM claims",
        "INSERT INTO claims VALUES (x'aa', x'', 1, zeroblob(16))",
        "INSERT INTO claims VALUES ('text', x'', 'text', x'')",
        "DELETE FROM meta",
        "UPDATE meta SET sealed = zeroblob(100)",
        "UPDATE meta SET sealed = 5",
        "DROP TABLE claims",
    ],
)
async def test_an_index_that_was_changed_costs_a_base_and_nothing_more(
    store: Store, tmp_path: Path, change: str
) -> None:
    """Also by one who wants a claim left out: what it says has to come to the census."""
    folder = tmp_path / "backups"
    folder.mkdir()
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 500))
    await made(store, folder)
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 600))
    with closing(sqlite3.connect(index_of(store.path))) as index:
        index.execute("ATTACH ? AS store", (str(store.path),))
        index.execute(change)
        index.commit()
    backup = await made(store, folder)
    assert backup.head.sequence == 0
    assert backup.why_base
    assert await _put_together(backup.path, tmp_path / "w") == await _contents(store)


@pytest.mark.parametrize("data", [b"", b"no database at all, and longer than a header" * 40])
async def test_an_index_that_is_none_is_made_anew(
    store: Store, tmp_path: Path, data: bytes
) -> None:
    """As after a disk that lost it."""
    await made(store, tmp_path)
    index_of(store.path).write_bytes(data)
    assert (await made(store, tmp_path)).head.sequence == 0
    assert (await made(store, tmp_path)).head.sequence == 1
    assert index_of(store.path).stat().st_mode & 0o777 == 0o600


async def test_a_broken_store_gives_no_backup(tmp_path: Path) -> None:
    """It would be found broken on the day it is needed; nothing of it stays, chain or not."""
    folder, path = tmp_path / "backups", tmp_path / "w.db"
    async with await make.store(path) as store:
        paths = await a_chain(store, folder)
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE claims SET sealed = zeroblob(100)")
        file.commit()
    async with await make.reopen(path) as store:
        for place in (folder, tmp_path / "one.backup"):
            with pytest.raises(StoreTamperedError, match=r"w\.db was changed.*claims"):
                await made(store, place)
    assert sorted(folder.iterdir()) == sorted(paths)
    assert not (tmp_path / "one.backup").exists()


async def test_a_record_that_was_changed_and_not_its_tag_is_seen(tmp_path: Path) -> None:
    """The census counts tags: that each seal holds is looked at by itself."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, store.write() as work:
        await work.claims.raise_best(make.claim(1))
    with closing(sqlite3.connect(path)) as file:
        ((sealed,),) = file.execute("SELECT sealed FROM claims").fetchall()
        file.execute("UPDATE claims SET sealed = ?", (bytes(40) + sealed[40:],))
        file.commit()
    async with await make.reopen(path) as store:
        with pytest.raises(StoreTamperedError, match="a record of claims fails its seal"):
            await made(store, tmp_path / "b")


async def test_a_record_that_was_taken_out_of_the_store_is_seen(tmp_path: Path) -> None:
    """Every seal that is left holds, and the census does not."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await a_chain(store, tmp_path / "backups")
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM claims WHERE row IN (SELECT row FROM claims LIMIT 1)")
        file.commit()
    async with await make.reopen(path) as store:
        with pytest.raises(StoreTamperedError, match="the census of claims"):
            await made(store, tmp_path / "backups")


async def test_a_backup_is_one_file_for_its_owner_and_overwrites_nothing(
    store: Store, tmp_path: Path
) -> None:
    """Not even an older backup; and what is in the way stays as it is."""
    backup = await made(store, tmp_path / "one.backup")
    assert backup.path.stat().st_mode & 0o777 == 0o600
    before = backup.path.read_bytes()
    with pytest.raises(StoreExistsError, match=r"one\.backup"):
        await made(store, tmp_path / "one.backup")
    assert backup.path.read_bytes() == before
    with pytest.raises(StoreFullError, match="none"):
        await made(store, tmp_path / "none" / "one.backup")


async def test_without_a_recipient_there_is_no_backup(store: Store, tmp_path: Path) -> None:
    """The sentence says how to come by one; a wrong one is named."""
    for recipients, why in (([], "watchtower backup key"), (["age1wrong"], "entry 1")):
        plan = Plan(place=tmp_path / "b", recipients=recipients)
        with pytest.raises(BackupKeyError, match=why):
            await back_up(store, plan, clock=lambda: 0.0)


async def test_two_at_once_do_not_spoil_each_others_chain(store: Store, tmp_path: Path) -> None:
    """The second one is told that the first is at it."""
    with alone(index_of(store.path)), pytest.raises(StoreBusyError, match="backups is busy"):
        await made(store, tmp_path)


async def test_while_the_master_key_changes_no_backup_is_made_and_then_a_base(
    store: Store, tmp_path: Path
) -> None:
    """A backup has one key, with which half of what it holds could not be read."""
    await made(store, tmp_path)
    await store.rekeying().begin(slots_for)
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1))
    with pytest.raises(StoreRekeyingError, match="vault rekey --master"):
        await made(store, tmp_path)
    await store.rekeying().move()
    await store.rekeying().end()
    backup = await made(store, tmp_path)
    assert backup.head.sequence == 0
    assert await _put_together(backup.path, tmp_path / "again") == await _contents(store)
