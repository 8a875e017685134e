"""The chronicle: what a tower sees of what is at stake, and what of it outlives the tower."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.guard.test_watch import PAYEE, START, changed, claim, closed, entry
from tests.store import make
from tests.tower.conftest import XRP, Stage
from tests.tower.test_daemon import note
from tests.tower.test_stopping import Way
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice
from watchtower.daemon import run
from watchtower.guard.stake_history import DAYS, HOURS, Look, StakeHistory, spans
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.machine import Machine
from watchtower.store.database import Store
from watchtower.tower.changes import Changes
from watchtower.tower.chronicle import STAKE_NOTE, Chronicle
from watchtower.tower.herald import Herald
from watchtower.tower.losses import LOSSES_NOTE, LOST_NOTE, Losses, losses_of, lost_of
from watchtower.tower.tending import STATUS_NOTE, Rhythm
from watchtower.units import Drops, RippleTime, TxHash


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give a new store."""
    async with await make.store(tmp_path / "watchtower.db") as opened:
        yield opened


class Scene:
    """A watch of one channel with 30 XRP at stake, and who looks at it."""

    def __init__(self, store: Store, before: Scene | None = None) -> None:
        """Go on where one ``before`` has stopped, or begin anew."""
        self.steady = 1_000.0
        notes: dict[str, Any] = {}
        if before is not None:
            notes = {LOSSES_NOTE: msgspec.to_builtins(before.watch.incoming.lost)}
            notes |= {LOST_NOTE + one: lost for one, lost in before.losses._told.items()}
        self.watch: Watch = Watch([PAYEE], Policy(), lost=lost_of(notes))
        self.losses: Losses = Losses(losses_of(notes), lost=self.watch.incoming.lost)
        desk = Desk(self, repeat_after=0, clock=lambda: 0.0)
        self.herald = Herald(desk, Changes(None), losses=self.losses)
        self.watch.learn(changed(9, entry()))
        self.watch.raise_best(claim(30 * XRP))
        self.reconciled = asyncio.Event()
        self.chronicle = Chronicle(
            self.watch,
            StakeHistory() if before is None else StakeHistory.of_note(before.note),
            store=store,
            reconciled=self.reconciled,
            clock=lambda: self.steady,
        )

    def tell(self, _notice: Notice) -> None:
        """Nobody is told."""

    @property
    def note(self) -> Any:
        """The history as the store has it."""
        return self.chronicle.history.note()

    @property
    def looks(self) -> tuple[Look, ...]:
        """What was seen, a minute each."""
        return self.chronicle.history.over(HOURS)

    async def minute(self, index: int, *, confirmed: bool = True, read: bool = True) -> None:
        """A ledger closes a minute after the one before, is judged, and the round comes by."""
        self.steady += 60
        at = replace(closed(index, START + 60 * index), confirmed=confirmed)
        self.watch.ledger_closed(at)
        for judgement in self.watch.judge():
            self.herald.judged(judgement, ledger_index=at.ledger_index)
        if read:
            self.herald.read(at.ledger_index)
        self.herald.waited(at)
        await self.chronicle.look()


async def test_nothing_is_told_before_all_is_read_and_judged(store: Store) -> None:
    """A tower that is still reading would show a fall to nothing that never was."""
    scene = Scene(store)
    await scene.minute(10)
    scene.reconciled.set()
    await scene.minute(11)
    assert not scene.looks
    assert scene.chronicle.notes() == {}
    await scene.minute(12)
    (seen,) = scene.looks
    assert (seen.at, seen.ledger, seen.channels) == (START + 720, 12, 1)
    assert (seen.at_stake, seen.paid, seen.lost) == (30 * XRP, 0, 0)


async def test_ledger_that_one_server_alone_tells_of_is_not_looked_at(store: Store) -> None:
    """Its time may be years away, and would throw all of the history out."""
    scene = Scene(store)
    scene.reconciled.set()
    for index in (10, 11):
        await scene.minute(index)
    (seen,) = scene.looks
    scene.watch.ledger_closed(replace(closed(12, START + 10**9), confirmed=False))
    await scene.chronicle.look()
    assert scene.looks == (seen,)


async def test_what_was_paid_and_lost_stands_where_it_was_seen(store: Store) -> None:
    """Each once, in the look behind it."""
    scene = Scene(store)
    scene.reconciled.set()
    for index in (10, 11):
        await scene.minute(index)
    paid = entry(balance=Drops(10 * XRP), expiration=RippleTime(START + 60 * 13))
    scene.watch.learn(changed(11, paid, TxHash("B" * 64)))
    for index in (12, 13, 14):
        await scene.minute(index)
    assert [look.paid for look in scene.looks] == [0, 10 * XRP, 0, 0]
    assert [look.lost for look in scene.looks] == [0, 0, 20 * XRP, 0]
    assert [look.at_stake for look in scene.looks] == [30 * XRP, 20 * XRP, 0, 0]


