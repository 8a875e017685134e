"""The journal's retention: what goes is what nobody needs, and what is left is proven as before."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec import structs

from tests.store import make
from watchtower.errors import StoreTamperedError
from watchtower.ledger.events import Position
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.store.retention import PRUNED, Keeping, prune_page, spoken_for
from watchtower.store.tree import Frontier
from watchtower.store.work import Work
from watchtower.units import LedgerIndex

DAY = 86_400
NOW = 1_800_000_000.0
KEEPING = Keeping(days=30, now=NOW)
LONG_AGO = NOW - 31 * DAY
CLOSED = 100
"""The ledger in which the channels of these tests closed."""

CURSOR = CLOSED + 30 * DAY // 4 + 1
"""The first ledger behind which thirty days of ledgers have closed since."""


class Aged:
    """A store whose clock is set."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = LONG_AGO
        store._clock = lambda: self.now

    async def tell(self, *channels: int | None) -> None:
        """Write an entry about each channel."""
        async with self.store.write() as work:
            for number in channels:
                about = None if number is None else make.channel_id(number)
                await work.journal.append("told", channel=about)

    async def close(self, *channels: int, at: int = CLOSED, cursor: int = CURSOR) -> None:
        """Have channels closed, and the cursor long behind it."""
        async with self.store.write() as work:
            await work.channels.put_all([make.channel(n, at=at, closed=True) for n in channels])
            await work.cursor.move(LedgerIndex(cursor))

    async def prune(self, keeping: Keeping = KEEPING) -> int:
        """Prune the whole journal; return how many entries went."""
        pruned, behind = 0, 0
        spoken = await spoken_for(self.store)
        while True:
            page = await prune_page(self.store, keeping, behind=behind, spoken=spoken)
            pruned += page.entries
            if page.behind is None:
                return pruned
            behind = page.behind

    async def numbers(self) -> list[int]:
        """The numbers of the entries that are left, but for what tells of the pruning."""
        async with self.store.read() as work:
            tail = await work.journal.tail(100_000)
        return [each.number for each in tail if each.entry.kind != PRUNED]


@pytest.fixture
async def aged(store: Store) -> Aged:
    """A store in which every entry is old."""
    return Aged(store)


async def test_entries_of_a_channel_that_is_long_gone_are_pruned(aged: Aged) -> None:
    """And no others: those of open channels, of none, and of channels that nobody knows stay."""
    await aged.tell(1, 2, None, 1, 3, 1)
    async with aged.store.write() as work:
        await work.channels.put(make.channel(2))
    await aged.close(1)

    assert await aged.prune() == 3
    assert await aged.numbers() == [2, 3, 5]
    async with aged.store.read() as work:
        assert await work.journal.story(make.channel_id(1)) == []
        (line,) = await work.journal.tail(1)
        assert (line.entry.kind, line.entry.facts["entries"]) == (PRUNED, 3)
        # What is merged, and told from what is foreign, by stays.
        assert await work.channels.get(make.channel_id(1)) is not None
    assert await aged.prune() == 0


async def test_old_entries_behind_young_ones_are_pruned_too(aged: Aged) -> None:
    """A merge of a backup brings lines back behind all that was written since."""
    aged.now = NOW
    await aged.tell(*[1] * 250)
    aged.now = LONG_AGO
    await aged.tell(1, 2, 1)
    aged.now = NOW
    await aged.tell(1)
    await aged.close(1)
    assert await aged.prune() == 2
    assert await aged.numbers() == [*range(1, 251), 252, 254]
    assert await aged.prune() == 0


async def _open_attempt(work: Work) -> None:
    await work.attempts.put(make.attempt(1))


async def _presigned(work: Work) -> None:
    await work.bundles.raise_all([make.presigned(1)])


async def _pending(work: Work) -> None:
    await work.claims.put_pending(make.claim(1))


async def _waits_for_a_person(work: Work) -> None:
    request = {"request": {"transaction": {"Channel": make.channel_id(1)}}}
    await work.cosignatures.put_waiting({"one": request})


async def _restored(work: Work) -> None:
    await work.notes.put(RECOVERY, {"backup": "b.db"})


async def _reopened(work: Work) -> None:
    await work.channels.put(make.channel(1, at=CURSOR))


async def _closed_lately(work: Work) -> None:
    await work.channels.put(make.channel(1, at=CLOSED + 1, closed=True))


async def _gone_unseen(work: Work) -> None:
    seen = make.channel(1, at=CLOSED - 5)
    gone = Position(LedgerIndex(CLOSED), 0)
    await work.channels.put(structs.replace(seen, closed_at=gone))


@pytest.mark.parametrize(
    "reason",
    [
        _open_attempt,
        _presigned,
        _pending,
        _waits_for_a_person,
        _restored,
        _reopened,
        _closed_lately,
        _gone_unseen,
    ],
)
async def test_nothing_goes_that_something_is_under_way_for(
    aged: Aged, reason: Callable[[Work], Awaitable[None]]
) -> None:
    """Whatever it is: what cannot be proven unneeded stays."""
    await aged.tell(1, 1)
    await aged.close(1)
    async with aged.store.write() as work:
        await reason(work)
    assert await aged.prune() == 0
    assert await aged.numbers() == [1, 2]


