"""A store that opens with a token's key, by a real token and a real file."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, event

from tests.softhsm import SoftHsm
from tests.store import make
from watchtower.errors import (
    HsmAbsentError,
    HsmError,
    HsmMechanismError,
    PassphraseError,
    PassphraseMissingError,
    StoreNeedsHsmError,
)
from watchtower.keys.hsm import Hsm
from watchtower.keys.store_key import label_of, slot_by_hsm
from watchtower.keys.ways import AnyWayIn
from watchtower.store.database import Store
from watchtower.store.header import Slot, unwrap_with
from watchtower.store.restore import restore
from watchtower.store.tables import FORMAT

MASTER = bytes(range(32))
_MOMENTS = ("before_cursor_execute", "after_cursor_execute", "commit")


def _nobody() -> str:
    raise PassphraseMissingError


async def _wrapped(path: Path, hsm: Hsm, *, keep: bool = False) -> None:
    """Make a store with a claim in it, which the token opens from then on."""
    async with await make.store(path) as store:
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 500))
        before = await store.slots()

        async def slots(master: bytes) -> list[Slot]:
            slot = await slot_by_hsm(hsm, "store", master, FORMAT)
            return [slot, *before] if keep else [slot]

        await store.replace_slots(slots)


async def test_the_store_opens_with_the_token_and_with_nothing_else(
    softhsm: SoftHsm, tmp_path: Path
) -> None:
    """The claims are there; nobody is asked for a passphrase, and the one of before is no good."""
    path, hsm = tmp_path / "w.db", softhsm.hsm()
    await _wrapped(path, hsm)
    async with await Store.open(path, AnyWayIn(_nobody, softhsm.hsm())) as store:
        async with store.read() as work:
            assert await work.claims.best(make.channel_id(1)) == make.claim(1, 500)
        [slot] = await store.slots()
    assert label_of(slot) == (hsm.token, "store")
    with pytest.raises(PassphraseError):
        await Store.open(path, make.PASSPHRASE)
    with pytest.raises(StoreNeedsHsmError, match="no token is set up"):
        await Store.open(path, AnyWayIn(lambda: make.PASSPHRASE, None))
    softhsm.take_away()
    with pytest.raises(HsmAbsentError):
        await Store.open(path, AnyWayIn(lambda: make.PASSPHRASE, softhsm.hsm()))
    softhsm.bring_back()
    async with await Store.open(path, AnyWayIn(_nobody, softhsm.hsm())):
        pass


async def test_what_opened_the_store_before_is_not_left_in_the_file(
    softhsm: SoftHsm, tmp_path: Path
) -> None:
    """A slot in the file's free space would still open with the passphrase."""
    path = tmp_path / "w.db"
    async with await make.store(path) as store:
        [before] = await store.slots()
        assert before.wrapped in path.read_bytes()
        hsm = softhsm.hsm()
        await store.replace_slots(lambda master: _one(slot_by_hsm(hsm, "s", master, FORMAT)))
        files = path.read_bytes() + path.with_name("w.db-wal").read_bytes()
    assert before.wrapped not in files
    assert before.parameters not in files


async def test_killed_at_any_statement_exactly_one_of_the_two_ways_opens(
    softhsm: SoftHsm, tmp_path: Path
) -> None:
    """What a kill would leave on disk is copied before and behind each statement."""
    path, left = tmp_path / "w.db", list[Path]()

    def kill(*_: object) -> None:
        folder = tmp_path / f"killed {len(left)}"
        folder.mkdir()
        for name in ("w.db", "w.db-wal"):
            if path.with_name(name).exists():
                shutil.copyfile(path.with_name(name), folder / name)
        left.append(folder / "w.db")

    async with await make.store(path) as store:
        hsm = softhsm.hsm()

        async def slots(master: bytes) -> list[Slot]:
            slot = await slot_by_hsm(hsm, "store", master, FORMAT)
            for moment in _MOMENTS:
                event.listen(Engine, moment, kill)
            return [slot]

        try:
            await store.replace_slots(slots)
        finally:
            for moment in _MOMENTS:
                event.remove(Engine, moment, kill)
        kill()
    opened = {"passphrase": 0, "hsm": 0}
    for killed in left:
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(await make.reopen(killed))
                opened["passphrase"] += 1
            except PassphraseError:
                way = AnyWayIn(_nobody, softhsm.hsm())
                await stack.enter_async_context(await Store.open(killed, way))
                opened["hsm"] += 1
    assert len(left) > 10
    assert min(opened.values()) > 0


