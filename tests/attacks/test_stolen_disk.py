"""Attacks: a disk that was stolen, and a file that its thief may write and put back.

The thief has the store, byte for byte, and as many passphrases of other towers as he likes. Or he
comes again: he changes the header, so that guessing becomes cheap or another program reads the
file, adds a way in of his own, or moves records about. He does not have what opens this store.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.store import make
from tests.store.rekeying import files, fill, sealed_records, slots_for
from watchtower.errors import (
    PassphraseError,
    StoreDamagedError,
    StoreError,
    StoreTamperedError,
    StoreVersionError,
    WayInError,
)
from watchtower.keys.key_file import KEY_FILE, KeyInFile, make_key_file
from watchtower.keys.ways import AnyWayIn
from watchtower.store.cipher import Keyring
from watchtower.store.database import Store
from watchtower.store.header import DEFAULT_COST, Slot, checksum, cost_of, unwrap, unwrap_with, wrap
from watchtower.store.opening import header_of
from watchtower.store.tables import FORMAT


@pytest.fixture
async def stolen(tmp_path: Path) -> Path:
    """Return a store with records in it, as it lies on a stolen disk."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        await fill(store, 4)
    return path


async def slots_of(path: Path) -> list[Slot]:
    """Return the slots as anybody can read them."""
    return (await header_of(path)).slots


@contextmanager
def written(path: Path) -> Iterator[sqlite3.Connection]:
    """Give the file to whoever may write it."""
    with closing(sqlite3.connect(path)) as file:
        yield file
        file.commit()


def put_header(path: Path, slots: list[Slot], store_format: int = FORMAT) -> None:
    """Write a header as we would, checksum included: that has no key."""
    with written(path) as file:
        file.execute("DELETE FROM slots")
        for each in slots:
            file.execute(
                "INSERT INTO slots (kind, parameters, wrapped) VALUES (?, ?, ?)",
                (each.kind, each.parameters, each.wrapped),
            )
        digest = checksum(store_format, slots)
        file.execute("UPDATE header SET format = ?, checksum = ?", (store_format, digest))


async def test_the_file_alone_opens_nothing(stolen: Path) -> None:
    """Whatever is in it is tried as a passphrase and as a key, and none of it is one."""
    content = files(stolen)
    [slot] = await slots_of(stolen)
    places = [*sealed_records(stolen)]
    windows = [content[start : start + 32] for start in range(0, len(content) - 32, 97)]
    for window in windows:
        assert unwrap_with(slot, window, store_format=FORMAT) is None
        assert Keyring(window).unseal(*places[0]) is None
    for guess in (
        "",
        "watchtower",
        slot.parameters.hex(),
        slot.wrapped.hex(),
        *map(repr, windows[:40]),
    ):
        with pytest.raises(PassphraseError):
            await Store.open(stolen, guess)


def test_a_guess_costs_what_argon2id_was_told() -> None:
    """By default 64 MiB; that stands in the file, and with less in it another key comes out."""
    slot = wrap(bytes(32), make.PASSPHRASE, store_format=FORMAT)
    assert cost_of(slot) == DEFAULT_COST
    assert DEFAULT_COST.memory_kib >= 64 * 1024
    told = msgspec.msgpack.decode(slot.parameters)
    for cheaper in ({"memory_kib": 64}, {"passes": 1}, {"lanes": 1}):
        changed = replace(slot, parameters=msgspec.msgpack.encode({**told, **cheaper}))
        assert unwrap(changed, make.PASSPHRASE, store_format=FORMAT) is None


async def test_the_passphrase_of_another_tower_opens_nothing(stolen: Path, tmp_path: Path) -> None:
    """Nor does that tower's slot, put into this file: it opens, and unseals nothing."""
    other = tmp_path / "other.db"
    async with await make.store(other, "battery staple"):
        pass
    with pytest.raises(PassphraseError):
        await make.reopen(stolen, "battery staple")
    put_header(stolen, await slots_of(other))
    with pytest.raises(StoreTamperedError):
        await make.reopen(stolen, "battery staple")
    with pytest.raises(PassphraseError):
        await make.reopen(stolen)


async def test_a_header_that_makes_guessing_cheap_opens_no_more(stolen: Path) -> None:
    """He waits for the owner to type the passphrase into a file that stretches it less."""
    [slot] = await slots_of(stolen)
    told = msgspec.msgpack.decode(slot.parameters)
    dearer = msgspec.msgpack.encode({**told, "memory_kib": 16})
    same_salt = msgspec.msgpack.encode({**told, "salt": bytes(16)})
    for parameters in (dearer, same_salt):
        put_header(stolen, [replace(slot, parameters=parameters)])
        with pytest.raises(PassphraseError):
            await make.reopen(stolen)
    put_header(stolen, [slot])
    async with await make.reopen(stolen):
        pass


