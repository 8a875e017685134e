"""What is collected is seen, what fails is forgotten, and others are believed by their commits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store import make
from watchtower.errors import StoreBusyError, StoreFullError, StoreTamperedError
from watchtower.store.database import Store
from watchtower.store.driver import Driven, connect
from watchtower.store.sealed import Record, SealedTable
from watchtower.store.statements import Statement
from watchtower.store.tables import OPEN_ATTEMPTS
from watchtower.store.work import Work
from watchtower.units import LedgerIndex

LATER = LedgerIndex(101)
ATTEMPT = make.attempt(1)


async def _settled(work: Work) -> None:
    await work.attempts.put(ATTEMPT)
    await work.attempts.settle(ATTEMPT.account, ATTEMPT.seat, ATTEMPT.transaction, make.outcome())


async def _numbers(work: Work) -> list[int]:
    return [entry.number for entry in await work.journal.tail(9)]


async def _kinds_of_attempts(work: Work) -> list[bool]:
    return [attempt.outcome is not None for attempt in await work.attempts.load_all()]


async def _raised(work: Work) -> None:
    await work.claims.raise_all([make.claim(1, 5), make.claim(2, 6)])
    await work.claims.raise_best(make.claim(1, 7))


async def _amounts(work: Work) -> list[int]:
    return sorted(claim.amount for claim in await work.claims.load_all())


async def _moved(work: Work) -> None:
    await work.channels.put(make.channel(1))
    await work.channels.put(make.channel(1, at=101, closed=True))


async def _open_and_all(work: Work) -> tuple[int, int]:
    return len(await work.channels.load_open()), len(await work.channels.load_all())


async def _dropped(work: Work) -> None:
    await work.claims.put_all_pending([make.claim(1, 5), make.claim(2, 5)])
    await work.claims.drop_all_pending([make.claim(1, 5)])


async def _noted(work: Work) -> None:
    await work.notes.put_all({"a": 1, "b": 2, "c": 3})
    await work.notes.put("a", 4)
    await work.notes.drop("b")


async def _told(work: Work) -> None:
    await work.journal.append("one", channel=make.channel_id(1))
    await work.journal.append_all([("two", None, None, {}), ("three", None, None, {})])


SEEN: dict[str, tuple[Callable[[Work], Awaitable[Any]], Callable[[Work], Awaitable[Any]], Any]] = {
    "a claim by its channel": (
        _raised,
        lambda work: work.claims.best(make.channel_id(1)),
        make.claim(1, 7),
    ),
    "all claims": (_raised, _amounts, [6, 7]),
    "a channel by its name": (
        _moved,
        lambda work: work.channels.get(make.channel_id(1)),
        make.channel(1, at=101, closed=True),
    ),
    "channels that moved": (_moved, _open_and_all, (0, 1)),
    "pending claims": (_dropped, lambda work: work.claims.load_pending(), [make.claim(2, 5)]),
    "an attempt by its transaction": (
        _settled,
        lambda work: work.attempts.known([(ATTEMPT.account, ATTEMPT.seat, ATTEMPT.transaction)]),
        {ATTEMPT.transaction},
    ),
    "attempts that were settled": (_settled, _kinds_of_attempts, [True]),
    "attempts for a channel": (
        _settled,
        lambda work: work.attempts.unsettled(),
        [],
    ),
    "the journal's numbers": (_told, _numbers, [1, 2, 3]),
    "a channel's story": (
        _told,
        lambda work: _length(work.journal.story(make.channel_id(1))),
        1,
    ),
    "what came since": (_told, lambda work: _length(work.journal.since(1, 9)), 2),
    "notes": (_noted, lambda work: work.notes.load_all(), {"a": 4, "c": 3}),
    "a note that is gone": (_noted, lambda work: work.notes.get("b"), None),
    "the cursor": (
        lambda work: work.cursor.move(LATER),
        lambda work: work.cursor.get(),
        LATER,
    ),
    "the network": (lambda work: work.network.pin(7), lambda work: work.network.get(), 7),
    "keys": (
        lambda work: work.secrets.put(make.key()),
        lambda work: work.secrets.load_all(),
        [make.key()],
    ),
}


async def _length(found: Awaitable[list[Any]]) -> int:
    return len(await found)


@pytest.mark.parametrize("what", SEEN)
async def test_what_is_written_is_seen_in_the_same_transaction_and_after_it(
    store: Store, what: str
) -> None:
    """Whether it is answered from what is collected or by the file, and again by the next one."""
    write, read, expected = SEEN[what]
    async with store.write() as work:
        await write(work)
        assert await read(work) == expected
        assert await read(work) == expected
    async with store.read() as work:
        assert await read(work) == expected
        await work.verify()


async def test_all_that_is_collected_verifies_before_it_is_committed(store: Store) -> None:
    """Records and census go together, also where both are only on their way."""
    async with store.write() as work:
        for write, _, _ in SEEN.values():
            await write(work)
        counted = await work.verify()
    async with store.read() as work:
        assert await work.verify() == counted


NAMES = st.sampled_from("abcd")
TOPICS = st.sampled_from(["", "x", "y"])
DEEDS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.dictionaries(NAMES, st.tuples(st.integers(0, 9), TOPICS), max_size=4),
        ),
        st.tuples(st.just("remove"), st.sets(NAMES, max_size=3)),
        st.tuples(st.just("find"), st.sets(NAMES, max_size=3)),
        st.tuples(st.just("about"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("all"), st.none()),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a store that stays as it is, with the loop that it lives in."""
    path = tmp_path_factory.mktemp("transaction") / "w.db"
    with asyncio.Runner() as runner:
        store = runner.run(make.store(path))
        yield runner, store
        runner.run(store.close())


