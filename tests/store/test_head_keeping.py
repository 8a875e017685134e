"""Heads in real files, of real stores: what was put back is found, and said until accepted."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

import pytest
from typing_extensions import override

from tests.store import make
from watchtower.errors import StoreBusyError
from watchtower.keys.identity import find_identity, make_identity
from watchtower.store.database import Store
from watchtower.store.head import Finding, Head, Missing
from watchtower.store.head_file import HeadFile
from watchtower.store.head_keeping import HeadKeeper, HeadUnreachable, Place
from watchtower.store.notes import RECOVERY


@pytest.fixture
def place(tmp_path: Path) -> HeadFile:
    """A file elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    return HeadFile(tmp_path / "elsewhere" / "head.json")


def file_of(place: HeadFile) -> Path:
    """Where the head stands."""
    return Path(place.name)


def keeper_of(store: Store, *places: Place, patience: float = 5.0) -> HeadKeeper:
    """Who keeps the heads of a store."""
    return HeadKeeper(
        store,
        places,
        find_seal=lambda: find_identity(store),
        make_seal=lambda: make_identity(store),
        clock=lambda: 1_700_000_000.5,
        patience=patience,
    )


async def kept(store: Store, *amounts: int) -> None:
    """Keep claims, as the door for them does."""
    for amount in amounts:
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, amount))
            await work.journal.append("claim_kept", channel=make.channel_id(1))


@asynccontextmanager
async def published(path: Path, place: Place) -> AsyncIterator[Store]:
    """A store that has a head at a place."""
    async with await make.store(path) as store:
        await kept(store, 100)
        await keeper_of(store, place).publish(place)
        yield store


async def found(store: Store, place: Place) -> Finding:
    """How the store stands to its head."""
    return (await keeper_of(store, place).look(place)).finding


async def is_in_recovery(store: Store) -> bool:
    """Whether the daemon will reconcile before it acts."""
    async with store.read() as work:
        return await work.notes.get(RECOVERY) is not None


async def test_a_store_that_only_grew_is_as_it_should_be(tmp_path: Path, place: HeadFile) -> None:
    """Nothing is written down, and nothing goes into recovery."""
    async with published(tmp_path / "w.db", place) as store:
        assert await found(store, place) is Finding.FINE
        await kept(store, 200, 300)
        keeper = keeper_of(store, place)
        (look,) = await keeper.begin()
        assert look.finding is Finding.FINE
        assert await keeper.troubles() == {}
        assert not await is_in_recovery(store)
        assert await keeper.publish(place) == await keeper.version()
        assert await found(store, place) is Finding.FINE


async def test_an_older_file_put_back_is_found_and_what_is_missing_is_counted(
    tmp_path: Path, place: HeadFile
) -> None:
    """The whole file, as a thief or a snapshot puts it back; it stays in doubt until accepted."""
    path = tmp_path / "w.db"
    async with published(path, place) as store:
        await store.copy_into(tmp_path / "yesterday")
        await kept(store, 200, 300, 400)
        await keeper_of(store, place).publish(place)
    put_back(tmp_path / "yesterday", path)
    async with await make.reopen(path) as store:
        keeper = keeper_of(store, place)
        (look,) = await keeper.begin()
        assert (look.finding, look.missing) == (Finding.OLDER, Missing(3, 3))
        assert await is_in_recovery(store)
        async with store.read() as work:
            (told,) = [e.entry for e in await work.journal.tail(1)]
        assert told.kind == "head_trouble"
        assert told.facts == {
            "place": place.name,
            "finding": "older",
            "entries": 3,
            "changes": 3,
            "found": 1_700_000_000,
        }
    async with await make.reopen(path) as store:
        # Its own line is behind the head's now: what was found first stands.
        keeper = keeper_of(store, place)
        await keeper.begin()
        troubles = await keeper.troubles()
        assert troubles[place.name].missing == Missing(3, 3)
        await keeper.accept([*troubles.values()])
        await keeper.publish(place)
        assert await keeper.troubles() == {}
        assert await found(store, place) is Finding.FINE


def put_back(older: Path, path: Path) -> None:
    """Put an older file in the place of a store that is closed."""
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()
    shutil.copyfile(older, path)


async def test_a_claim_without_a_line_of_its_own_is_missed_too(
    tmp_path: Path, place: HeadFile
) -> None:
    """The version counts every change, whether the journal tells of it or not."""
    path = tmp_path / "w.db"
    async with published(path, place) as store:
        await store.copy_into(tmp_path / "yesterday")
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 500))
        await keeper_of(store, place).publish(place)
    put_back(tmp_path / "yesterday", path)
    async with await make.reopen(path) as store:
        (look,) = await keeper_of(store, place).begin()
        assert (look.finding, look.missing) == (Finding.OLDER, Missing(0, 1))


