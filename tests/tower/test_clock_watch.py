"""The host's clock beside the ledgers that a tower hears."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.test_desk import Heard
from tests.store import make
from watchtower.alerts.desk import Desk
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import LedgerClosed
from watchtower.machine import Machine
from watchtower.store.database import Store
from watchtower.tower.clock_watch import ClockWatch
from watchtower.tower.tending import STATUS_NOTE, Rhythm
from watchtower.tower.timekeeping import AGREED, IN_A_ROW, SETTLED
from watchtower.units import Drops, LedgerIndex, ripple_time

RAISED = ("raised", "clock_off", "host")
RESOLVED = ("resolved", "clock_off", "host")
START = 1_790_000_000.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give a new store."""
    async with await make.store(tmp_path / "watchtower.db") as opened:
        yield opened


class Tower:
    """What is heard of ledgers every four seconds, on a host whose clock is so much ahead."""

    def __init__(self, store: Store) -> None:
        self.watch = Watch([], Policy())
        self.heard_at: float | None = None
        self.steady = 1_000.0
        self.ahead = 0.0
        self.told = Heard()
        self.looking = ClockWatch(
            self,
            store,
            Desk(self.told, repeat_after=0),
            wall=lambda: START + self.steady + self.ahead,
            steady=lambda: self.steady,
        )

    async def hears(
        self, ledgers: int, *, confirmed: bool = True, late: float = 1.0
    ) -> list[tuple[str, str, str]]:
        """Ledgers come, and each is looked at so many seconds later; return what is told."""
        for _ in range(ledgers):
            self.steady += 4.0
            index = 1 if self.watch.newest is None else self.watch.newest.ledger_index + 1
            closed = LedgerClosed(
                ledger_index=LedgerIndex(index),
                ledger_hash="A" * 64,
                close_time=ripple_time(START + self.steady),
                base_fee=Drops(10),
                reserve_base=Drops(1_000_000),
                reserve_increment=Drops(200_000),
                confirmed=confirmed,
            )
            self.watch.ledger_closed(closed)
            self.heard_at = self.steady
            self.steady += late
            await self.looking.look()
            await self.looking.look()
            self.steady -= late
        return self.told.said()


async def test_a_clock_that_leaves_the_ledgers_time_is_told_until_it_is_back(store: Store) -> None:
    """An hour ahead: somebody set it by hand, and the certificate is said to be over."""
    tower = Tower(store)
    assert await tower.hears(AGREED) == []
    tower.ahead = 3_600.0
    assert await tower.hears(IN_A_ROW - 1) == []
    assert await tower.hears(3) == [RAISED]
    tower.ahead = 0.0
    assert await tower.hears(SETTLED) == [RESOLVED]


async def test_nothing_is_said_where_the_two_never_agreed(store: Store) -> None:
    """A sandbox of another year, and its tower started again."""
    for _ in range(2):
        tower = Tower(store)
        tower.ahead = -86_400.0
        assert await tower.hears(AGREED + IN_A_ROW) == []


async def test_a_start_with_a_wrong_clock_is_told_where_they_agreed_before(store: Store) -> None:
    """The battery of a machine's clock is empty: after the blackout it begins in another year."""
    before = Tower(store)
    await before.hears(AGREED)
    tower = Tower(store)
    tower.ahead = -86_400.0 * 365
    assert await tower.hears(IN_A_ROW) == [RAISED]


async def test_that_they_agreed_is_written_once(store: Store) -> None:
    """Whoever guards a disk writes no more than there is to say."""
    tower = Tower(store)
    async with await make.reopen(store.path) as other:
        before = await other.data_version()
        await tower.hears(AGREED)
        version = await other.data_version()
        assert version != before
        await tower.hears(AGREED)
        assert await other.data_version() == version


async def test_ledgers_of_which_one_server_alone_tells_say_nothing(store: Store) -> None:
    """What nobody bears out may have any time."""
    tower = Tower(store)
    await tower.hears(AGREED)
    tower.ahead = 3_600.0
    assert await tower.hears(2 * IN_A_ROW, confirmed=False) == []


async def test_a_look_that_comes_late_makes_no_ledger_old(store: Store) -> None:
    """A round that waited minutes for a disk is no clock that is off."""
    tower = Tower(store)
    await tower.hears(AGREED)
    assert await tower.hears(2 * IN_A_ROW, late=300.0) == []


@pytest.mark.parametrize("agreed", [True, False], ids=["agreed", "never"])
async def test_a_daemon_in_a_sandbox_of_another_year_tells_only_what_was_otherwise_before(
    stage: Any, *, agreed: bool
) -> None:
    """The same ledgers: a wrong clock for one store, and nothing worth a word for the other."""
    stage.pace = 0.1
    if agreed:
        async with stage.store() as store, store.write() as work:
            await work.notes.put("clock agreed", value=True)
    ledgers = stage.sandbox.ledger_index + IN_A_ROW + 8

    async def is_told() -> bool:
        async with stage.store() as store, store.read() as work:
            told = await work.notes.get(STATUS_NOTE) or {}
        names = {alarm["name"] for alarm in told.get("alarms", ())}
        return "clock_off" in names if agreed else stage.sandbox.ledger_index > ledgers

    async with stage.tower(machine=Machine(rhythm=Rhythm(rounds=0.02, status=0.02))):
        await stage.until(is_told)
        async with stage.store() as store, store.read() as work:
            told = await work.notes.get(STATUS_NOTE)
    assert ("clock_off" in {alarm["name"] for alarm in told["alarms"]}) == agreed
