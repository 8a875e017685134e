"""One file, several processes, and transactions that are there or not."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.store import make
from tests.store.cancelled import is_cancelled_at
from watchtower.errors import (
    PassphraseError,
    StoreBusyError,
    StoreDamagedError,
    StoreExistsError,
    StoreFullError,
    StoreMissingError,
    StoreVersionError,
)
from watchtower.store.database import Store
from watchtower.store.header import Slot, checksum, unwrap, wrap
from watchtower.store.tables import FORMAT

ROOT = Path(__file__).parents[2]


async def _process(path: Path, *what: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.store.another_process", str(path), *what),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().strip()


async def _best(store: Store) -> int:
    async with store.read() as work:
        claim = await work.claims.best(make.channel_id(1))
    return 0 if claim is None else claim.amount


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    """The log beside the database holds the same records; the process's umask does not matter."""
    before = os.umask(0)
    try:
        async with await make.store(tmp_path / "w.db") as store:
            await store.pin_network(1)
            modes = {file.name: file.stat().st_mode & 0o777 for file in _files(tmp_path)}
    finally:
        os.umask(before)
    assert modes == {"w.db": 0o600, "w.db-wal": 0o600, "w.db-shm": 0o600}


def _files(room: Path) -> list[Path]:
    return sorted(room.iterdir())


async def test_an_existing_file_is_never_created_over(tmp_path: Path) -> None:
    """Whatever it is."""
    (tmp_path / "w.db").write_bytes(b"something of mine")
    with pytest.raises(StoreExistsError):
        await make.store(tmp_path / "w.db")
    assert (tmp_path / "w.db").read_bytes() == b"something of mine"


@pytest.mark.parametrize("log", ["w.db-wal", "w.db-journal"])
async def test_no_store_is_created_beside_the_log_of_one_that_was_moved_away(
    tmp_path: Path, log: str
) -> None:
    """SQLite would play it into the new one; and it may hold what was acknowledged last."""
    (tmp_path / log).write_bytes(b"claims of another store")
    with pytest.raises(StoreExistsError, match=log):
        await make.store(tmp_path / "w.db")
    assert _files(tmp_path) == [tmp_path / log]
    assert (tmp_path / log).read_bytes() == b"claims of another store"


async def test_a_store_that_was_killed_and_moved_without_its_log_gets_it_back(
    tmp_path: Path,
) -> None:
    """Refusing to make another one is what saves the claims that are in the log alone."""
    path, log, aside = tmp_path / "w.db", tmp_path / "w.db-wal", tmp_path / "aside"
    async with await make.store(path):
        pass
    process = await _process(path, "keep-until-killed")
    while int(told := await _line(process)) < 3:
        pass
    process.kill()
    await process.wait()
    path.rename(aside)
    assert log.exists()

    with pytest.raises(StoreExistsError, match=r"w\.db-wal"):
        await make.store(path)
    aside.rename(path)
    async with await make.reopen(path) as store:
        assert await _best(store) >= int(told)


async def test_a_store_that_cannot_be_created_leaves_nothing(tmp_path: Path) -> None:
    """No directory, no store, and no half of one."""
    with pytest.raises(StoreFullError):
        await make.store(tmp_path / "none" / "w.db")
    assert _files(tmp_path) == []


@pytest.mark.parametrize("is_directory", [False, True])
async def test_a_missing_store_is_not_made_by_opening_it(
    tmp_path: Path, *, is_directory: bool
) -> None:
    """A mistyped path must not look like a tower that has nothing to guard."""
    if is_directory:
        (tmp_path / "w.db").mkdir()
    with pytest.raises(StoreMissingError):
        await make.reopen(tmp_path / "w.db")
    assert (tmp_path / "w.db").exists() == is_directory


async def test_a_wrong_passphrase_changes_nothing(tmp_path: Path) -> None:
    """Not a byte, however often somebody tries."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await store.pin_network(1)
    before = path.read_bytes()
    with pytest.raises(PassphraseError):
        await make.reopen(path, "correct house")
    assert path.read_bytes() == before
    async with await make.reopen(path) as store:
        assert store.network == 1


@pytest.mark.parametrize("keep", [0, 10, 99, 4096, 20_000, 60_000])
async def test_a_truncated_store_is_found_at_open(tmp_path: Path, keep: int) -> None:
    """Wherever it was cut; and what is left of it stays as it is."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await store.pin_network(1)
    rest = path.read_bytes()[:keep]
    path.write_bytes(rest)
    with pytest.raises(StoreDamagedError):
        await make.reopen(path)
    assert path.read_bytes() == rest


