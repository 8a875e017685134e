"""Stores of every released format open, are copied before they are changed, and lose nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.make import contents
from tests.disks import small_disk
from tests.store import make
from watchtower.errors import (
    PassphraseMissingError,
    StoreBusyError,
    StoreFullError,
    StoreTamperedError,
    StoreVersionError,
)
from watchtower.keys.key_file import KEY_FILE, KeyInFile, make_key_file
from watchtower.keys.ways import AnyWayIn
from watchtower.store.alone import alone
from watchtower.store.database import Store
from watchtower.store.header import checksum, unwrap
from watchtower.store.migrating import copies_of
from watchtower.store.opening import header_of
from watchtower.store.tables import FORMAT

STORES = Path(__file__).parents[1] / "data" / "formats"
OLD = range(1, FORMAT)
HERE = sorted(int(path.stem.removeprefix("format-")) for path in STORES.glob("format-*.db"))
NOON = 1_798_000_000.0
DAY = "2026-12-23"


def put(number: int, folder: Path) -> Path:
    """Put a store of an old format into a folder."""
    path = folder / "watchtower.db"
    shutil.copyfile(STORES / f"format-{number}.db", path)
    path.chmod(0o600)
    return path


def told(number: int) -> dict[str, Any]:
    """What the old code read from it."""
    found: dict[str, Any] = json.loads((STORES / f"format-{number}.json").read_text())
    return found


def covers(now: Any, before: Any) -> bool:
    """Whether a value says all that it said before; it may have learnt to say more."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(name in now and covers(now[name], value) for name, value in before.items())
    if isinstance(before, list) and isinstance(now, list):
        return len(now) == len(before) and all(map(covers, now, before))
    return bool(now == before)


async def opened(path: Path, clock: Callable[[], float] = lambda: NOON) -> Store:
    """Open a store as a daemon does."""
    return await Store.open(path, make.PASSPHRASE, cost=make.CHEAP, clock=clock)


