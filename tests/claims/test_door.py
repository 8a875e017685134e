"""Whoever knocks: verified, kept in groups, answered by what is known when the answer leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.claims.test_group import CHANNELS, GUARDS, KEYS, NOW, PAYEE, entry, keyless, signed
from tests.store.make import CHEAP
from watchtower.claims.decision import (
    Closing,
    DoNotServe,
    ExposureReached,
    Kept,
    NotKept,
    Pending,
    Serve,
    Standing,
    Whose,
    name_of_reason,
)
from watchtower.claims.door import Door
from watchtower.claims.exposure import ServingLimits
from watchtower.claims.intake import Intake, Taken
from watchtower.claims.sight import Sight
from watchtower.claims.verifying import Verifier
from watchtower.errors import DoorClosedError, StoreFullError
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import END_OF_LEDGER, ChannelChanged, ChannelEntry, Position
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime

AT = Position(LedgerIndex(9), END_OF_LEDGER)
GUARD = GUARDS["payee"]


class Land:
    """What is known of channels, to be changed by the test."""

    def __init__(self) -> None:
        self.entries: dict[ChannelId, ChannelEntry] = {name: entry(name, 0) for name in CHANNELS}
        self.asked: list[ChannelId] = []
        self.kept: list[Taken] = []
        self.watch = Watch(
            [PAYEE], Policy(), channels=[Channel(entry=e, as_of=AT) for e in self.entries.values()]
        )
        self.watch.incoming.exposure.begin()

    def watched(self, channel: ChannelId) -> Channel | None:
        """What the tower would know."""
        found = self.entries.get(channel)
        return None if found is None else Channel(entry=found, as_of=AT)

    def see(self, channel: ChannelId) -> Sight | None:
        """The same as the ledger tells it."""
        found = self.entries.get(channel)
        if found is None:
            return None
        return Sight(fact=ChannelChanged(entry=found, at=AT), ledger_time=NOW)

    async def look(self, channel: ChannelId) -> Sight:
        """Nobody else knows of any."""
        self.asked.append(channel)
        return Sight(fact=None, ledger_time=RippleTime(0))

    def taken(self, taken: Taken) -> None:
        """What came of it."""
        self.kept.append(taken)
        for one in taken.raised:
            self.watch.raise_best(one)


class Counting:
    """A store that counts its transactions, can be held up, and can have no room left."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.writes = 0
        self.is_full = False
        self.free = asyncio.Event()
        self.free.set()
        self.written = asyncio.Event()

    def read(self) -> AbstractAsyncContextManager[Any]:
        """One moment."""
        return self.store.read()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        """One transaction."""
        self.writes += 1
        async with self.store.write() as work:
            yield work
            if self.is_full:
                raise StoreFullError(path="w.db", why="no space")
            self.written.set()
            await self.free.wait()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Counting]:
    """A real store, quick to open."""
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as made:
        yield Counting(made)


@pytest.fixture
def land() -> Land:
    """Three channels, all of them known."""
    return Land()


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    """Two threads."""
    made = Verifier(2)
    yield made
    made.close()


@pytest.fixture
async def door(store: Counting, land: Land, verifier: Verifier) -> AsyncIterator[Door]:
    """An open door."""
    made = Door(Intake(store, GUARD), GUARD, lookout=land, verifier=verifier)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.fixture
async def careful_door(store: Counting, land: Land, verifier: Verifier) -> AsyncIterator[Door]:
    """An open door, where no more than 9 drops may be at stake with one payer."""
    guard = replace(GUARD, limits=ServingLimits(payer=Drops(9)))
    made = Door(
        Intake(store, guard),
        guard,
        lookout=land,
        verifier=verifier,
        at_stake=land.watch.incoming.exposure,
    )
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def too_much(drops: int) -> DoNotServe:
    """So much would be at stake with the payer."""
    why = ExposureReached(whose=Whose.PAYER, at_stake=Drops(drops), allowed=Drops(9))
    return DoNotServe(reasons=(why,))


def claim(drops: int, channel: int = 0) -> Claim:
    """A good claim."""
    return signed(CHANNELS[channel], drops, KEYS[0])


