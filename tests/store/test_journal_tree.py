"""The tree over the journal grows with it, stands on what was pruned, and knows its own past."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest
from pymerkle import InmemoryTree

from tests.store import make
from watchtower.errors import StoreTamperedError
from watchtower.store.database import Store
from watchtower.store.journal import Entry
from watchtower.store.tables import FORMAT, JOURNAL
from watchtower.store.tree import Frontier, leaf_hash, root_of

FORMAT_2 = Path(__file__).parents[1] / "data" / "stores" / "format-2.db"


async def told(store: Store, *kinds: str) -> Frontier:
    """Write entries, each in a transaction of its own, and return the frontier behind them."""
    for kind in kinds:
        async with store.write() as work:
            await work.journal.append(kind, facts={"of": [kind, None, 1.5, {"z": 1, "a": 2}]})
    return await frontier(store)


async def frontier(store: Store) -> Frontier:
    """The frontier that the census has."""
    async with store.read() as work:
        return await work.journal_tree.frontier()


def by_pymerkle(entries: list[Entry]) -> bytes:
    """The root of the same tree, made by somebody else from what the journal says."""
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(msgspec.msgpack.encode(entry))
    root: bytes = tree.get_root()
    return root


async def test_every_entry_is_a_leaf_in_its_order(store: Store) -> None:
    """An outsider that has the entries finds the same root; so does who opens the store again."""
    await told(store, *"abcdefg")
    async with store.write() as work:
        await work.journal.append_all([("many", None, None, {"n": n}) for n in range(30)])
    async with store.read() as work:
        entries = await work.journal.load_all()
        found = await work.journal_tree.verify()

    assert found.size == len(entries) == 37
    assert found.root == by_pymerkle(entries)
    async with await make.reopen(store.path) as again:
        assert await frontier(again) == found


async def test_leaves_are_in_the_order_of_numbers_whoever_writes_at_once(store: Store) -> None:
    """Several parts of the house may write lines in one transaction, at the same time."""
    async with store.write() as work:
        lines = [("line", None, None, {"n": n}) for n in range(5)]
        await asyncio.gather(*(work.journal.append_all(lines) for _ in range(20)))
    async with store.read() as work:
        assert (await work.journal_tree.verify()).size == 100


async def broken_off(store: Store) -> None:
    """Write an entry, and fail before it is there."""
    async with store.write() as work:
        await work.journal.append("never")
        make.interrupt()


async def test_what_was_undone_is_no_leaf(store: Store) -> None:
    """Nor does what is known of the census outlive the transaction that never was."""
    before = await told(store, "one")
    with pytest.raises(make.Interruption):
        await broken_off(store)
    assert await frontier(store) == before
    await told(store, "two")
    async with store.read() as work:
        assert (await work.journal_tree.verify()).size == 2


async def test_a_store_of_format_2_is_given_its_tree(tmp_path: Path) -> None:
    """Every line of it is a leaf, its records stay, and it grows from there."""
    path = tmp_path / "w.db"
    shutil.copyfile(FORMAT_2, path)
    assert FORMAT > 2
    for number in (1, 2):
        async with await make.reopen(path) as store:
            await told(store, "later")
            async with store.read() as work:
                await work.verify()
                entries = await work.journal.load_all()
                best = await work.claims.best(make.channel_id(5))
                notes = await work.notes.get("status")
            assert best is not None
            assert best.amount == 500
            assert notes == {"ledger": 5, "what": [1, None, 2.5, "ö"]}
            assert [len(entries), entries[-1].kind] == [15 + number, "later"]
            assert (await frontier(store)).root == by_pymerkle(entries)


async def test_a_store_of_format_2_that_was_tampered_with_is_given_none(tmp_path: Path) -> None:
    """Else the tree would say for ever that what is missing never was."""
    path = tmp_path / "w.db"
    shutil.copyfile(FORMAT_2, path)
    make.tamper(path, "DELETE FROM journal WHERE row = 15")
    with pytest.raises(StoreTamperedError, match="census of journal"):
        await make.reopen(path)


async def test_a_tree_that_does_not_fit_its_entries_is_found(store: Store) -> None:
    """Only who has the key can make one: a mistake of ours, then, and it is named."""
    await told(store, "one", "two")
    async with store.write() as work:
        await work._transaction.plant(Frontier().grown([leaf_hash(b"three")]))
    async with store.read() as work:
        with pytest.raises(StoreTamperedError, match="tree of journal"):
            await work.verify()


async def test_a_tree_knows_every_tree_that_it_was(store: Store) -> None:
    """And no other: neither one that went on otherwise, nor one that goes further."""
    past = [await frontier(store)]
    past += [await told(store, "line") for _ in range(20)]
    made_up = [leaf_hash(bytes([n])) for n in range(21)]
    async with store.read() as work:
        for then in past:
            assert await work.journal_tree.begins_with(then)
            if then.size:
                other = Frontier().grown(made_up[: then.size])
                assert not await work.journal_tree.begins_with(other)
                cut = Frontier(then.size, then.peaks[:-1])
                assert not await work.journal_tree.begins_with(cut)
        assert not await work.journal_tree.begins_with(past[-1].grown(made_up[:1]))


async def test_what_was_pruned_before_a_tree_is_not_read_to_compare_with_it(store: Store) -> None:
    """A head is compared every second: a long past must cost nothing. A broken stump shows it."""
    await told(store, *"abcdefg")
    async with store.write() as work:
        await work.pruning.prune([1, 3, 5])
    then = await told(store, "h")
    await told(store, "i", "j")
    make.tamper(store.path, "UPDATE stumps SET sealed = zeroblob(80)")
    async with store.read() as work:
        assert await work.journal_tree.begins_with(then)
        other = Frontier().grown([leaf_hash(bytes([n])) for n in range(then.size)])
        assert not await work.journal_tree.begins_with(other)


async def test_an_entry_is_proven_by_the_root(store: Store) -> None:
    """Each of them, to whoever has nothing but the entry, its path and the root."""
    await told(store, *"abcdefghijk")
    async with store.read() as work:
        root = (await work.journal_tree.frontier()).root
        for number in range(1, 12):
            proven = await work.journal_tree.prove(number)
            assert proven is not None
            entry = msgspec.msgpack.decode(proven.text, type=Entry)
            assert entry.kind == "abcdefghijk"[number - 1]
            size = proven.frontier.size
            leaf = leaf_hash(proven.text)
            assert root_of(leaf, index=proven.index, size=size, path=proven.path) == root
        assert await work.journal_tree.prove(12) is None
        assert await work.journal_tree.prove(0) is None


@pytest.mark.parametrize("gone", [[1], [11], [1, 2, 3, 4], [4, 5], [*range(1, 12)], [2, 9, 99]])
async def test_what_is_left_is_proven_as_before_when_entries_were_pruned(
    store: Store, gone: list[int]
) -> None:
    """The root stays, what is pruned is gone from the file, and numbers are not given again."""
    before = await told(store, *"abcdefghijk")
    async with store.write() as work:
        assert await work.pruning.prune(gone) == len({*gone} & {*range(1, 12)})
    async with store.write() as work:
        assert await work.pruning.prune(gone[:1]) == 0
    async with store.read() as work:
        await work.verify()
        assert await work.journal_tree.frontier() == before
        left = {each.number for each in await work.journal.tail(20)}
        assert left == {*range(1, 12)} - {*gone}
        for number in range(1, 12):
            proven = await work.journal_tree.prove(number)
            assert (proven is None) == (number in gone)
            if proven is not None:
                leaf = leaf_hash(proven.text)
                root = root_of(leaf, index=proven.index, size=11, path=proven.path)
                assert (root, proven.index) == (before.root, number - 1)
    async with store.write() as work:
        assert await work.journal.append("later") == 12
    async with store.read() as work:
        assert (await work.journal_tree.verify()).size == 12
        assert await work.journal_tree.begins_with(before)


async def test_a_tree_that_was_pruned_knows_what_it_was(store: Store) -> None:
    """As far as what was pruned lies on one side of the tree that is asked about."""
    old = await told(store, *"abcdef")
    await told(store, *"ghijkl")
    async with store.write() as work:
        await work.pruning.prune([1, 2, 9, 10])
    async with store.read() as work:
        assert await work.journal_tree.begins_with(old)
        assert not await work.journal_tree.begins_with(
            Frontier().grown(leaf_hash(bytes([n])) for n in range(6))
        )


async def test_a_stump_is_sealed_like_everything(store: Store) -> None:
    """Entries cannot be taken out by somebody who writes stumps in their places."""
    await told(store, *"abcd")
    async with store.write() as work:
        await work.pruning.prune([1, 2])
    await told(store, "e")
    for attack in ("DELETE FROM stumps", "UPDATE stumps SET sealed = zeroblob(92)"):
        copy = store.path.with_name("copy.db")
        copy.unlink(missing_ok=True)
        await store.copy_into(copy)
        make.tamper(copy, attack)
        async with await make.reopen(copy) as tampered, tampered.read() as work:
            with pytest.raises(StoreTamperedError, match="stumps"):
                await work.verify()


def test_the_journal_is_the_one_table_with_numbers() -> None:
    """Leaves are in the order of numbers."""
    assert str(JOURNAL.c.row.type) == "INTEGER"
