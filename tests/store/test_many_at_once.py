"""What is written together is what would have been written one by one, and verifies like it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.store import make
from watchtower.response.attempt import OutcomeKind
from watchtower.store.database import Store
from watchtower.units import ChannelId, LedgerIndex

MANY = 1_203
"""More than are looked for in one statement."""


async def contents(store: Store) -> list[object]:
    """All that a store holds, in an order of its own."""
    async with store.read() as work:
        await work.verify()
        return [
            sorted(await work.channels.load_open(), key=str),
            sorted(await work.channels.load_all(), key=str),
            sorted(await work.claims.load_all(), key=str),
            await work.attempts.load_all(),
            await work.notes.load_all(),
            [replace(e, identity="", written=0) for e in await work.journal.load_all()],
        ]


async def test_many_channels_move_between_the_open_and_the_closed_ones(tmp_path: Path) -> None:
    """Of one that is there twice, the later counts; all are in one transaction."""
    one_by_one, together = tmp_path / "a.db", tmp_path / "b.db"
    channels = [
        *(make.channel(number) for number in range(20)),
        *(make.channel(number, at=101, balance=5) for number in range(5)),
        *(make.channel(number, at=102, closed=True) for number in range(3, 25)),
        make.channel(24, at=103),
    ]
    async with await make.store(one_by_one) as store:
        for channel in channels:
            async with store.write() as work:
                await work.channels.put(channel)
        expected = await contents(store)
    async with await make.store(together) as store:
        for first in (0, 20, 25):
            async with store.write() as work:
                await work.channels.put_all(channels[first:])
        assert await contents(store) == expected


async def test_more_claims_than_one_statement_takes_are_all_kept(tmp_path: Path) -> None:
    """And raised, where they are higher; the count says how many were."""
    async with await make.store(tmp_path / "w.db") as store:
        async with store.write() as work:
            low = [make.claim(number, 100) for number in range(MANY)]
            assert await work.claims.raise_all(low) == MANY
        async with store.write() as work:
            mixed = [make.claim(number, 99 + number % 3) for number in range(MANY)]
            assert await work.claims.raise_all([*mixed, make.claim(0, 7)]) == MANY // 3
        async with store.read() as work:
            kept = {claim.channel: claim.amount for claim in await work.claims.load_all()}
            await work.verify()
    assert kept == {make.channel_id(n): 101 if n % 3 == 2 else 100 for n in range(MANY)}


async def test_attempts_are_settled_together_as_they_are_one_by_one(tmp_path: Path) -> None:
    """Unknown ones are replaced by proof, proven ones stay, and strangers change nothing."""
    attempts = [make.attempt(number, blob=f"12{number:02X}") for number in range(6)]
    first = [replace(a, outcome=make.outcome(OutcomeKind.UNKNOWN)) for a in attempts[:2]]
    then = [replace(a, outcome=make.outcome(OutcomeKind.PAID)) for a in attempts[1:4]]
    late = [replace(a, outcome=make.outcome(OutcomeKind.REFUSED)) for a in attempts[2:5]]
    stranger = [replace(make.attempt(9, blob="1299"), outcome=make.outcome(OutcomeKind.PAID))]
    async with await make.store(tmp_path / "a.db") as store:
        async with store.write() as work:
            assert [await work.attempts.put(attempt) for attempt in attempts] == [True] * 6
            assert not await work.attempts.put(attempts[0])
        for settled in (*first, *then, *late, *stranger):
            async with store.write() as work:
                assert settled.outcome is not None
                await work.attempts.settle(
                    settled.account, settled.seat, settled.transaction, settled.outcome
                )
        expected = await contents(store)
    async with await make.store(tmp_path / "b.db") as store:
        async with store.write() as work:
            assert await work.attempts.put_all([*attempts, attempts[0]]) == len(attempts)
        for batch, news in ((first, 2), (then, 3), (late, 1), (stranger, 0)):
            async with store.write() as work:
                assert await work.attempts.settle_all(batch) == news
        assert await contents(store) == expected


async def test_lines_of_the_journal_stay_in_order_and_without_gaps(tmp_path: Path) -> None:
    """The number that comes back is the last one's."""
    async with await make.store(tmp_path / "w.db") as store:
        async with store.write() as work:
            await work.journal.append("before")
            lines = [
                (f"kind {n}", make.channel_id(n % 2), LedgerIndex(n), {"n": n}) for n in range(9)
            ]
            assert await work.journal.append_all(lines) == 10
            assert await work.journal.append("after") == 11
        async with store.read() as work:
            told = await work.journal.tail(20)
            assert [each.number for each in told] == list(range(1, 12))
            assert [each.entry.facts.get("n") for each in told] == [None, *range(9), None]
            story = await work.journal.story(ChannelId(make.channel_id(1)))
            assert [each.entry.kind for each in story] == ["kind 1", "kind 3", "kind 5", "kind 7"]
            await work.verify()


async def test_nothing_of_many_is_there_if_the_transaction_fails(tmp_path: Path) -> None:
    """All or none, and the census with them."""
    async with await make.store(tmp_path / "w.db") as store:
        before = await contents(store)

        async def fail() -> None:
            async with store.write() as work:
                await work.channels.put_all(make.channel(number) for number in range(5))
                await work.notes.put_all({"a": 1, "b": 2})
                make.interrupt()

        with pytest.raises(make.Interruption):
            await fail()
        assert await contents(store) == before