async def test_claims_are_answered_in_their_order(door: Door) -> None:
    """The second of a batch stands on the first."""
    first, lower, other = await door.take([claim(5), claim(3), claim(4, 1)])
    assert isinstance(first.decision.kept, Kept)
    assert isinstance(first.decision.serve, Serve)
    assert isinstance(lower.decision.kept, NotKept)
    assert [lower.best, other.best] == [5, 4]


async def test_claims_of_many_callers_share_a_transaction(door: Door, store: Counting) -> None:
    """While one group is written the next one gathers."""
    store.free.clear()
    first = asyncio.create_task(door.take([claim(1)]))
    await store.written.wait()
    others = [asyncio.create_task(door.take([claim(drops, 1)])) for drops in range(1, 51)]
    await asyncio.sleep(0.3)
    assert not first.done()
    store.free.set()
    await asyncio.gather(first, *others)
    assert store.writes <= 4


async def test_nobody_is_answered_before_it_is_on_disk(door: Door, store: Counting) -> None:
    """Rule 6: acknowledge after fsync."""
    store.free.clear()
    knocking = asyncio.create_task(door.take([claim(1)]))
    await store.written.wait()
    await asyncio.sleep(0.05)
    assert not knocking.done()
    store.free.set()
    await knocking
    async with store.store.read() as work:
        assert await work.claims.best(CHANNELS[0]) is not None


async def test_a_close_request_that_comes_while_it_is_written_is_in_the_answer(
    door: Door, store: Counting, land: Land
) -> None:
    """The claim is kept, and the article is not served."""
    store.free.clear()
    knocking = asyncio.create_task(door.take([claim(1)]))
    await store.written.wait()
    end = RippleTime(NOW + 3_600)
    land.entries[CHANNELS[0]] = structs.replace(land.entries[CHANNELS[0]], expiration=end)
    store.free.set()
    (answer,) = await knocking
    assert isinstance(answer.decision.kept, Kept)
    assert answer.decision.serve == DoNotServe(reasons=(Closing(expiration=end),))


async def test_a_strange_channel_is_asked_for_and_its_claim_waits(door: Door, land: Land) -> None:
    """Nobody can tell of it now: pending."""
    strange = ChannelId("D" * 64)
    (answer,) = await door.take([signed(strange, 5, KEYS[0])])
    assert isinstance(answer.decision.kept, Pending)
    assert land.asked == [strange]


async def test_a_claim_without_a_key_is_verified_by_its_channels(door: Door, land: Land) -> None:
    """And one that nobody can tell of is asked for, and leaves nothing behind."""
    strange = ChannelId("D" * 64)
    named, lone = keyless(claim(5)), keyless(signed(strange, 5, KEYS[0]))
    kept, refused = await door.take([named, lone])
    assert kept.decision.kept == Kept(claim=claim(5), rescued=False)
    assert isinstance(refused.decision.kept, NotKept)
    assert refused.report()["why_not_kept"] == "key_unknown"
    assert land.asked == [strange]
    land.entries[strange] = entry(strange, 0)
    (again,) = await door.take([lone])
    assert again.is_stored


async def test_what_was_kept_is_taken_up_before_anybody_is_answered(door: Door, land: Land) -> None:
    """Who has the answer may rely on the tower: it redeems this very claim."""
    await door.take([claim(5), claim(7)])
    assert [[one.amount for one in taken.raised] for taken in land.kept] == [[7]]


