"""A chain is put together to the store that it was, or to none; whoever made it may be hostile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.backups.chains import KEYS, RECIPIENT, a_chain, empty, made
from watchtower.errors import BackupDamagedError, BackupKeyError, StoreVersionError
from watchtower.store.backups import member
from watchtower.store.backups.age import NO_IDENTITIES, recipients_of
from watchtower.store.backups.chain import Member
from watchtower.store.backups.folder import chain_at
from watchtower.store.backups.form import (
    Closing,
    Frame,
    Head,
    Opening,
    Removed,
    Written,
    digest_of,
    write_frame,
)
from watchtower.store.backups.reading import check_contents
from watchtower.store.cipher import Keyring
from watchtower.store.database import Store

MASTER = bytes(range(32))


def _head(**other: Any) -> Head:
    facts: dict[str, Any] = {
        "chain": "ab" * 16,
        "sequence": 0,
        "based_on": None,
        "network": None,
        "created": 1,
        "store_format": 2,
        "made_by": member.made_by(Keyring(MASTER)),
    }
    return Head(**{**facts, **other})


def _forged(path: Path, *frames: Frame, head: Head | None = None, opening: bool = True) -> Member:
    """Write what no watchtower writes, well signed."""

    def told(text: bytes) -> Iterator[bytes]:
        if opening:
            yield write_frame(Opening(head=digest_of(text), master=MASTER))
        yield from map(write_frame, frames)

    recipients = recipients_of([RECIPIENT])
    keyring = Keyring(MASTER)
    member.write(path, head or _head(), told, keyring=keyring, recipients=recipients)
    return member.look(path)


async def test_a_chain_ends_where_it_was_asked_to(store: Store, tmp_path: Path) -> None:
    """An earlier member is the store of an earlier moment."""
    paths = await a_chain(store, tmp_path / "b")
    counts = [(await check_contents(chain_at(path), KEYS))["claims"] for path in paths]
    assert counts == [2, 3, 4]


async def test_without_a_key_nothing_is_put_together(store: Store, tmp_path: Path) -> None:
    """The sentence says which option gives one."""
    backup = await made(store, tmp_path / "b")
    with pytest.raises(BackupKeyError, match="--key"):
        await check_contents(chain_at(backup.path), NO_IDENTITIES)


_ROW = (b"r" * 32, b"", 1, b"sealed")


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([], "what is in it has no end"),
        ([Written("claims", [_ROW])], "what is in it has no end"),
        ([Closing(1, 0)], "not all the records"),
        ([Opening(head=b"h" * 32, master=MASTER)], "not in their order"),
        ([Closing(0, 0), Closing(0, 0)], "not in their order"),
        ([Written("claims", [_ROW]), Closing(1, 0)], "a record of claims"),
        ([Written("slots", [_ROW]), Closing(1, 0)], "a table 'slots' that is unknown"),
        ([Written("journal", [_ROW]), Closing(1, 0)], "do not belong into journal"),
        ([Written("claims", [(5, b"", 1, b"")]), Closing(1, 0)], "a record of claims"),
        ([Removed("claims", [b"r"]), Closing(0, 1)], "removes records that are not there"),
        ([Removed("header", [1]), Closing(0, 1)], "a table 'header' that is unknown"),
        ([Written("census", [(b"census", b"", 1, b"x")]), Closing(1, 0)], "census"),
    ],
)
async def test_what_no_watchtower_writes_is_one_sentence(
    tmp_path: Path, frames: list[Frame], why: str
) -> None:
    """However well it is signed and encrypted."""
    with pytest.raises(BackupDamagedError, match=why):
        await check_contents([_forged(tmp_path / "b", *frames)], KEYS)


async def test_frames_of_another_file_are_seen(tmp_path: Path) -> None:
    """A head is exchanged only by who has the store's key; and not even then."""
    other = Opening(head=b"h" * 32, master=MASTER)
    with pytest.raises(BackupDamagedError, match="its head belongs to another one"):
        await check_contents([_forged(tmp_path / "b", other, opening=False)], KEYS)
    wrong = _forged(tmp_path / "c", Closing(0, 0), head=_head(network=5))
    with pytest.raises(BackupDamagedError, match="its head names another network"):
        await check_contents([wrong], KEYS)


async def test_a_backup_of_a_newer_store_is_refused(tmp_path: Path) -> None:
    """As a newer store is."""
    newer = _forged(tmp_path / "b", Closing(0, 0), head=_head(store_format=9_000))
    with pytest.raises(StoreVersionError, match="format 9000"):
        await check_contents([newer], KEYS)


async def test_a_backup_of_an_older_format_is_brought_up_to_date(tmp_path: Path) -> None:
    """Put together as the store was then, and opened as every old store is."""
    older = _forged(tmp_path / "b", Closing(0, 0), head=_head(store_format=1))
    counts = await check_contents([older], KEYS)
    assert counts["bundles"] == 0


async def test_a_file_that_is_exchanged_while_it_is_read_is_seen(
    store: Store, tmp_path: Path
) -> None:
    """What was looked at is what is taken."""
    backup = await made(store, tmp_path / "b")
    looked = chain_at(backup.path)
    async with store.write() as work:
        await work.notes.put("more", 1)
    other = await made(store, tmp_path / "c")
    backup.path.write_bytes(other.path.read_bytes())
    with pytest.raises(BackupDamagedError, match="changed while it was read"):
        await check_contents(looked, KEYS)


async def test_a_file_of_the_same_head_is_not_the_same_file(tmp_path: Path) -> None:
    """Every byte that is read is compared, and not what it says of itself."""
    looked = _forged(tmp_path / "b", Closing(0, 0))
    _forged(tmp_path / "b", Closing(0, 0))
    with pytest.raises(BackupDamagedError, match="changed while it was read"):
        await check_contents([looked], KEYS)


async def test_nothing_stays_of_what_was_put_together(store: Store, tmp_path: Path) -> None:
    """Neither where it was checked, nor beside the backup."""
    folder = empty(tmp_path / "b", is_folder=True)
    await made(store, folder)
    before = _files(tmp_path)
    await check_contents(chain_at(folder), KEYS)
    assert _files(tmp_path) == before


def _files(room: Path) -> list[Path]:
    return sorted(room.rglob("*"))
