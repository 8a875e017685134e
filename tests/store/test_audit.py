"""Who looks through the whole store finds and names all that is wrong, and rebuilds what it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store import make
from watchtower.errors import StoreTamperedError
from watchtower.store.audit import Audit, Problem
from watchtower.store.database import Store
from watchtower.store.sealed import Record, SealedTable
from watchtower.store.tables import CLAIMS, JOURNAL
from watchtower.store.tree import Frontier, leaf_hash
from watchtower.units import LedgerIndex

ONE, TWO = make.channel_id(1), make.channel_id(2)


async def filled(path: Path) -> None:
    """A store of three channels, with claims, attempts and lines."""
    async with await make.store(path) as store:
        await store.pin_network(21337)
        async with store.write() as work:
            await work.journal.append("pruned")
        for number in (1, 2, 3):
            async with store.write() as work:
                await work.channels.put(make.channel(number, closed=number == 3))
                await work.claims.raise_best(make.claim(number, 100 * number))
                await work.attempts.put(make.attempt(number, blob=f"12{number:02}"))
                facts = {"amount": 100 * number, "rescued": False}
                await work.journal.append(
                    "claim_kept", channel=make.channel_id(number), facts=facts
                )
                await work.cursor.move(LedgerIndex(100 + number))
        async with store.write() as work:
            await work.pruning.prune([1])


async def audited(path: Path) -> Audit:
    """Look through a store."""
    async with await make.reopen(path) as store, store.read() as work:
        return await work.auditor().look()


async def test_a_whole_store_has_no_problem(tmp_path: Path) -> None:
    """And it is told what is in it: records, the tree, and attempts without an outcome."""
    await filled(tmp_path / "w.db")
    audit = await audited(tmp_path / "w.db")

    assert audit.problems == []
    assert audit.records["claims"] == 3
    assert audit.frontier.size == 4
    assert {attempt.channel for attempt in audit.open_attempts} == {ONE, TWO, make.channel_id(3)}


SWAP = """
    UPDATE claims SET sealed = (
        SELECT other.sealed FROM claims AS other WHERE other.row != claims.row
        ORDER BY other.row LIMIT 1)"""

ATTACKS: dict[str, tuple[str, str, str]] = {
    "two claims swapped": (SWAP, "claims", "that of channel C5A1D0000000000"),
    "a table emptied": ("DELETE FROM claims", "claims", "3 are missing"),
    "a channel deleted": (
        "DELETE FROM open_channels WHERE row = (SELECT min(row) FROM open_channels)",
        "open_channels",
        "1 are missing",
    ),
    "the journal cut short": ("DELETE FROM journal WHERE row = 3", "journal", "1 are missing"),
    "a line changed": (
        "UPDATE journal SET sealed = zeroblob(92) WHERE row = 3",
        "journal",
        "line 3 fails its seal",
    ),
    "a line told twice": (
        "INSERT INTO journal SELECT 9, topic, version, sealed FROM journal WHERE row = 2",
        "journal",
        "line 9 fails its seal",
    ),
    "a key of another type": (
        "INSERT INTO notes VALUES (x'00', x'', 1, 'text')",
        "notes",
        "fails its seal",
    ),
    "a stump changed": ("UPDATE stumps SET sealed = zeroblob(92)", "stumps", "fails its seal"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_is_wrong_is_named(tmp_path: Path, attack: str) -> None:
    """By its table, and by its channel or line where that can be known."""
    statement, table, what = ATTACKS[attack]
    await filled(tmp_path / "w.db")
    make.tamper(tmp_path / "w.db", statement)
    found = [each for each in (await audited(tmp_path / "w.db")).problems if each.table == table]

    assert any(what in each.what for each in found), found


async def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    """Who reads stops at the first; who looks through it does not."""
    path = tmp_path / "w.db"
    await filled(path)
    make.tamper(
        path, "DELETE FROM keys", SWAP, "DELETE FROM journal WHERE row = 2", "DELETE FROM stumps"
    )
    tables = {each.table for each in (await audited(path)).problems}

    assert tables == {"claims", "journal", "stumps"}


async def test_an_older_record_put_back_is_named(tmp_path: Path) -> None:
    """Its seal holds at its place; the count of shares does not."""
    path = tmp_path / "w.db"
    await filled(path)
    make.tamper(path, "CREATE TABLE kept AS SELECT * FROM claims")
    async with await make.reopen(path) as store, store.write() as work:
        await work.claims.raise_best(make.claim(1, 500))
        await work.journal.append("claim_kept", channel=ONE, facts={"amount": 500})
    make.tamper(path, "DELETE FROM claims", "INSERT INTO claims SELECT * FROM kept")
    found = (await audited(path)).problems

    assert (
        Problem(
            table="claims", what="a record is an older one than was written last", is_rebuilt=False
        )
        in found
    )
    assert any(f"of channel {ONE} is of 100 drops" in each.what for each in found)


async def test_a_claim_below_what_the_journal_has_kept_is_found(tmp_path: Path) -> None:
    """Every seal and count holds: a mistake of ours, then, and money that was lost by it."""
    path = tmp_path / "w.db"
    await filled(path)
    async with await make.reopen(path) as store, store.write() as work:
        lower = SealedTable(work._transaction, CLAIMS, type(make.claim()))
        await lower.put(TWO, make.claim(2, 150))
    (problem,) = (await audited(path)).problems

    assert problem.what == (
        f"the best claim of channel {TWO} is of 150 drops, and by the journal 200 were kept"
    )


async def test_a_line_about_something_else_than_it_is_found_by_is_named(tmp_path: Path) -> None:
    """Else a channel's story would lack it."""
    path = tmp_path / "w.db"
    await filled(path)
    async with await make.reopen(path) as store, store.write() as work:
        (entry,) = [each.entry for each in await work.journal.story(ONE)]
        lines = SealedTable(work._transaction, JOURNAL, type(entry))
        await lines.append_all([Record(entry, TWO)])
    found = (await audited(path)).problems

    assert "line 5 is not found by what it is about" in {each.what for each in found}