@pytest.mark.parametrize("further", [0, 1, 3])
async def test_a_copy_that_went_its_own_way_is_found(
    tmp_path: Path, place: HeadFile, further: int
) -> None:
    """However much further it is: its lines are others, if they say the same."""
    path, other = tmp_path / "w.db", tmp_path / "other.db"
    async with published(path, place) as store:
        await store.copy_into(other)
        await kept(store, 200)
        await keeper_of(store, place).publish(place)
    async with await make.reopen(other) as store:
        await kept(store, *range(200, 201 + further))
        assert await found(store, place) is Finding.FORKED


async def test_who_publishes_between_two_looks_of_ours_is_another_copy(
    tmp_path: Path, place: HeadFile
) -> None:
    """A store does not become older while its tower runs."""
    other = tmp_path / "other.db"
    async with published(tmp_path / "w.db", place) as store:
        await store.copy_into(other)
        keeper = keeper_of(store, place)
        assert (await keeper.look(place)).finding is Finding.FINE
        async with await make.reopen(other) as copy:
            await kept(copy, 200, 300)
            await keeper_of(copy, place).publish(place)
        assert (await keeper.look(place)).finding is Finding.FORKED
        assert (await keeper_of(store, place).look(place)).finding is Finding.OLDER


async def test_a_command_that_publishes_meanwhile_is_no_other_copy(
    tmp_path: Path, place: HeadFile
) -> None:
    """Two processes of one store: each head is read before the store is."""
    async with published(tmp_path / "w.db", place) as store:
        keeper = keeper_of(store, place)
        async with await make.reopen(store.path) as command:
            for amount in range(200, 210):
                await kept(command, amount)
                await keeper_of(command, place).publish(place)
                assert (await keeper.look(place)).finding is Finding.FINE
                await keeper.publish(place)


CHANGES: dict[str, tuple[Callable[[bytes], bytes], Finding]] = {
    "cut short": (lambda head: head[:-40], Finding.TAMPERED),
    "emptied": (lambda _: b"", Finding.TAMPERED),
    "given another number": (
        lambda head: head.replace(b'"version":', b'"version":1'),
        Finding.TAMPERED,
    ),
    "grown without end": (lambda head: head * 1_000, Finding.TAMPERED),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_head_that_was_tampered_with_speaks_for_nothing(
    tmp_path: Path, place: HeadFile, change: str
) -> None:
    """It is told, and left where it is."""
    how, finding = CHANGES[change]
    async with published(tmp_path / "w.db", place) as store:
        path = file_of(place)
        path.write_bytes(how(path.read_bytes()))
        assert await found(store, place) is finding


async def test_the_head_of_another_store_is_told_apart(tmp_path: Path, place: HeadFile) -> None:
    """Two towers were told the same place."""
    async with published(tmp_path / "w.db", place), await make.store(tmp_path / "x.db") as other:
        await make_identity(other)
        assert await found(other, place) is Finding.ANOTHER_STORE


async def test_a_head_that_is_gone_is_missed_until_it_is_back(
    tmp_path: Path, place: HeadFile
) -> None:
    """Deleted with the file that it speaks against, or only not mounted."""
    path = file_of(place)
    async with published(tmp_path / "w.db", place) as store:
        head = path.read_bytes()
        path.unlink()
        keeper = keeper_of(store, place)
        await keeper.begin()
        assert [look.finding for look in (await keeper.troubles()).values()] == [Finding.GONE]
        path.write_bytes(head)
        assert (await keeper.look(place)).finding is Finding.FINE
        await keeper.healed(place.name)
        assert await keeper.troubles() == {}


async def test_a_restored_store_stays_restored_though_its_head_speaks_against_it(
    tmp_path: Path, place: HeadFile
) -> None:
    """Each reason stands beside the others: which backup it was is not forgotten by the second."""
    path = file_of(place)
    async with published(tmp_path / "w.db", place) as store:
        path.unlink()
        restored = {"backup": "b", "cursor": 7, "missing": {"one": "away"}}
        async with store.write() as work:
            await work.notes.put(RECOVERY, restored)
        await keeper_of(store, place).begin()
        async with store.read() as work:
            note = await work.notes.get(RECOVERY)
        assert note == {**restored, "heads": [place.name], "marks": 1}


async def test_where_no_head_was_ever_none_is_missed(tmp_path: Path, place: HeadFile) -> None:
    """A place that was configured just now."""
    async with await make.store(tmp_path / "w.db") as store:
        assert await found(store, place) is Finding.NONE_YET
        assert await keeper_of(store, place).begin()
        assert not await is_in_recovery(store)


async def test_a_folder_that_is_not_there_is_no_trouble_of_the_store(tmp_path: Path) -> None:
    """A share that is not mounted says nothing about the store."""
    place = HeadFile(tmp_path / "not mounted" / "head.json")
    async with await make.store(tmp_path / "w.db") as store:
        (look,) = await keeper_of(store, place).begin()
        assert (look.finding, look.why) == (
            Finding.UNREACHABLE,
            f"the folder {tmp_path / 'not mounted'} is not there",
        )
        assert not await is_in_recovery(store)
        with pytest.raises(HeadUnreachable):
            await keeper_of(store, place).publish(place)


class Hanging(HeadFile):
    """A share whose server is gone: it answers nothing until it is back."""

    def __init__(self, path: Path) -> None:
        """Hang."""
        super().__init__(path)
        self.is_back = asyncio.Event()
        self.asked = 0

    @override
    async def read(self) -> bytes | None:
        self.asked += 1
        await self.is_back.wait()
        return await super().read()


async def test_a_place_that_hangs_is_asked_once_and_again_when_it_has_answered(
    tmp_path: Path, place: HeadFile
) -> None:
    """Each question would hold a thread for ever."""
    async with published(tmp_path / "w.db", place) as store:
        hanging = Hanging(file_of(place))
        keeper = keeper_of(store, hanging, patience=0.01)
        for _ in range(5):
            look = await keeper.look(hanging)
            assert (look.finding, look.why) == (Finding.UNREACHABLE, "it does not answer")
        assert hanging.asked == 1
        hanging.is_back.set()
        await keeper.answered(hanging)
        assert (await keeper.look(hanging)).finding is Finding.FINE


async def test_a_head_is_whole_or_the_one_before(tmp_path: Path, place: HeadFile) -> None:
    """A folder that refuses leaves the old one, and nothing beside it."""
    path = file_of(place)
    async with published(tmp_path / "w.db", place) as store:
        before = path.read_bytes()
        path.unlink()
        path.mkdir()
        with pytest.raises(HeadUnreachable):
            await keeper_of(store, place).publish(place)
        path.rmdir()
        assert [*path.parent.iterdir()] == []
        path.write_bytes(before)
        await keeper_of(store, place).publish(place)
        assert [*path.parent.iterdir()] == [path]
        assert path.stat().st_mode & 0o777 == 0o600
        assert Head.read(path.read_bytes()) is not None


async def test_a_pinned_census_says_how_the_tables_stand(tmp_path: Path) -> None:
    """Claims too are under the root, and two copies soon have lines that differ."""
    async with await make.store(tmp_path / "w.db") as store:
        pins = []
        for amount in (100, 200):
            await kept(store, amount)
            await keeper_of(store).pin()
            async with store.read() as work:
                ((entry),) = [e.entry for e in await work.journal.tail(1)]
            pins.append(entry)
        assert [pin.kind for pin in pins] == ["census_pinned"] * 2
        assert pins[0].facts["census"] != pins[1].facts["census"]
        assert pins[0].facts["version"] < pins[1].facts["version"]


async def test_what_is_wrong_is_known_while_the_store_takes_nothing(
    tmp_path: Path, place: HeadFile
) -> None:
    """Another process writes for long, or the disk is full: the finding is not thrown away."""
    path = tmp_path / "w.db"
    async with published(path, place) as store:
        await store.copy_into(tmp_path / "yesterday")
        await kept(store, 200)
        await keeper_of(store, place).publish(place)
    put_back(tmp_path / "yesterday", path)
    async with await Store.open(path, make.PASSPHRASE, patience=0.01) as store:
        keeper = keeper_of(store, place)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError):
                await keeper.begin()
        assert not await is_in_recovery(store)
        doubts = [keeper.is_in_doubt]
        assert [look.finding for look in (await keeper.troubles()).values()] == [Finding.OLDER]
        await keeper.write_down(())
        assert await is_in_recovery(store)
        assert [*doubts, keeper.is_in_doubt] == [True, False]
        assert (await keeper_of(store).troubles())[place.name].missing == Missing(1, 1)


