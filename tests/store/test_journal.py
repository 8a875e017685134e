"""The journal tells in order, and forgets nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.store import make
from watchtower.errors import StoreTamperedError
from watchtower.store.database import Store
from watchtower.store.journal import Line
from watchtower.store.statements import Statement, statements_of
from watchtower.store.tables import JOURNAL
from watchtower.units import LedgerIndex


async def test_a_story_is_told_in_order_and_of_one_channel(store: Store) -> None:
    """Entries of others, and of no channel, stand between."""
    one, two = make.channel_id(1), make.channel_id(2)
    async with store.write() as work:
        await work.journal.append("close_requested", channel=one, ledger_index=LedgerIndex(7))
        await work.journal.append("claim_kept", channel=two, facts={"amount": 12})
        await work.journal.append("started")
        await work.journal.append("redeem_planned", channel=one, facts={"fee": 10, "why": None})
    async with store.read() as work:
        story = await work.journal.story(one)
        assert [told.entry.kind for told in story] == ["close_requested", "redeem_planned"]
        assert story[0].entry.ledger_index == LedgerIndex(7)
        assert story[1].entry.facts == {"fee": 10, "why": None}
        assert await work.journal.story(make.channel_id(3)) == []
        tail = await work.journal.tail(3)
    assert [told.entry.kind for told in tail] == ["claim_kept", "started", "redeem_planned"]


async def test_a_story_is_told_in_pages_from_its_end(store: Store) -> None:
    """Newest first; other channels' entries, and numbers that nobody has, take no room."""
    one, two = make.channel_id(1), make.channel_id(2)
    lines: list[Line] = [
        ("claim_kept", one if number % 3 else two, None, {"amount": number})
        for number in range(1, 301)
    ]
    async with store.write() as work:
        await work.journal.append_all(lines)
    pages, below = [], None
    async with store.read() as work:
        story = await work.journal.story(one)
        while page := await work.journal.story_below(one, below, 70):
            pages.append(page)
            below = page[-1].number
        assert await work.journal.story_below(one, 2**80, 3) == story[:-4:-1]
        assert await work.journal.story_below(make.channel_id(3), None, 3) == []
    assert [len(page) for page in pages] == [70, 70, 60]
    assert [each for page in pages for each in page] == story[::-1]


async def test_numbers_ascend_also_across_restarts_and_failures(tmp_path: Path) -> None:
    """A number belongs to one entry; a transaction that failed gave none away."""
    path = tmp_path / "watchtower.db"
    numbers = []
    async with await make.store(path) as store:
        for is_kept in (True, False, True):
            with suppress(make.Interruption):
                async with store.write() as work:
                    number = await work.journal.append("tick")
                    make.interrupt(really=not is_kept)
                numbers.append(number)
    async with await make.reopen(path) as store, store.write() as work:
        numbers.append(await work.journal.append("tick"))
        assert [told.number for told in await work.journal.tail(9)] == numbers == [1, 2, 3]


async def test_what_came_after_a_number_is_told(store: Store) -> None:
    """So a daemon takes up what the command line wrote, and no more."""
    async with store.write() as work:
        numbers = [await work.journal.append(kind) for kind in ("one", "two", "three")]
        later = await work.journal.since(numbers[0], 100)
        assert [(told.number, told.entry.kind) for told in later] == [(2, "two"), (3, "three")]
        assert await work.journal.since(numbers[-1], 100) == []
        assert await work.journal.since(numbers[0], 1) == later[:1]


async def test_every_entry_has_an_identity_of_its_own(store: Store) -> None:
    """Two equal things that happened are two things."""
    async with store.write() as work:
        await work.journal.append("tick")
        await work.journal.append("tick")
        first, second = await work.journal.load_all()
    assert first.identity != second.identity


async def test_an_entry_tells_when_it_was_written(tmp_path: Path) -> None:
    """By the host's clock, for people."""
    path = tmp_path / "watchtower.db"
    opened = await Store.create(
        path, make.PASSPHRASE, cost=make.CHEAP, clock=lambda: 1_767_225_600.25
    )
    async with opened as store, store.write() as work:
        await work.journal.append("tick")
        (entry,) = await work.journal.load_all()
    assert entry.written == 1_767_225_600_250


async def test_entry_that_somebody_else_put_there_stops_nobody_from_writing(
    store: Store,
) -> None:
    """The whole is called tampered with when it is read; what presses is redeemed meanwhile."""
    async with store.write() as work:
        await work.journal.append("one")
        forged = "INSERT INTO journal SELECT row + 1, topic, version, sealed FROM journal"
        work._transaction.write([Statement(forged)])
    async with store.write() as work:
        assert await work.journal.append("two") == 3
    async with store.read() as work:
        with pytest.raises(StoreTamperedError):
            await work.journal.load_all()


async def test_a_page_of_a_story_reads_no_more_of_the_file_than_the_page(tmp_path: Path) -> None:
    """SQLite goes through the index by topic from its end, and sorts nothing."""
    path = tmp_path / "w.db"
    async with await make.store(path):
        pass
    question = statements_of(JOURNAL.name).about_below(b"topic", 9, 3)
    with closing(sqlite3.connect(path)) as file:
        plan = file.execute(f"EXPLAIN QUERY PLAN {question.sql}", question.parameters).fetchall()
    assert [detail for *_, detail in plan] == [
        "SEARCH journal USING INDEX journal_by_topic (topic=? AND rowid<?)"
    ]