async def test_what_was_lost_before_is_not_lost_again_by_a_restart(store: Store) -> None:
    """What has expired and is still there is judged anew; the notes know that it was told."""
    scene = Scene(store)
    scene.watch.learn(changed(10, entry(expiration=RippleTime(START + 60 * 12))))
    scene.reconciled.set()
    for index in (10, 11, 12):
        await scene.minute(index)
    assert [look.lost for look in scene.looks] == [0, 30 * XRP]
    again = Scene(store, scene)
    again.watch.learn(changed(10, entry(expiration=RippleTime(START + 60 * 12))))
    again.reconciled.set()
    for index in (13, 14):
        await again.minute(index)
    assert [look.lost for look in again.looks] == [0, 30 * XRP, 0]
    assert again.watch.incoming.lost.drops == 30 * XRP


async def test_a_loss_that_is_told_again_after_a_kill_stands_in_the_history_once(
    store: Store,
) -> None:
    """The history was written down just before, and that the loss was told was not."""
    scene = Scene(store)
    scene.watch.learn(changed(10, entry(expiration=RippleTime(START + 60 * 12))))
    scene.reconciled.set()
    for index in (10, 11, 12):
        await scene.minute(index)
    killed = Scene(store)
    killed.chronicle.history = StakeHistory.of_note(scene.note)
    killed.watch.learn(changed(10, entry(expiration=RippleTime(START + 60 * 12))))
    killed.reconciled.set()
    for index in (13, 14, 15):
        await killed.minute(index, read=index > 14)
    assert killed.watch.incoming.lost.drops == 30 * XRP
    assert [look.lost for look in killed.looks] == [0, 30 * XRP, 0, 0]


async def test_what_was_lost_before_anybody_looked_is_not_lost_now(store: Store) -> None:
    """A tower that is new finds channels that ended long ago."""
    scene = Scene(store)
    scene.watch.learn(changed(10, entry(expiration=RippleTime(START + 60))))
    scene.reconciled.set()
    for index in (10, 11, 12):
        await scene.minute(index)
    assert [look.lost for look in scene.looks] == [0, 0]


async def test_it_is_written_down_every_quarter_of_an_hour(store: Store) -> None:
    """Not in each round: the store would grow old by what nobody depends on."""
    scene = Scene(store)
    scene.reconciled.set()
    written = set[int]()
    for index in range(10, 50):
        await scene.minute(index)
        async with store.read() as work:
            note: Any = await work.notes.get(STAKE_NOTE)
        if note is not None:
            written.add(len(StakeHistory.of_note(note).over(HOURS)))
    assert written == {15, 30}


@asynccontextmanager
async def stopped_in_the_end(stage: Stage) -> AsyncIterator[None]:
    """A tower that makes rounds all the time, and is stopped as an operator stops it."""
    way = Way()
    machine = Machine(stopping=way.stopping, rhythm=Rhythm(rounds=0.05))
    daemon = asyncio.create_task(run(stage.settings, "correct horse", {}, machine=machine))
    yield
    way.stop.set()
    await asyncio.wait_for(daemon, 30)


async def history_of(stage: Stage) -> StakeHistory:
    """What the store has of it."""
    async with stage.store() as store, store.read() as work:
        return StakeHistory.of_note(await work.notes.get(STAKE_NOTE))


async def test_history_outlives_a_tower_that_is_stopped(stage: Stage) -> None:
    """The next one goes on with it, and the hour in which none ran is a gap."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stopped_in_the_end(stage):
        await looked_at(stage)
    (before,) = (await history_of(stage)).over(DAYS)
    assert (before.at_stake, before.channels) == (30 * XRP, 1)
    await stage.sandbox.advance(3_600)
    async with stopped_in_the_end(stage):
        await looked_at(stage)
    rows = list(spans((await history_of(stage)).over(DAYS), DAYS))
    assert [[look.at_stake for look in row] for row in rows] == [[30 * XRP], [30 * XRP]]
    assert rows[0] == [before]


async def test_note_that_cannot_be_read_keeps_no_tower_from_starting(stage: Stage) -> None:
    """It begins anew, and what it sees is written over what was there."""
    await stage.keep(await stage.channel(), 30 * XRP)
    async with stage.store() as store, store.write() as work:
        await work.notes.put(STAKE_NOTE, {"form": 7, "of": "another version"})
    async with stopped_in_the_end(stage):
        await looked_at(stage)
    assert [look.at_stake for look in (await history_of(stage)).over(DAYS)] == [30 * XRP]


async def looked_at(stage: Stage) -> None:
    """Let ledgers close until some rounds were made while 30 XRP were at stake."""
    told = set[int]()

    async def is_enough() -> bool:
        status: Any = await note(stage, STATUS_NOTE)
        if status and status["at_stake"] == 30 * XRP and "stopped" not in status:
            told.add(status["ledger_index"])
        return len(told) > 3

    await stage.until(is_enough)