_ASKING: Final = """
import asyncio, sys
from pathlib import Path
from watchtower.heads import head_keeper
from watchtower.store.database import Store
from watchtower.store.head_file import HeadFile

async def ask(path):
    async with await Store.open(path, sys.argv[2]) as store:
        keeper = head_keeper(store, [HeadFile(path.with_name("hangs"))])
        keeper._patience = 0.01
        print((await keeper.look(keeper.places[0])).why)

asyncio.run(ask(Path(sys.argv[1])))
"""


async def test_a_share_that_hangs_keeps_no_process_from_ending(tmp_path: Path) -> None:
    """Else every command, and the timer of the backups, would hang with it for ever."""
    path = tmp_path / "w.db"
    async with await make.store(path):
        pass
    os.mkfifo(path.with_name("hangs"))
    asking = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ASKING, str(path), make.PASSPHRASE, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            said, _ = await asking.communicate()
    except TimeoutError:
        asking.kill()
        raise
    assert said.decode().strip() == "it does not answer"
    assert asking.returncode == 0


async def test_what_lies_behind_the_oldest_head_is_known_and_nothing_before_it_was_seen(
    tmp_path: Path, place: HeadFile
) -> None:
    """Pruning goes so far and no further, or an older head could not be compared any more."""
    async with published(tmp_path / "w.db", place) as store:
        async with store.read() as work:
            before = await work.journal_tree.frontier()
        await kept(store, 200, 300)
        keeper = keeper_of(store, place)
        assert keeper.oldest == 0
        await keeper.look(place)
        assert before is not None
        assert keeper.oldest == before.size
        await keeper.publish(place)
        assert keeper.oldest == before.size
        await keeper.look(place)
        assert keeper.oldest == before.size + 2
        assert keeper_of(store).oldest is None
