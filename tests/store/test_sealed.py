"""Attacks by somebody who may write the file and does not know the passphrase."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store import make
from watchtower.errors import StoreDamagedError, StoreError, StoreTamperedError
from watchtower.store.database import Store
from watchtower.store.sealed import SealedTable
from watchtower.store.tables import CLAIMS
from watchtower.units import LedgerIndex

FLIPS = 150


async def _filled(path: Path) -> None:
    """Make a store in which every table has records."""
    async with await make.store(path) as store:
        await store.pin_network(21337)
        async with store.write() as work:
            await work.channels.put(make.channel(1))
            await work.channels.put(make.channel(2))
            await work.channels.put(make.channel(3, closed=True))
            for number in (1, 2, 3):
                await work.claims.raise_best(make.claim(number, 100 * number))
            await work.claims.put_pending(make.claim(4))
            await work.attempts.put(make.attempt(1, blob="12AA"))
            await work.attempts.put(make.attempt(2, blob="12BB"))
            settled = make.attempt(2, blob="12BB")
            await work.attempts.settle(
                settled.account, settled.seat, settled.transaction, make.outcome()
            )
            await work.secrets.put(make.key())
            await work.bundles.raise_all([make.presigned(1)])
            await work.cursor.move(LedgerIndex(100))
            await work.notes.put("status", {"ledger": 100})
            for kind in ("pruned", "first", "second", "third"):
                await work.journal.append(kind, channel=make.channel_id(1))
            await work.pruning.prune([1])


async def _verify(path: Path) -> dict[str, int]:
    async with await make.reopen(path) as store, store.read() as work:
        return await work.verify()


async def _raise_best(store: Store, amount: int) -> None:
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1, amount))


async def test_an_untouched_store_verifies(tmp_path: Path) -> None:
    """Every table is looked at, and its records are counted."""
    await _filled(tmp_path / "w.db")
    found = await _verify(tmp_path / "w.db")
    assert found == {
        "open_channels": 2,
        "closed_channels": 1,
        "claims": 3,
        "pending_claims": 1,
        "open_attempts": 1,
        "settled_attempts": 1,
        "journal": 3,
        "keys": 1,
        "state": 3,
        "notes": 1,
        "bundles": 1,
        "stumps": 1,
    }


SWAP_CLAIMS = """
    UPDATE claims SET sealed = (
        SELECT other.sealed FROM claims AS other WHERE other.row != claims.row
        ORDER BY other.row LIMIT 1)"""

ATTACKS = {
    "two records swapped": (SWAP_CLAIMS, "claims"),
    "a record relabelled with another version": ("UPDATE claims SET version = 2", "claims"),
    "a record about something else": (
        "UPDATE journal SET topic = zeroblob(32) WHERE row = 2",
        "journal",
    ),
    "a record moved to another row": ("UPDATE journal SET row = 9 WHERE row = 3", "journal"),
    "a record moved to another table": (
        "INSERT INTO closed_channels SELECT * FROM open_channels",
        "closed_channels",
    ),
    "a record deleted": ("DELETE FROM journal WHERE row = 2", "journal"),
    "the last record deleted": ("DELETE FROM journal WHERE row = 4", "journal"),
    "a stump deleted": ("DELETE FROM stumps", "stumps"),
    "a table emptied": ("DELETE FROM open_attempts", "open_attempts"),
    "a record cut short": ("UPDATE notes SET sealed = substr(sealed, 1, 20)", "notes"),
    "a record of another type": ("UPDATE claims SET sealed = 'text'", "claims"),
    "a version of another type": ("UPDATE claims SET version = 'one'", "claims"),
    "a version below the first": ("UPDATE claims SET version = -1", "claims"),
    "a number that no version reaches": ("UPDATE claims SET version = 1e300", "claims"),
    "the census changed": ("UPDATE census SET version = version + 1", "census"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_tampering_is_found_and_named(tmp_path: Path, attack: str) -> None:
    """The error names the table."""
    statement, table = ATTACKS[attack]
    await _filled(tmp_path / "w.db")
    make.tamper(tmp_path / "w.db", statement)
    with pytest.raises(StoreTamperedError, match=table):
        await _verify(tmp_path / "w.db")


async def test_the_census_deleted_is_found(tmp_path: Path) -> None:
    """Without it, every table that has records is in doubt."""
    await _filled(tmp_path / "w.db")
    make.tamper(tmp_path / "w.db", "DELETE FROM census")
    with pytest.raises(StoreTamperedError, match=r"(?s)open_channels.*claims.*journal"):
        await _verify(tmp_path / "w.db")


async def test_an_older_record_put_back_whole_is_found(tmp_path: Path) -> None:
    """Row, version and seal all fit each other: only the census knows that it was replaced."""
    path = tmp_path / "w.db"
    await _filled(path)
    keep = "CREATE TABLE kept AS SELECT * FROM claims"
    make.tamper(path, keep)
    async with await make.reopen(path) as store:
        await _raise_best(store, 500)
    make.tamper(path, "DELETE FROM claims", "INSERT INTO claims SELECT * FROM kept")
    with pytest.raises(StoreTamperedError, match="census of claims"):
        await _verify(path)


async def test_an_older_sealing_under_the_present_version_fails(tmp_path: Path) -> None:
    """A lower claim cannot be given the version of the higher one."""
    path = tmp_path / "w.db"
    await _filled(path)
    make.tamper(path, "CREATE TABLE kept AS SELECT * FROM claims")
    async with await make.reopen(path) as store:
        await _raise_best(store, 500)
    back = "UPDATE claims SET sealed = (SELECT sealed FROM kept WHERE kept.row = claims.row)"
    make.tamper(path, back)
    async with await make.reopen(path) as store, store.read() as work:
        with pytest.raises(StoreTamperedError, match="a record of claims"):
            await work.claims.best(make.channel_id(1))


async def test_another_sealing_of_the_same_version_is_found(tmp_path: Path) -> None:
    """Two forks of one file give two true seals for one place; only one of them belongs here."""
    path, fork = tmp_path / "w.db", tmp_path / "fork.db"
    await _filled(path)
    fork.write_bytes(path.read_bytes())
    for each, amount in ((fork, 400), (path, 500)):
        async with await make.reopen(each) as store:
            await _raise_best(store, amount)
    with closing(sqlite3.connect(path)) as file:
        file.execute("ATTACH ? AS fork", (str(fork),))
        file.execute("DELETE FROM claims")
        file.execute("INSERT INTO claims SELECT * FROM fork.claims")
        file.commit()
    async with await make.reopen(path) as store, store.read() as work:
        best = await work.claims.best(make.channel_id(1))
        assert best is not None
        assert best.amount == 400  # one record alone cannot know
        with pytest.raises(StoreTamperedError, match="census of claims"):
            await work.claims.load_all()


async def test_a_write_over_a_deleted_record_does_not_hide_the_deletion(tmp_path: Path) -> None:
    """The attacker deletes the best claim and waits for a lower one to come in."""
    path = tmp_path / "w.db"
    await _filled(path)
    make.tamper(path, "DELETE FROM claims")
    async with await make.reopen(path) as store:
        await _raise_best(store, 1)
        async with store.read() as work:
            with pytest.raises(StoreTamperedError, match="census of claims"):
                await work.claims.load_all()


async def test_a_record_of_an_unknown_form_is_damage_and_not_tampering(tmp_path: Path) -> None:
    """The seal is ours, so it is our own doing: an older form that no migration has touched."""
    async with await make.store(tmp_path / "w.db") as store:
        async with store.write() as work:
            await SealedTable(work._transaction, CLAIMS, dict[str, int]).put("one", {"amount": 1})
        async with store.read() as work:
            with pytest.raises(StoreDamagedError, match="a record of claims cannot be understood"):
                await work.claims.load_all()


async def test_a_trigger_is_refused_at_open(tmp_path: Path) -> None:
    """It would act inside our own transactions."""
    path = tmp_path / "w.db"
    await _filled(path)
    make.tamper(
        path, "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM open_attempts; END"
    )
    with pytest.raises(StoreTamperedError, match="schema"):
        await make.reopen(path)


async def test_flipped_bytes_are_found_or_harmless(tmp_path: Path) -> None:
    """Anywhere in the file: an error of ours, or all contents as they were."""
    path = tmp_path / "w.db"
    await _filled(path)
    whole = path.read_bytes()
    before = await _contents(path)
    written = [index for index, byte in enumerate(whole) if byte]
    found = 0
    for index in random.sample(written, FLIPS):
        changed = bytearray(whole)
        changed[index] ^= 1 << random.randrange(8)  # noqa: S311 - it chooses a bit to break
        path.write_bytes(changed)
        try:
            assert await _contents(path) == before, f"byte {index} was believed"
        except StoreError:
            found += 1
        _clean(path)
    assert found > FLIPS // 2


def _clean(path: Path) -> None:
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()


async def _contents(path: Path) -> list[object]:
    async with await make.reopen(path) as store, store.read() as work:
        await work.verify()
        return [
            await work.channels.load_all(),
            await work.claims.load_all(),
            await work.claims.load_pending(),
            await work.attempts.load_all(),
            await work.journal.load_all(),
            await work.secrets.load_all(),
            await work.cursor.get(),
            await work.notes.load_all(),
            store.network,
        ]