@settings(max_examples=60, deadline=None)
@given(deeds=DEEDS)
def test_a_transaction_is_a_dictionary_to_who_is_in_it(
    standing: tuple[asyncio.Runner, Store], deeds: list[tuple[str, Any]]
) -> None:
    """Whatever is written and asked, in whatever order; and nothing of it is there if it fails."""
    runner, store = standing

    async def play() -> None:
        with suppress(make.Interruption):
            async with store.write() as work:
                await _do(SealedTable(work._transaction, OPEN_ATTEMPTS, int), deeds)
                make.interrupt()
        async with store.read() as work:
            assert set((await work.verify()).values()) == {0}

    runner.run(play())


async def _do(table: SealedTable[int], deeds: list[tuple[str, Any]]) -> None:
    """Do things to a table and to a dictionary, and compare whatever is asked."""
    model: dict[str, tuple[int, str]] = {}
    for deed, what in deeds:
        match deed:
            case "put":
                await table.put_all({name: Record(*both) for name, both in what.items()})
                model |= what
            case "remove":
                assert await table.remove_all(what) == len(model.keys() & what)
                model = {name: both for name, both in model.items() if name not in what}
            case "find":
                found = {name: model[name][0] for name in what if name in model}
                assert await table.find(what) == found
            case "about":
                about = sorted(value for value, topic in model.values() if topic == what)
                assert sorted(value for _, value in await table.about(what)) == about
            case _:
                assert sorted(await table.all()) == sorted(value for value, _ in model.values())


async def test_many_do_their_part_of_one_transaction_at_once(store: Store) -> None:
    """Nobody's share of the census is lost, and no number is given twice."""
    async with store.write() as work:
        await asyncio.gather(
            *(work.notes.put(f"note {number}", number) for number in range(5)),
            *(work.journal.append("told") for _ in range(5)),
            *(work.claims.raise_best(make.claim(number)) for number in range(5)),
        )
    async with store.read() as work:
        counted = await work.verify()
        assert (counted["notes"], counted["journal"], counted["claims"]) == (5, 5, 5)


