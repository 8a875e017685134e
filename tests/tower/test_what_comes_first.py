"""One disk, and two who write to it: what is owed leaves before what was learnt is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.guard.test_watch import closed
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.ledger.health import HistoryMissing, HistoryRecovered, StateReconciled
from watchtower.ledger.sequence import Delivery
from watchtower.response.respond import Response
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.tower.steward import Steward
from watchtower.tower.tower import Tower
from watchtower.units import LedgerIndex

_TURNS = 50
"""Turns of the event loop that a pass takes, with room to spare."""


class Work:
    """A transaction in which nothing stays."""

    def __getattr__(self, _name: str) -> Any:
        return self

    async def put_all(self, _records: object) -> None:
        """Write nothing."""

    settle_all = append_all = move = put_all


class Scene:
    """A tower whose responder and whose store only note, in ``done``, when it was their turn."""

    path = Path("db")

    def __init__(self) -> None:
        self.done: list[str] = []
        self.changes = Changes(None)
        watch, desk = Watch([], Policy()), Desk(self, repeat_after=3600)
        here = cast("Any", self)
        self.tower = Tower(
            watch,
            store=here,
            changes=self.changes,
            responder=here,
            restocker=None,
            desk=desk,
            herald=Herald(desk, self.changes),
            steward=Steward(watch, store=here, desk=desk, changes=self.changes),
        )

    def tell(self, _notice: Notice) -> None:
        """Tell nobody."""

    def tell_late(self, _tell: Callable[[], None]) -> None:
        """Have no hand that ends late."""

    async def close(self) -> None:
        """Sign nothing any more."""

    async def respond(self) -> Response:
        """Take as long as an answer of a server does."""
        for _ in range(5):
            await asyncio.sleep(0)
        self.done.append("responded")
        return Response()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Work]:
        """Note that what was learnt is being written."""
        self.done.append("written")
        yield Work()

    async def take(self, batch: Sequence[Delivery]) -> None:
        """Have the tower take a batch in which something is to be written down."""
        self.changes.note("learnt", None, None)
        await self.tower.take(batch)


@pytest.fixture
async def responding() -> AsyncIterator[Scene]:
    """A tower that responds, and has nothing to do yet."""
    scene = Scene()
    task = asyncio.create_task(scene.tower.respond_for_ever())
    await asyncio.sleep(0)
    yield scene
    task.cancel()
    await asyncio.wait({task})


async def test_what_is_owed_leaves_before_what_was_learnt_is_written(responding: Scene) -> None:
    """The two wait for the same disk, and only one of them has a deadline."""
    await responding.take([closed(10)])
    for _ in range(_TURNS):
        await asyncio.sleep(0)

    assert responding.done == ["responded", "written"]


async def test_what_was_read_anew_is_on_disk_before_anybody_relies_on_it(
    responding: Scene,
) -> None:
    """A restored copy ends its recovery by it, on the same disk."""
    await responding.take([closed(10), StateReconciled(ledger_index=closed(10).ledger_index)])

    assert responding.tower.reconciled.is_set()
    assert not responding.changes.pressing


async def test_while_nobody_responds_what_was_learnt_is_written_at_once() -> None:
    """Before the network is known, and with ``--once``, no pass comes that would write it."""
    scene = Scene()
    await scene.take([closed(10)])

    assert scene.done == ["written"]


async def test_where_history_is_lost_ledgers_count_as_known_as_they_come() -> None:
    """Until somebody has it again; what is on its way would not be looked after otherwise."""
    tower = Scene().tower
    lost = HistoryMissing(first=LedgerIndex(3), last=LedgerIndex(9), why="nobody has it")
    told: list[list[Delivery]] = [
        [closed(10)],
        [lost, closed(11)],
        [HistoryRecovered(last=lost.last), closed(12)],
    ]
    known_to = []
    for batch in told:
        await tower.take(batch)
        known_to.append(tower.watch.known_to)
    assert known_to == [None, 9, 9]