async def test_clock_that_jumps_ahead_makes_nothing_old(aged: Aged) -> None:
    """Ledgers count too; and so does the clock, where ledgers come faster than they should."""
    aged.now = NOW
    await aged.tell(1)
    await aged.close(1)
    assert await aged.prune() == 0  # thirty days of ledgers, and none by the clock

    aged.now = LONG_AGO
    await aged.tell(2)
    await aged.close(2, at=CURSOR - 10)
    years_ahead = Keeping(days=30, now=NOW + 10_000 * DAY)
    assert await aged.prune(years_ahead) == 1  # that of channel 1 alone, which closed long ago
    assert await aged.numbers() == [2]


async def test_young_entry_stays_between_old_ones(aged: Aged) -> None:
    """Something was told of the channel lately: a claim that somebody presented, say."""
    await aged.tell(1)
    aged.now = NOW - 29 * DAY
    await aged.tell(1)
    aged.now = LONG_AGO
    await aged.tell(1)
    await aged.close(1)
    assert await aged.prune() == 2
    assert await aged.numbers() == [2]


async def test_what_the_oldest_head_does_not_cover_stays(aged: Aged) -> None:
    """Or a head that somebody keeps could not be compared any more."""
    await aged.tell(1, 1, 1, 1)
    await aged.close(1)
    assert await aged.prune(Keeping(days=30, now=NOW, up_to=3)) == 3
    assert await aged.numbers() == [4]


async def _frontier(aged: Aged) -> Frontier:
    async with aged.store.read() as work:
        return await work.journal_tree.frontier()


async def test_what_is_left_is_proven_as_before(aged: Aged) -> None:
    """The root stays, every entry that is left has its proof, and older heads are its beginning."""
    await aged.tell(*[1 + number % 3 for number in range(60)])
    old = await _frontier(aged)
    await aged.tell(*[1] * 40)
    before = await _frontier(aged)
    await aged.close(1, 2)
    await aged.prune(Keeping(days=30, now=NOW, up_to=old.size))

    async with aged.store.read() as work:
        after = await work.journal_tree.verify()
        assert await work.journal_tree.begins_with(old)
        assert await work.journal_tree.begins_with(before)
        for number in [*range(3, 60, 3), 61, 100]:
            proven = await work.journal_tree.prove(number)
            assert proven is not None
            assert proven.index == number - 1
        assert await work.journal_tree.prove(1) is None
        await work.verify()
    assert after.size == before.size + 1  # the line about the pruning


@settings(max_examples=15, deadline=None)
@given(some.lists(some.integers(1, 4), min_size=1, max_size=70), some.permutations([1, 2, 3, 4]))
def test_pruned_in_any_order_the_tree_and_the_census_hold(
    tmp_path_factory: pytest.TempPathFactory, entries: list[int], order: list[int]
) -> None:
    """Channel after channel goes; stumps are as few as there can be."""

    async def play(path: Path) -> None:
        async with await make.store(path) as store:
            aged = Aged(store)
            await aged.tell(*entries)
            for channel in order:
                await aged.close(channel)
                await aged.prune()
                async with store.read() as work:
                    await work.verify()
                    await work.pruning.refuse_gaps()
            assert await aged.numbers() == []
            async with store.read() as work:
                left = len(await work.journal.tail(1_000))
                stumps = (await work.verify())["stumps"]
            # The lines about the pruning stand behind; before them all is one piece for each bit.
            assert stumps == len(entries).bit_count()
            assert left == len(set(entries))

    asyncio.run(play(tmp_path_factory.mktemp("pruned") / "w.db"))


async def test_journal_with_a_gap_is_not_pruned(aged: Aged) -> None:
    """Somebody has deleted an entry: nothing more goes, so that it is found."""
    await aged.tell(1, 1, 1)
    async with aged.store.write() as work:
        transaction = work._transaction
        frontier = await transaction.frontier()
        assert frontier is not None
        await transaction.plant(frontier.grown([bytes(32)]))
    async with aged.store.read() as work:
        with pytest.raises(StoreTamperedError, match="the tree of journal"):
            await work.pruning.refuse_gaps()


def test_pruning_that_is_killed_at_any_step_goes_on(tmp_path: Path) -> None:
    """With SIGKILL before a statement: seals, census, tree and count hold, and no page is half."""
    path = tmp_path / "w.db"

    async def fill() -> None:
        async with await make.store(path) as store:
            aged = Aged(store)
            await aged.tell(*[1, 2] * 150)
            await aged.close(1)

    async def prune(fuse: int) -> None:
        async with await make.reopen(path) as store:
            async with store._connections.writing() as connection:
                left = [fuse]

                def step(_: str) -> None:
                    left[0] -= 1
                    if left[0] < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

                await connection.on_its_thread(connection.sqlite.set_trace_callback, step)
            await Aged(store).prune()

    async def look() -> int:
        async with await make.reopen(path) as store, store.read() as work:
            await work.verify()
            await work.pruning.refuse_gaps()
            return len(await work.journal.story(make.channel_id(1)))

    asyncio.run(fill())
    seen, status = [150], 0
    for fuse in range(0, 1_000, 2):
        child = os.fork()
        if not child:
            try:
                asyncio.run(prune(fuse))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        seen.append(asyncio.run(look()))
        if not os.WIFSIGNALED(status):
            break
    assert not os.WIFSIGNALED(status)
    assert seen == sorted(seen, reverse=True)
    assert (seen[1], seen[-1]) == (150, 0)
    assert len({*seen}) > 3
