"""Looking through all channels while the tower does something else."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from typing_extensions import override

from tests.guard.test_watch import PAYEE, changed, claim, closed, entry
from watchtower.guard.watch import Watch
from watchtower.interfaces.dashboard.listing import PAGE_SIZE, BusyError, Listing
from watchtower.interfaces.dashboard.rows import Query, Show, Sort
from watchtower.judgement.policy import Policy
from watchtower.units import Drops

CALLS_IN_A_SLICE = 4


class Counted(dict[Any, Any]):
    """Channels that know how often one of them was looked up."""

    looked_up = 0

    @override
    def get(self, *args: Any) -> Any:
        self.looked_up += 1
        return super().get(*args)


class Scene:
    """A list of so many channels, and a clock of which a slice is so many looks."""

    def __init__(self, channels: int) -> None:
        self.watch = Watch([PAYEE], Policy())
        self.watch.ledger_closed(closed(10))
        for number in range(1, channels + 1):
            self.opens(number)
        self.watch.judge()
        self.channels = self.watch.channels = Counted(self.watch.channels)
        self.time = 0.0
        self.listing = Listing(self.watch, clock=self.clock)

    def opens(self, number: int) -> None:
        """A channel comes, with as many drops in it as its number, all of them at stake."""
        self.watch.learn(changed(9, entry(number, amount=Drops(number))))
        self.watch.raise_best(claim(number, number))

    def clock(self) -> float:
        """Seconds: each look at it takes its time."""
        self.time += 0.001 / CALLS_IN_A_SLICE
        return self.time

    async def amounts(self, query: Query) -> list[int]:
        """What the rows of a page have in them."""
        return [row.amount for row in (await self.listing.page(query)).rows]


async def test_others_have_their_turn_after_every_few_hundred_rows() -> None:
    """Whoever responds to a close request waits for one slice at most, and never for a search."""
    scene, between = Scene(3_000), list[int]()

    async def work() -> None:
        while True:
            before = scene.channels.looked_up
            await asyncio.sleep(0)
            between.append(scene.channels.looked_up - before)

    working = asyncio.create_task(work())
    page = await scene.listing.page(Query())
    working.cancel()
    assert page.matched == 3_000
    assert sum(between) >= 3_000 - 2 * 64 * CALLS_IN_A_SLICE
    assert max(between) <= 64 * CALLS_IN_A_SLICE
    assert between.count(0) >= 3_000 // (64 * CALLS_IN_A_SLICE)


async def test_pages_of_the_real_watch_are_in_order() -> None:
    """The first page, and the one behind it."""
    scene = Scene(120)
    assert await scene.amounts(Query()) == [*range(120, 70, -1)]
    page = await scene.listing.page(Query())
    assert (page.matched, page.ahead, page.behind) == (120, 0, 70)
    assert await scene.amounts(Query(after=page.last)) == [*range(70, 20, -1)]
    by_id = Query(sort=Sort.ID, descending=False)
    assert await scene.amounts(by_id) == [*range(1, PAGE_SIZE + 1)]
    assert await scene.amounts(Query(show=frozenset({Show.THREATENED}))) == []


async def test_the_same_again_in_the_same_ledger_is_not_looked_for_again() -> None:
    """Until a moment has passed, or a ledger has closed."""
    scene = Scene(100)
    await scene.listing.page(Query())
    looked_up = scene.channels.looked_up
    for seconds, searches in ((1.0, 1), (2.0, 2), (1.0, 2)):
        scene.time += seconds
        await scene.listing.page(Query())
        assert scene.channels.looked_up == searches * looked_up
    scene.watch.ledger_closed(closed(11))
    await scene.listing.page(Query())
    assert scene.channels.looked_up == 3 * looked_up


async def test_page_that_is_looked_at_all_day_takes_a_tenth_of_the_time() -> None:
    """A search of a million channels takes seconds, and a ledger closes every four."""
    scene = Scene(1_000)
    begun = scene.time
    await scene.listing.page(Query())
    took = scene.time - begun
    looked_up = scene.channels.looked_up
    for tenths, searches in ((8, 1), (4, 2), (8, 2)):
        scene.time += tenths * took
        scene.watch.ledger_closed(closed(20 + tenths + searches))
        await scene.listing.page(Query())
        assert scene.channels.looked_up == searches * looked_up


async def test_who_waits_for_the_same_page_gets_what_the_first_one_found() -> None:
    """Ten windows of one operator that are loaded again together cost one search."""
    scene = Scene(1_000)
    pages = await asyncio.gather(*(scene.listing.page(Query()) for _ in range(8)))
    assert scene.channels.looked_up == 1_000
    assert all(page is pages[0] for page in pages)


async def test_a_few_wait_in_line_and_the_next_is_told_so() -> None:
    """One search at a time; who is turned away costs nothing, and may come again afterwards."""
    scene = Scene(1_000)
    queries = [Query(words=(f"{number:X}",)) for number in range(8)]
    waiting = [asyncio.create_task(scene.listing.page(query)) for query in queries]
    await asyncio.sleep(0)
    looked_up = scene.channels.looked_up
    with pytest.raises(BusyError):
        await scene.listing.page(Query())
    assert looked_up == scene.channels.looked_up <= 64 * CALLS_IN_A_SLICE
    waiting[3].cancel()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(each, asyncio.CancelledError) for each in done) == 1
    assert scene.channels.looked_up == 7_000
    assert (await scene.listing.page(Query())).matched == 1_000


async def test_no_more_pages_are_kept_than_a_few() -> None:
    """Whoever asks for something else each time fills no memory."""
    scene = Scene(1)
    for number in range(40):
        await scene.listing.page(Query(words=(f"{number:X}",)))
    assert len(scene.listing._found) <= 16


async def test_channels_that_come_and_go_meanwhile_hide_none_of_the_others() -> None:
    """Nobody reads on where a dictionary has changed: ids are read anew, and in the end at once."""
    scene = Scene(9_000)
    # Each look at the clock is the end of a slice.
    scene.listing = Listing(scene.watch, clock=lambda: scene.clock() * 1_000)
    those_that_stay = Query(words=(f"{0x2300:064X}"[:62],))

    async def change() -> None:
        for number in itertools.count(20_000):
            await asyncio.sleep(0)
            scene.opens(number)
            if number % 2:
                scene.watch.forget(entry(number).channel)

    changing = asyncio.create_task(change())
    amounts = await scene.amounts(those_that_stay)
    is_changing = not changing.done()
    changing.cancel()
    assert amounts == [*range(9_000, 0x2300 - 1, -1)]
    assert is_changing
