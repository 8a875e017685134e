"""Heads that are kept for other towers: for a token, by a key, and never back to an older one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.store import make
from tests.store.heads import STORE, head_of
from tests.store.test_head_keeping import keeper_of
from watchtower.access.token import RANDOM_BYTES, Scope, mint
from watchtower.store.database import Store
from watchtower.store.head import Head
from watchtower.store.kept_heads import MOST_HEADS, HeadRefused, KeptHeads

ONE, OTHER = "01" * 8, "02" * 8
"""The public parts of two tokens."""


@asynccontextmanager
async def keeping(path: Path) -> AsyncIterator[Store]:
    """A store with two tokens, called by their public parts."""
    async with await make.store(path) as store:
        async with store.write() as work:
            for name in (ONE, OTHER):
                random = bytes.fromhex(name) + bytes(RANDOM_BYTES - 8)
                token, _ = mint(name, [Scope.HEADS], random=random, now=0)
                await work.tokens.add(token)
        yield store


async def version(store: Store) -> int:
    """How many transactions ever changed a store."""
    async with store.read() as work:
        return (await work.standing())[0]


async def test_what_was_kept_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    """The newest of several, and to the byte."""
    async with keeping(tmp_path / "w.db") as store:
        for number in (3, 5, 9):
            assert await KeptHeads(store).keep(ONE, head_of(number)) is None
    async with await make.reopen(tmp_path / "w.db") as store:
        assert await KeptHeads(store).kept(ONE, STORE) == head_of(9)


OLDER = {"fewer changes": head_of(8, 9), "fewer lines": head_of(9, 8), "both": head_of(3)}


@pytest.mark.parametrize("how", OLDER)
async def test_an_older_head_does_not_take_the_place_of_a_newer_one(
    tmp_path: Path, how: str
) -> None:
    """Who stole the tower and its token cannot have its memory go back with its store."""
    async with keeping(tmp_path / "w.db") as store:
        heads = KeptHeads(store)
        assert await heads.keep(ONE, head_of(9)) is None
        assert await heads.keep(ONE, OLDER[how]) is HeadRefused.OLDER
        assert await heads.kept(ONE, STORE) == head_of(9)


async def test_another_tower_does_not_take_the_place_of_the_one_that_signed(tmp_path: Path) -> None:
    """Not even by the same token, and with a head that is further."""
    async with keeping(tmp_path / "w.db") as store:
        heads = KeptHeads(store)
        assert await heads.keep(ONE, head_of(9)) is None
        assert await heads.keep(ONE, head_of(10, tower=2)) is HeadRefused.ANOTHER_TOWER
        assert await heads.kept(ONE, STORE) == head_of(9)


async def test_who_has_another_token_neither_reads_nor_exchanges_a_head(tmp_path: Path) -> None:
    """And whoever comes first with the name of another's store keeps nobody out."""
    async with keeping(tmp_path / "w.db") as store:
        heads = KeptHeads(store)
        assert await heads.keep(OTHER, head_of(40, tower=2)) is None
        assert await heads.kept(ONE, STORE) is None
        assert await heads.keep(ONE, head_of(9)) is None
        assert await heads.keep(OTHER, head_of(50, tower=2)) is None
        assert await heads.kept(ONE, STORE) == head_of(9)


async def test_a_head_that_the_tower_did_not_sign_is_not_kept(tmp_path: Path) -> None:
    """By whatever token it comes."""
    forged = msgspec.structs.replace(head_of(9), tower=head_of(9, tower=2).tower)
    async with keeping(tmp_path / "w.db") as store:
        assert await KeptHeads(store).keep(ONE, forged) is HeadRefused.UNSIGNED
        assert await KeptHeads(store).kept(ONE, STORE) is None


async def test_a_token_cannot_fill_the_store(tmp_path: Path) -> None:
    """There is room for a few stores; those that are kept go on."""
    async with keeping(tmp_path / "w.db") as store:
        heads = KeptHeads(store)
        for number in range(MOST_HEADS):
            assert await heads.keep(ONE, head_of(1, store=bytes([number]) * 16)) is None
        more = head_of(1, store=b"more" * 4)
        assert await heads.keep(ONE, more) is HeadRefused.TOO_MANY
        assert await heads.keep(ONE, head_of(2, store=bytes(16))) is None
        for number, changes in ((0, 2), (1, 1), (2, 1)):
            name = bytes([number]) * 16
            assert await heads.kept(ONE, name) == head_of(changes, store=name)
        assert await heads.keep(OTHER, more) is None
        async with store.read() as work:
            notes = await work.notes.load_all()
        assert sorted(name for name in notes if name.startswith("kept heads 0")) == [
            f"kept heads {ONE}",
            f"kept heads {OTHER}",
        ]


async def test_the_same_head_again_writes_nothing(tmp_path: Path) -> None:
    """A tower that rests tells of itself every few seconds, and only the time is another."""
    async with keeping(tmp_path / "w.db") as store:
        heads = KeptHeads(store)
        await heads.keep(ONE, head_of(9, at=1))
        before = await version(store)
        assert await heads.keep(ONE, head_of(9, at=2)) is None
        assert await version(store) == before
        async with await make.reopen(tmp_path / "w.db") as daemon, store.write() as work:
            await work.cursor.get()  # which locks others out of writing
            assert await KeptHeads(daemon).keep(ONE, head_of(9, at=3)) is None


async def test_a_token_that_is_revoked_takes_its_heads_along_for_good(tmp_path: Path) -> None:
    """A request that was let in just before leaves nothing behind it."""
    async with keeping(tmp_path / "w.db") as store:
        heads = KeptHeads(store)
        await heads.keep(ONE, head_of(9))
        async with store.write() as work:
            await work.tokens.revoke(ONE)
        assert await heads.kept(ONE, STORE) is None
        assert await heads.keep(ONE, head_of(10)) is HeadRefused.NO_TOKEN
        assert await heads.kept(ONE, STORE) is None


class At:
    """A place at another tower, without the wire between."""

    name = "another tower"

    def __init__(self, keeper: Store, asker: Store) -> None:
        self._keeper, self._asker = KeptHeads(keeper), asker

    async def read(self) -> bytes | None:
        """What is kept."""
        async with self._asker.read() as work:
            store = (await work.standing())[1].store
        head = await self._keeper.kept(ONE, store)
        return None if head is None else head.encoded()

    async def write(self, head: bytes) -> None:
        """Have it kept."""
        read = Head.read(head)
        assert read is not None
        assert await self._keeper.keep(ONE, read) is None


async def test_two_towers_that_keep_each_others_heads_come_to_rest(tmp_path: Path) -> None:
    """To keep a head changes the store, which is no reason to tell the other one of it."""
    async with keeping(tmp_path / "a.db") as one, keeping(tmp_path / "b.db") as two:
        there, back = At(two, one), At(one, two)
        keepers = keeper_of(one, there), keeper_of(two, back)
        published = [await keepers[0].publish(there), await keepers[1].publish(back)]
        published[0] = await keepers[0].publish(there)  # it has noted where its heads are
        assert [await keeper.version() for keeper in keepers] == published
        async with one.write() as work:
            await work.journal.append("changed")
        assert await keepers[0].version() == published[0] + 1
        await keepers[0].publish(there)
        assert await keepers[1].version() == published[1]