async def test_both_kept_means_that_either_opens(softhsm: SoftHsm, tmp_path: Path) -> None:
    """With the token there, nobody is asked; without it, the passphrase does."""
    path = tmp_path / "w.db"
    await _wrapped(path, softhsm.hsm(), keep=True)
    async with await Store.open(path, AnyWayIn(_nobody, softhsm.hsm())):
        pass
    softhsm.take_away()
    async with await Store.open(path, AnyWayIn(lambda: make.PASSPHRASE, softhsm.hsm())):
        pass
    async with await make.reopen(path):
        pass
    with pytest.raises(HsmAbsentError):
        await Store.open(path, AnyWayIn(_nobody, softhsm.hsm()))
    with pytest.raises(PassphraseError):
        await Store.open(path, AnyWayIn(lambda: "wrong", softhsm.hsm()))


async def test_the_passphrase_way_is_as_it_was(softhsm: SoftHsm, tmp_path: Path) -> None:
    """A store without a token's slot asks for nothing but the passphrase, token or not."""
    path = tmp_path / "w.db"
    async with await make.store(path):
        pass
    softhsm.take_away()
    async with await Store.open(path, AnyWayIn(lambda: make.PASSPHRASE, softhsm.hsm())):
        pass


async def test_going_back_to_a_passphrase_leaves_no_token_behind(
    softhsm: SoftHsm, tmp_path: Path
) -> None:
    """The master key was the same all along."""
    path = tmp_path / "w.db"
    await _wrapped(path, softhsm.hsm())
    async with await Store.open(path, AnyWayIn(_nobody, softhsm.hsm())) as store:
        await store.rewrap(make.PASSPHRASE, cost=make.CHEAP)
    softhsm.take_away()
    async with await make.reopen(path) as store, store.read() as work:
        assert await work.claims.best(make.channel_id(1)) == make.claim(1, 500)


@pytest.mark.parametrize("mechanism", ["AES_GCM", "AES_CBC_PAD"])
async def test_a_slot_that_was_changed_in_any_way_does_not_open(
    softhsm: SoftHsm, mechanism: str
) -> None:
    """Whatever the token authenticates; also a slot of a newer format, and another key's."""
    softhsm.without(*(["CKM_AES_GCM"] if mechanism != "AES_GCM" else []))
    hsm = softhsm.hsm()
    slot = await slot_by_hsm(hsm, "store", MASTER, FORMAT)
    told = msgspec.msgpack.decode(slot.parameters)
    assert told["mechanism"] == mechanism
    way = AnyWayIn(_nobody, hsm)
    assert await way.open(Path("w.db"), [slot], FORMAT) == MASTER
    changed = [
        replace(slot, wrapped=slot.wrapped[:-1] + bytes((slot.wrapped[-1] ^ 1,))),
        replace(slot, wrapped=b""),
        replace(slot, parameters=slot.parameters + b"\0"),
        replace(slot, parameters=msgspec.msgpack.encode({**told, "version": 2})),
        replace(slot, parameters=msgspec.msgpack.encode({**told, "token": "x"})),
        replace(slot, parameters=msgspec.msgpack.encode({**told, "sealed": told["sealed"][::-1]})),
    ]
    for one in changed:
        with pytest.raises((StoreNeedsHsmError, HsmError)):
            await way.open(Path("w.db"), [one], FORMAT)
    with pytest.raises(StoreNeedsHsmError):
        await way.open(Path("w.db"), [slot], FORMAT - 1)
    assert unwrap_with(slot, bytes(32), store_format=FORMAT) is None
    assert MASTER not in slot.wrapped + slot.parameters
    await hsm.close()


async def test_a_token_that_cannot_wrap_changes_nothing(softhsm: SoftHsm, tmp_path: Path) -> None:
    """The store opens as before."""
    path = tmp_path / "w.db"
    softhsm.without("CKM_AES_GCM", "CKM_AES_CBC_PAD")
    with pytest.raises(HsmMechanismError, match="CKM_AES_GCM or CKM_AES_CBC_PAD"):
        await _wrapped(path, softhsm.hsm())
    async with await make.reopen(path):
        pass


async def test_a_backup_opens_as_it_did_when_it_was_made(softhsm: SoftHsm, tmp_path: Path) -> None:
    """By the token, where the token opened the store of then."""
    path, backup, target = tmp_path / "w.db", tmp_path / "backup.db", tmp_path / "new.db"
    await _wrapped(path, softhsm.hsm())
    way = AnyWayIn(_nobody, softhsm.hsm())
    async with await Store.open(path, way) as store:
        backup.touch(mode=0o600)
        await store.copy_into(backup)
    restored = await restore(backup, target, way)
    assert restored.claims == 1
    async with await Store.open(target, way):
        pass


async def _one(slot: Awaitable[Slot]) -> list[Slot]:
    return [await slot]