async def test_a_full_disk_is_told_to_everybody_and_the_next_claims_are_kept(
    door: Door, store: Counting, land: Land
) -> None:
    """Nothing is half kept, and the door stays open."""
    store.is_full = True
    answers = await asyncio.gather(
        *(door.take([claim(drops)]) for drops in (1, 2)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [StoreFullError, StoreFullError]
    assert land.kept == []
    store.is_full = False
    (answer,) = await door.take([claim(1)])
    assert answer.is_stored


async def test_a_caller_that_goes_away_holds_up_nobody(door: Door, store: Counting) -> None:
    """A reader closes the page; what it had handed over may be kept or not."""
    store.free.clear()
    first = asyncio.create_task(door.take([claim(1)]))
    await store.written.wait()
    gone = asyncio.create_task(door.take([claim(2)]))
    await asyncio.sleep(0.1)
    gone.cancel()
    store.free.set()
    await first
    (answer,) = await door.take([claim(3)])
    assert answer.is_stored


async def test_who_waits_when_the_door_closes_is_told(
    store: Counting, land: Land, verifier: Verifier
) -> None:
    """Nobody waits for ever for a daemon that stops."""
    door = Door(Intake(store, GUARD), GUARD, lookout=land, verifier=verifier)
    running = asyncio.create_task(door.run())
    store.free.clear()
    inside = asyncio.create_task(door.take([claim(1)]))
    await store.written.wait()
    behind = asyncio.create_task(door.take([claim(2)]))
    await asyncio.sleep(0.1)
    running.cancel()
    for waiting in (inside, behind, asyncio.create_task(door.take([claim(3)]))):
        with pytest.raises(DoorClosedError):
            await waiting


async def test_a_bad_signature_among_good_ones_is_the_only_one_refused(door: Door) -> None:
    """Each claim of a batch has its own answer."""
    good, bad = claim(5), signed(CHANNELS[1], 5, KEYS[0], good=False)
    answers = await door.take([good, bad, claim(6, 2)])
    assert [answer.is_stored for answer in answers] == [True, False, True]
    assert answers[1].best == Drops(0)


async def test_two_who_race_for_one_limit_do_not_both_get_past_it(careful_door: Door) -> None:
    """Two channels of one payer, two callers, at the same time; both claims are kept."""
    (one,), (other,) = await asyncio.gather(
        careful_door.take([claim(6)]), careful_door.take([claim(6, 1)])
    )
    assert one.is_stored
    assert other.is_stored
    assert sorted(type(r.decision.serve).__name__ for r in (one, other)) == ["DoNotServe", "Serve"]


async def test_who_comes_later_finds_what_was_taken_before(careful_door: Door) -> None:
    """The sums go from one group to the next, and one who only asks sees them as well."""
    (first,) = await careful_door.take([claim(6)])
    (asked,) = await careful_door.check([claim(4, 1)])
    (second,) = await careful_door.take([claim(4, 1)])
    assert first.decision.serve == Serve()
    assert [asked.decision.serve, second.decision.serve] == [too_much(10), too_much(10)]


async def test_what_another_process_kept_while_it_was_written_is_in_the_answer(
    careful_door: Door, store: Counting, land: Land
) -> None:
    """The claim is kept, and the article is not served."""
    store.free.clear()
    knocking = asyncio.create_task(careful_door.take([claim(6)]))
    await store.written.wait()
    land.watch.raise_best(claim(4, 1))
    store.free.set()
    (answer,) = await knocking
    assert isinstance(answer.decision.kept, Kept)
    assert answer.decision.serve == too_much(10)


async def test_the_money_is_told_as_it_stands_when_the_answer_leaves(
    door: Door, store: Counting, land: Land
) -> None:
    """A payment and a close request were validated while the claim was being written."""
    store.free.clear()
    knocking = asyncio.create_task(door.take([claim(10)]))
    await store.written.wait()
    end = RippleTime(NOW + 1_000)
    land.entries[CHANNELS[0]] = structs.replace(entry(CHANNELS[0], 4), expiration=end)
    store.free.set()
    (answer,) = await knocking
    margin = Policy().margin
    assert (answer.best, answer.at_stake) == (10, 6)
    assert (answer.sure_until, answer.notice) == (end - margin, 1_000 - margin)


async def test_what_a_caller_has_against_serving_is_in_the_answer_and_all_is_kept(
    door: Door, land: Land
) -> None:
    """One reason more, behind those that are found here; to what was not kept nothing is added."""
    quota = Standing.QUOTA
    answers = await door.take([claim(5), claim(6), claim(3)], against=[None, quota, quota])
    assert [answer.is_stored for answer in answers] == [True, True, False]
    assert [answer.decision.serve for answer in answers] == [
        Serve(),
        DoNotServe(reasons=(quota,)),
        DoNotServe(reasons=(Standing.NOT_KEPT,)),
    ]
    assert land.kept[0].raised[0].amount == 6
    land.entries[CHANNELS[0]] = structs.replace(
        land.entries[CHANNELS[0]], expiration=RippleTime(NOW + 99)
    )
    for answered in (
        await door.check([claim(7)], against=[quota]),
        await door.take([claim(7)], against=[quota]),
    ):
        serve = answered[0].decision.serve
        assert isinstance(serve, DoNotServe)
        assert [name_of_reason(reason) for reason in serve.reasons] == ["closing", "quota"]