async def test_a_disk_that_was_full_leaves_no_number_and_no_census_behind(store: Store) -> None:
    """What could not be committed was never counted, and its numbers are given again."""
    async with store.write() as work:
        assert await work.journal.append("before") == 1
    await make.limit(store)
    for _ in range(3):
        with pytest.raises(StoreFullError):
            await _tell_much(store)
    await make.limit(store, pages=1_000_000)
    async with store.write() as work:
        assert await work.journal.append("after") == 2
    async with store.read() as work:
        await work.verify()
        assert [entry.kind for entry in await work.journal.load_all()] == ["before", "after"]


async def _tell_much(store: Store) -> None:
    async with store.write() as work:
        for _ in range(40):
            await work.journal.append("lost", facts={"text": "x" * 9_000})


async def test_who_catches_the_error_of_a_full_disk_still_commits_nothing(store: Store) -> None:
    """Half of a transaction is none, also where somebody goes on as if nothing had been."""
    await make.limit(store)
    with pytest.raises(StoreFullError):
        await _go_on_regardless(store)
    await make.limit(store, pages=1_000_000)
    async with store.read() as work:
        assert set((await work.verify()).values()) == {0}


async def _go_on_regardless(store: Store) -> None:
    async with store.write() as work:
        await work.claims.raise_best(make.claim(1))
        with suppress(sqlite3.Error):
            for number in range(40):
                await work.notes.put(f"{number}", "x" * 9_000)
            await work.notes.load_all()
        await work.journal.append("as if nothing had been")


async def test_a_failed_block_is_not_remembered(store: Store) -> None:
    """It had asked for the census and the last number, and raised both."""
    await _append(store)
    for _ in range(2):
        with suppress(make.Interruption):
            async with store.write() as work:
                await work.journal.append("lost")
                await work.claims.raise_best(make.claim(1))
                assert await work.claims.load_all() != []  # sent, and not only collected
                make.interrupt()
    async with store.write() as work:
        assert await work.journal.append("kept") == 2
    async with store.read() as work:
        assert (await work.verify())["journal"] == 2


async def test_two_that_write_in_turn_see_each_other(store: Store) -> None:
    """Numbers go on where the other stopped, and the census counts what both have written."""
    async with await make.reopen(store.path) as other:
        for number in range(1, 9):
            turn = (store, other, other, store)[number % 4]
            async with turn.write() as work:
                assert await work.journal.append("told") == number
                await work.claims.raise_best(make.claim(number % 3, number))
                await work.notes.put("last", number)
        for each in (store, other):
            async with each.read() as work:
                assert (await work.verify())["journal"] == 8
                assert await work.notes.get("last") == 8


async def test_a_census_exchanged_while_the_store_is_open_is_found(store: Store) -> None:
    """An older one of ours is not believed because we knew it once, nor a record hidden by it."""
    async with store.write() as work:
        await work.journal.append("one")
    with closing(sqlite3.connect(store.path)) as file:
        older = file.execute("SELECT version, sealed FROM census").fetchone()
        async with store.write() as work:
            await work.journal.append("two")
        file.execute("UPDATE census SET version = ?, sealed = ?", older)
        file.commit()
    async with store.read() as work:
        with pytest.raises(StoreTamperedError, match="census of journal"):
            await work.journal.load_all()