def format_of(path: Path) -> int:
    """The format in the header of a file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        (found,) = file.execute("SELECT format FROM header").fetchone()
        return int(found)


def test_every_format_before_this_one_has_its_store() -> None:
    """Or nobody would notice that one of them opens no more."""
    assert set(OLD) <= set(HERE) <= {*OLD, FORMAT}


@pytest.mark.parametrize("number", HERE)
async def test_store_of_every_format_is_read_to_the_last_record(
    tmp_path: Path, number: int
) -> None:
    """What the code of that time wrote and read is read by this one; and again the next time."""
    path = put(number, tmp_path)
    for _ in range(2):
        async with await opened(path) as store:
            assert covers(await contents(store), told(number))
    assert format_of(path) == FORMAT


@pytest.mark.parametrize("number", OLD)
async def test_store_is_copied_before_it_is_changed(tmp_path: Path, number: int) -> None:
    """The copy is the old store, for its owner only, under a name that says what it is."""
    path = put(number, tmp_path)
    with closing(sqlite3.connect(path)) as file:
        before = [*file.iterdump()]
    await (await opened(path)).close()

    (copy,) = copies_of(path)
    assert copy.name == f"watchtower.db.format-{number}-{DAY}"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as file:
        assert [*file.iterdump()] == before
    # It opens, as any store of that format: that is the way back.
    async with await opened(copy) as store:
        assert covers(await contents(store), told(number))


async def test_store_of_this_format_is_not_copied(tmp_path: Path) -> None:
    """Only what is changed is."""
    await (await make.store(tmp_path / "w.db")).close()
    await (await opened(tmp_path / "w.db")).close()
    assert copies_of(tmp_path / "w.db") == frozenset()


async def test_second_migration_of_a_day_takes_nothing_from_the_first_copy(tmp_path: Path) -> None:
    """Somebody puts another old store there: both copies are kept."""
    path = put(1, tmp_path)
    await (await opened(path)).close()
    path.unlink()
    shutil.copyfile(STORES / "format-1.db", path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM notes")
        file.commit()
    await (await opened(path)).close()

    name = f"watchtower.db.format-1-{DAY}"
    assert {copy.name for copy in copies_of(path)} == {name, f"{name}-2"}


async def test_migration_without_room_for_the_copy_changes_nothing(tmp_path: Path) -> None:
    """One sentence that says how much room it takes."""
    with small_disk("mounted", tmp_path) as disk:
        path = put(1, disk.folder)
        # What opening takes is there; the copy is not.
        (disk.folder / "something").write_bytes(bytes(64 << 10))
        disk.fill()
        (disk.folder / "something").unlink()
        before = path.read_bytes()
        with pytest.raises(StoreFullError, match=r"needs \d+ KiB beside it, of which \d+ are free"):
            await opened(path)
        assert path.read_bytes() == before
        assert copies_of(path) == frozenset()

        disk.free()
        await (await opened(path)).close()
        assert len(copies_of(path)) == 1


async def test_nobody_migrates_a_store_under_a_daemon_that_runs_on_it(tmp_path: Path) -> None:
    """It would go on to write what it knows, of the old format, into the new one."""
    path = put(1, tmp_path)
    holder = await asyncio.create_subprocess_exec(
        "flock", str(path) + ".lock", "sh", "-c", "echo held; cat", stdin=-1, stdout=-1
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    await holder.stdout.readline()
    with pytest.raises(StoreBusyError):
        await opened(path)
    assert format_of(path) == 1

    holder.stdin.close()
    await holder.wait()
    with alone(path):  # whoever holds it for itself may
        await (await opened(path)).close()
    assert format_of(path) == FORMAT


async def test_newer_format_is_refused_in_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    """A downgrade: nothing is changed, and the copy of before is not offered as a way out."""
    path = tmp_path / "w.db"
    await (await make.store(path)).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE header SET format = ?, checksum = ?", (99, checksum(99, [])))
        file.execute("DELETE FROM slots")
        file.commit()
    before = path.read_bytes()
    with pytest.raises(StoreVersionError) as refused:
        await opened(path)

    assert re.fullmatch(
        rf"The store \S+ was written by a newer watchtower \(format 99; this one knows up to "
        rf"{FORMAT}\) and was left as it is: install that version again, for no older one can read "
        r"it, and a copy from before the upgrade knows nothing of what came since\.",
        str(refused.value),
    )
    assert path.read_bytes() == before
    assert copies_of(path) == frozenset()


class Killed:
    """Kills the process at the step of that number: a statement of SQLite, or a file touched."""

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self, *_: object) -> None:
        """Take one step."""
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def watch(self) -> None:
        """See every step from now on."""
        connect = sqlite3.connect

        def connected(*args: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **options)
            connection.set_trace_callback(self.step)
            return connection

        sqlite3.connect = connected  # type: ignore[assignment]  # what it returns is the same
        for name in ("link", "fsync", "unlink", "open"):
            setattr(os, name, self._before(getattr(os, name)))

    def _before(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def done(*args: Any, **options: Any) -> Any:
            self.step()
            return do(*args, **options)

        return done


def migrate_until(step: int, path: Path) -> bool:
    """Migrate in a process of its own that is killed at a step; say whether it came to an end."""
    child = os.fork()
    if not child:
        code = 1
        try:
            Killed(step).watch()
            asyncio.run(_open_and_close(path))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return not os.WIFSIGNALED(status)


async def _open_and_close(path: Path) -> None:
    await (await opened(path)).close()


@pytest.mark.parametrize("number", OLD)
def test_migration_that_is_killed_at_any_step_goes_on_at_the_next_start(
    tmp_path: Path, number: int
) -> None:
    """Nothing is lost, one copy is left, and nothing of those that were not finished.

    At every third step, which are others for each format: all of them would take a quarter minute.
    """
    for step in range(number % 3, 1_000, 3):
        folder = tmp_path / str(step)
        folder.mkdir()
        path = put(number, folder)
        is_done = migrate_until(step, path)
        assert format_of(path) in {number, FORMAT}
        asyncio.run(_compare(path, number))
        assert format_of(path) == FORMAT
        (copy,) = copies_of(path)
        assert format_of(copy) == number
        left = {file.name for file in folder.iterdir()}
        assert left <= {
            path.name,
            copy.name,
            *(path.name + end for end in (".lock", "-wal", "-shm")),
        }
        shutil.rmtree(folder)
        if is_done:
            break
    assert step > 40


async def _compare(path: Path, number: int) -> None:
    async with await opened(path) as store:
        assert covers(await contents(store), told(number))


@pytest.mark.parametrize("number", OLD)
async def test_store_is_migrated_by_one_way_in_and_keeps_the_others(
    tmp_path: Path, number: int
) -> None:
    """A daemon with a key in a file upgrades by itself; the passphrase stays in its drawer."""
    path = put(number, tmp_path)
    make_key_file(tmp_path / "key")
    key = KeyInFile(KEY_FILE, tmp_path / "key", place="a file", is_guarded=False)
    [word] = (await header_of(path)).slots
    master = unwrap(word, make.PASSPHRASE, store_format=number)
    assert master is not None
    slots = [word, await key.make(path, master, number)]
    with closing(sqlite3.connect(path)) as file:
        file.execute(
            "INSERT INTO slots (kind, parameters, wrapped) VALUES (?, ?, ?)",
            (slots[1].kind, slots[1].parameters, slots[1].wrapped),
        )
        file.execute("UPDATE header SET checksum = ?", (checksum(number, slots),))
        file.commit()
    for _ in range(2):
        async with await Store.open(path, AnyWayIn(_nobody, None, [key])) as store:
            assert covers(await contents(store), told(number))
    assert format_of(path) == FORMAT
    assert (await header_of(path)).slots == slots
    await (await opened(path)).close()


def _nobody() -> str:
    raise PassphraseMissingError(variable="WATCHTOWER_PASSPHRASE")


@pytest.mark.parametrize("number", OLD)
async def test_migrated_store_does_not_pass_for_what_it_was(tmp_path: Path, number: int) -> None:
    """Who writes an old format into its header, which its slots are of, has nothing migrated."""
    path = put(number, tmp_path)
    await (await opened(path)).close()
    for copy in copies_of(path):
        copy.unlink()
    with closing(sqlite3.connect(path)) as file:
        slots = (await header_of(path)).slots
        file.execute(
            "UPDATE header SET format = ?, checksum = ?", (number, checksum(number, slots))
        )
        file.commit()
    with pytest.raises(StoreTamperedError, match="its format"):
        await opened(path)
    assert (format_of(path), copies_of(path)) == (number, frozenset())