async def test_a_page_of_rubbish_is_found_at_open(tmp_path: Path) -> None:
    """Also where nothing is read at open; else it would be found in the hour of need."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, store.write() as work:
        await work.journal.append("tick", facts={"text": "x" * 9000})
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as file:
        (page,) = file.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'journal_by_topic'"
        ).fetchone()
    start = (page - 1) * 4096
    path.write_bytes(whole[:start] + b"\xff" * 4096 + whole[start + 4096 :])
    with pytest.raises(StoreDamagedError):
        await make.reopen(path)


async def test_an_older_format_is_brought_up_to_date_at_open(tmp_path: Path) -> None:
    """Its records stay, the passphrase stays, and the header is of the present format."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 500))
        await make.unplant(store)
    with closing(sqlite3.connect(path)) as file:
        master = unwrap(_slots(file)[0], make.PASSPHRASE, store_format=FORMAT)
        assert master is not None
        older = wrap(master, make.PASSPHRASE, store_format=1, cost=make.CHEAP)
        file.execute(
            "UPDATE slots SET parameters = ?, wrapped = ?", (older.parameters, older.wrapped)
        )
        file.execute("UPDATE header SET format = 1, checksum = ?", (checksum(1, [older]),))
        # What came with later migrations was not there.
        file.execute("UPDATE alembic_version SET version_num = '0001'")
        for name in ("bundles", "stumps"):
            file.execute(f"DROP TABLE {name}")
        file.commit()
    for _ in range(2):
        async with await make.reopen(path) as store:
            assert await _best(store) == 500
        with closing(sqlite3.connect(path)) as file:
            assert file.execute("SELECT format FROM header").fetchall() == [(FORMAT,)]


def _slots(file: sqlite3.Connection) -> list[Slot]:
    rows = file.execute("SELECT kind, parameters, wrapped FROM slots")
    return [Slot(kind=kind, parameters=told, wrapped=wrapped) for kind, told, wrapped in rows]


async def test_another_database_is_not_a_store(tmp_path: Path) -> None:
    """Nor is any other file."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as file:
        file.execute("CREATE TABLE header (id)")
        file.commit()
    (tmp_path / "text.db").write_text("SQLite format 2, or so")
    for name in ("other.db", "text.db"):
        with pytest.raises(StoreDamagedError, match=name):
            await make.reopen(tmp_path / name)


async def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Before the passphrase is even tried: nothing an older tower does may touch it."""
    path = tmp_path / "w.db"
    await (await make.store(path)).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE header SET format = 7, checksum = ?", (checksum(7, _slots(file)),))
        file.commit()
    before = path.read_bytes()
    with pytest.raises(StoreVersionError, match=f"format 7; this one knows up to {FORMAT}"):
        await make.reopen(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE header SET format = 'one'",
        "UPDATE header SET checksum = 'text'",
        "UPDATE header SET format = -1",
        "DELETE FROM header",
        "DELETE FROM slots",
        "UPDATE slots SET parameters = 5",
    ],
)
async def test_a_damaged_header_is_not_called_a_wrong_passphrase(
    tmp_path: Path, damage: str
) -> None:
    """Else people look for a passphrase that they have right."""
    path = tmp_path / "w.db"
    await (await make.store(path)).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute(damage)
        file.commit()
    with pytest.raises(StoreDamagedError, match="header"):
        await make.reopen(path)


async def test_a_failed_transaction_leaves_no_trace(store: Store) -> None:
    """And the next one works."""
    with suppress(make.Interruption):
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 500))
            make.interrupt()
    assert await _best(store) == 0
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 400))
        await work.channels.load_all()
    assert await _best(store) == 400


async def test_a_reader_sees_one_moment(store: Store) -> None:
    """What commits while somebody reads is not seen by halves."""
    async with store.read() as reading:
        assert await reading.claims.load_all() == []
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 500))
        assert await reading.claims.load_all() == []
        assert await reading.claims.best(make.channel_id(1)) is None
    assert await _best(store) == 500


async def test_tasks_of_one_process_write_in_turn(store: Store) -> None:
    """None is refused, and none is lost."""

    async def keep(number: int) -> None:
        async with store.write() as work:
            await work.claims.raise_best(make.claim(number, 10))
            await work.journal.append("claim_kept")

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(keep(number))
    async with store.read() as work:
        assert len(await work.claims.load_all()) == 20
        assert len(await work.journal.load_all()) == 20