async def test_what_is_written_without_a_question_is_written_too(store: Store) -> None:
    """Nothing of ours does that; nothing that does is to be left out in silence."""
    async with store.write() as work:
        work._transaction.write([Statement("PRAGMA user_version = 7")])
    with closing(sqlite3.connect(store.path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (7,)


async def test_a_broken_census_stops_who_would_change_it(store: Store) -> None:
    """It is unsealed again when it is another one than we sealed."""
    async with store.write() as work:
        await work.journal.append("one")
    with closing(sqlite3.connect(store.path)) as file:
        file.execute("UPDATE census SET sealed = zeroblob(300)")
        file.commit()
    for _ in range(2):
        with pytest.raises(StoreTamperedError, match="census"):
            await _append(store)


async def _append(store: Store) -> None:
    async with store.write() as work:
        await work.journal.append("two")


class Counted:
    """A driver that notes what its connections are asked, trip by trip."""

    def __init__(self) -> None:
        """Note nothing yet."""
        self.trips: list[list[str]] = []

    async def open(self, *args: Any, **options: Any) -> Driven:
        """Open a connection."""
        connection = await connect(*args, **options)
        trip = connection.trip

        def noted(statements: Any) -> Awaitable[list[list[Any]]]:
            self.trips.append([statement.sql.split()[0] for statement in statements])
            return trip(statements)

        connection.trip = noted  # type: ignore[method-assign]  # from outside
        return connection


async def test_a_claim_is_two_trips_and_a_response_too(tmp_path: Path) -> None:
    """What there is to ask goes out with BEGIN, and what there is to write with COMMIT."""
    await (await make.store(tmp_path / "w.db")).close()
    driver = Counted()
    opening = Store.open(tmp_path / "w.db", make.PASSPHRASE, driver=driver.open)
    async with await opening as store:
        await _append(store)
        driver.trips.clear()
        async with store.write() as work:
            assert await work.claims.find([make.channel_id(n) for n in range(400)]) == {}
            await work.claims.raise_all(make.claim(number) for number in range(400))
            await work.journal.append_all([("claim_kept", None, None, {})] * 400)
        asking, writing = driver.trips
        assert asking == ["BEGIN", "PRAGMA", "SELECT", "SELECT", "SELECT"]
        assert writing[-2:] == ["INSERT", "COMMIT"]
        driver.trips.clear()
        async with store.write() as work:
            await work.attempts.put_all([ATTEMPT, make.attempt(2, blob="12AA")])
            await work.journal.append("attempt_made")
        assert len(driver.trips) == 2


async def test_who_asks_nothing_keeps_nobody_out(store: Store) -> None:
    """A transaction begins with its first question, and not with its block."""
    async with await make.reopen(store.path) as other, store.write():
        await _append(other)
    async with store.read() as work:
        assert (await work.verify())["journal"] == 1


async def test_behind_a_trip_that_failed_nothing_is_done_any_more(tmp_path: Path) -> None:
    """Whoever catches the failure would work outside of any transaction, and write at once."""
    async with (
        await Store.create(tmp_path / "w.db", "secret", cost=make.CHEAP, patience=0.0) as store,
        await Store.open(store.path, "secret") as other,
    ):
        with pytest.raises(StoreBusyError):
            await _go_on_behind_a_failure(store, other)
        async with store.read() as work:
            assert await work.notes.get("a") is None
            await work.verify()


async def test_a_writer_that_was_opened_anew_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite counts others' commits for each connection: two that begin at two are not the same."""
    async with await Store.create(tmp_path / "w.db", "secret", cost=make.CHEAP) as store:
        before = await store.data_version()

        async def fail(_self: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr("watchtower.store.driver.Driven.rollback", fail)
            with pytest.raises(LookupError):
                await _break_off(store)
        async with await Store.open(store.path, "secret") as other, other.write() as work:
            await work.notes.put("a", 1)
        assert await store.data_version() != before


async def _go_on_behind_a_failure(store: Store, other: Store) -> None:
    async with store.write() as work:
        async with other.write() as theirs:
            await theirs.cursor.get()  # which takes the lock
            with suppress(StoreBusyError, sqlite3.OperationalError):
                await work.notes.get("a")
        await work.notes.put("a", 1)
        await work.notes.get("b")


async def _break_off(store: Store) -> None:
    async with store.write() as work:
        await work.cursor.get()
        raise LookupError