@pytest.mark.parametrize(
    ("store_format", "error"), [(FORMAT + 1, StoreVersionError), (FORMAT - 1, PassphraseError)]
)
async def test_a_store_that_was_given_another_format_is_refused(
    stolen: Path, store_format: int, error: type[StoreError]
) -> None:
    """Older or newer: neither a migration nor an older program is let at its records."""
    put_header(stolen, await slots_of(stolen), store_format)
    before = files(stolen)
    with pytest.raises(error):
        await make.reopen(stolen)
    assert files(stolen) == before


async def test_a_way_in_that_somebody_added_opens_to_nothing_of_ours(
    stolen: Path, tmp_path: Path
) -> None:
    """A slot is worth what is in it: without the master key he can wrap only one of his own."""
    mine = wrap(bytes(32), "mine", store_format=FORMAT, cost=make.CHEAP)
    path = tmp_path / "key"
    make_key_file(path)
    key = KeyInFile(KEY_FILE, path, place="his file", is_guarded=False)
    by_key = await key.make(stolen, bytes(32), FORMAT)
    put_header(stolen, [mine, by_key, *(await slots_of(stolen))])
    with pytest.raises(StoreTamperedError):
        await make.reopen(stolen, "mine")
    with pytest.raises(StoreTamperedError):
        await Store.open(stolen, AnyWayIn(lambda: "mine", None, [key]))
    # It does not shut out who has the right one.
    async with await make.reopen(stolen) as store, store.read() as work:
        await work.verify()


async def test_the_key_of_before_cannot_be_given_back(stolen: Path) -> None:
    """A slot with an old key, or a number without a slot: named, or looked into and passed over."""
    async with await make.reopen(stolen) as store:
        await store.rekeying().begin(slots_for)
        between = await slots_of(stolen)
        await store.rekeying().move()
        await store.rekeying().end()
        current = await slots_of(stolen)
    forged = [replace(each, wrapped=each.wrapped[::-1]) for each in between if each not in current]
    put_header(stolen, [*current, *[each for each in forged if each.kind == "predecessor"]])
    with pytest.raises(StoreTamperedError, match="master key of before"):
        await make.reopen(stolen)
    put_header(stolen, current)
    async with await Store.open(stolen, AnyWayIn(lambda: make.PASSPHRASE, None)) as store:
        for number in (0, 77, 2**31 - 1):
            with written(stolen) as file:
                file.execute(f"PRAGMA user_version = {number:d}")
            async with store.write() as work:
                await work.journal.append("tick")
            async with store.read() as work:
                await work.verify()


async def test_records_that_were_swapped_between_two_stores_are_found(
    stolen: Path, tmp_path: Path
) -> None:
    """Also between two copies of the same store, with the same key, that went their own ways."""
    copy = tmp_path / "copy.db"
    shutil.copyfile(stolen, copy)
    async with await make.reopen(copy) as store, store.write() as work:
        await work.claims.raise_best(make.claim(1, 999_999))
    with closing(sqlite3.connect(copy)) as file:
        rows = file.execute("SELECT * FROM claims").fetchall()
    with written(stolen) as file:
        file.execute("DELETE FROM claims")
        file.executemany("INSERT INTO claims VALUES (?, ?, ?, ?)", rows)
    async with await make.reopen(stolen) as store, store.read() as work:
        with pytest.raises(StoreTamperedError, match="the census of claims"):
            await work.claims.load_all()


async def test_a_header_of_another_day_is_damage_or_opens_nothing(stolen: Path) -> None:
    """Slots without their checksum, a checksum without its slots, and no slot at all."""
    slots = await slots_of(stolen)
    with written(stolen) as file:
        file.execute("UPDATE slots SET kind = 'key_file'")
    with pytest.raises(StoreDamagedError, match="header"):
        await make.reopen(stolen)
    put_header(stolen, [replace(slots[0], kind="key_file")])
    with pytest.raises((WayInError, PassphraseError)):
        await Store.open(stolen, AnyWayIn(lambda: make.PASSPHRASE, None))
    put_header(stolen, [])
    with pytest.raises(PassphraseError):
        await make.reopen(stolen)