async def test_a_write_cancelled_anywhere_is_there_or_not(store: Store) -> None:
    """At every single suspension, the commit's own included; and the store goes on."""

    async def keep(amount: int) -> None:
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, amount))
            await work.journal.append("claim_kept", facts={"amount": amount})

    seen = set()
    for amount in itertools.count(1):
        is_cancelled = await asyncio.create_task(is_cancelled_at(keep(amount), amount - 1))
        async with store.read() as work:
            await work.verify()
            told = [entry.facts["amount"] for entry in await work.journal.load_all()]
        assert await _best(store) == max(told, default=0)
        seen.add((is_cancelled, amount in told))
        if not is_cancelled:
            break
    # Before the commit nothing is there; once that has begun, everything is.
    assert seen == {(True, False), (True, True), (False, True)}


async def test_two_processes_write_at_once_and_nothing_is_lost(store: Store) -> None:
    """The best claim is the highest of both, and each journal entry is there once."""
    others = [await _process(store.path, "keep", first, "60") for first in ("20", "40")]
    for amount in range(1, 30):
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, amount))
    for other in others:
        await other.communicate()
        assert other.returncode == 0
    async with store.read() as work:
        await work.verify()
        assert len(await work.journal.load_all()) == 40 + 20
    assert await _best(store) == 59


async def test_a_store_held_by_another_process_is_busy_and_not_broken(tmp_path: Path) -> None:
    """Writing waits as long as it was told to, reading does not wait at all."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store, store.write() as work:
        await work.claims.raise_best(make.claim(1, 7))
    holder = await _process(path, "hold")
    assert await _line(holder) == "holding"
    async with await make.reopen(path) as store:
        assert await _best(store) == 7
        with pytest.raises(StoreBusyError, match=r"w\.db"):
            await store.pin_network(1)
        await holder.communicate(b"")  # the end of its standard input
        await store.pin_network(1)
        async with store.read() as work:
            assert [entry.kind for entry in await work.journal.load_all()] == ["held"]


async def test_opening_it_twice_keeps_the_locks_of_the_first(store: Store) -> None:
    """Else the next process to close it takes itself for the last one, and deletes the log."""
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 7))
    log = store.path.with_name(f"{store.path.name}-wal")
    before = log.stat().st_ino
    async with await make.reopen(store.path) as again:
        assert await _best(again) == 7
    other = await _process(store.path, "keep", "8", "9")
    await other.communicate()
    assert log.stat().st_ino == before
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 10))
    async with await make.reopen(store.path) as again:
        assert await _best(again) == 10


async def test_only_commits_of_others_change_the_data_version(store: Store) -> None:
    """The daemon asks often, and reloads only when the command line kept a claim."""
    before = await store.data_version()
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, 5))
    assert await store.data_version() == before
    other = await _process(store.path, "keep", "9", "10")
    await other.communicate()
    assert await store.data_version() != before
    assert await _best(store) == 9


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """SIGKILL at a moment nobody chose: at least the last acknowledged claim is there, whole."""
    path = tmp_path / "w.db"
    await (await make.store(path)).close()
    acknowledged = 0
    for more in (1, 4, 13):
        victim = await _process(path)
        while (line := await _line(victim)) and int(line) < acknowledged + more:
            pass
        victim.send_signal(signal.SIGKILL)
        rest, _ = await victim.communicate()
        acknowledged = max([int(line), *map(int, rest.split())])
        async with await make.reopen(path) as store:
            assert await _best(store) >= acknowledged
            async with store.read() as work:
                await work.verify()


async def test_a_full_disk_stops_writing_and_loses_nothing(tmp_path: Path) -> None:
    """What was acknowledged before is there, what was not is not, and the error says what to do."""
    path = tmp_path / "w.db"
    await (await make.store(path)).close()
    process = await _process(path, "fill")
    answer, _ = await process.communicate()
    *kept, error = answer.decode().splitlines()
    assert error.startswith("StoreFullError: The store")
    assert "Free some space" in error
    async with await make.reopen(path) as store:
        async with store.read() as work:
            await work.verify()
            assert len(await work.journal.load_all()) == len(kept)
        assert await _best(store) == int(kept[-1])


async def test_the_passphrase_can_be_changed(tmp_path: Path) -> None:
    """The old one opens nothing afterwards; the records stay."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await store.pin_network(5)
        await store.rewrap("battery staple", cost=make.CHEAP)
        await store.pin_network(5)
    with pytest.raises(PassphraseError):
        await make.reopen(path)
    async with await make.reopen(path, "battery staple") as store:
        assert store.network == 5