async def test_a_tree_that_is_not_that_of_its_lines_is_named(tmp_path: Path) -> None:
    """Every line holds: the tree alone says that another was there."""
    path = tmp_path / "w.db"
    await filled(path)
    async with await make.reopen(path) as store, store.write() as work:
        await work._transaction.plant(Frontier().grown([leaf_hash(b"another")] * 4))
    (problem,) = (await audited(path)).problems

    assert (problem.table, problem.what) == ("journal", "its tree is not that of its lines")


async def rebuilt(path: Path) -> dict[str, int]:
    """Rebuild what can be."""
    async with await make.reopen(path) as store:
        return await _rebuilt(store)


async def _rebuilt(store: Store) -> dict[str, int]:
    async with store.write() as work:
        auditor = work.auditor()
        await auditor.look()
        return await auditor.rebuild()


LOST = {
    "a record that fails": "UPDATE open_channels SET sealed = zeroblob(92)",
    "a record that is gone": "DELETE FROM open_channels",
    "closed channels": "UPDATE closed_channels SET topic = x'01'",
    "one of many": "DELETE FROM open_channels WHERE row = (SELECT max(row) FROM open_channels)",
}


@pytest.mark.parametrize("attack", LOST)
async def test_what_the_ledger_knows_is_let_go_and_counted_anew(
    tmp_path: Path, attack: str
) -> None:
    """Nothing else is touched: every claim and line is as it was."""
    path = tmp_path / "w.db"
    await filled(path)
    make.tamper(path, LOST[attack])
    found = (await audited(path)).problems
    assert found
    assert all(each.is_rebuilt for each in found)
    assert sum((await rebuilt(path)).values()) > 0
    assert (await audited(path)).problems == []
    async with await make.reopen(path) as store, store.read() as work:
        await work.verify()
        assert len(await work.claims.load_all()) == 3


async def test_an_index_that_hides_records_is_found_and_made_anew(tmp_path: Path) -> None:
    """SQLite's quick look at the start does not compare indexes with their tables."""
    path = tmp_path / "w.db"
    await filled(path)
    replaced = "UPDATE sqlite_master SET sql = replace(sql, {}) WHERE name = 'journal_by_topic'"
    away, back = (
        replaced.format("'(topic)', '(version)'"),
        replaced.format("'(version)', '(topic)'"),
    )
    make.tamper(path, "PRAGMA writable_schema = ON", away)
    make.tamper(path, "REINDEX journal_by_topic")
    make.tamper(path, "PRAGMA writable_schema = ON", back)
    async with await make.reopen(path) as store, store.read() as work:
        assert await work.journal.story(ONE) == []
    found = (await audited(path)).problems
    assert {each.table for each in found} == {"sqlite"}
    assert all(each.is_rebuilt for each in found)
    assert await rebuilt(path) == {}
    assert (await audited(path)).problems == []
    async with await make.reopen(path) as store, store.read() as work:
        assert len(await work.journal.story(ONE)) == 1


async def test_a_store_that_is_whole_is_left_as_it_is(tmp_path: Path) -> None:
    """There is nothing to let go of."""
    path = tmp_path / "w.db"
    await filled(path)
    assert await rebuilt(path) == {}
    assert (await audited(path)).problems == []


async def test_a_broken_census_is_told_before_anything_else(tmp_path: Path) -> None:
    """Opening a store looks at it; nothing of such a store is used."""
    path = tmp_path / "w.db"
    await filled(path)
    make.tamper(path, "UPDATE census SET sealed = zeroblob(92)")
    with pytest.raises(StoreTamperedError, match="census"):
        await audited(path)
