"""Fire drills that fail, or that nobody makes, are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.store.make import store as new_store
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice, NoticeKind
from watchtower.store.database import Store
from watchtower.tower.drill_watch import DrillWatch

DAY = 86_400


class Town:
    """A daemon's desk, a clock, and a store into which drills come."""

    def __init__(self, store: Store, every_days: int = 0, *, on_network: bool = False) -> None:
        self.store = store
        self.now = 1_000 * DAY
        self.told: list[Notice] = []
        self.desk = Desk(self, repeat_after=0, clock=lambda: 0.0)
        self.watch = DrillWatch(
            store,
            self.desk,
            every_days=every_days,
            clock=lambda: float(self.now),
            on_network=on_network,
        )

    def tell(self, notice: Notice) -> None:
        """What people are told."""
        self.told.append(notice)

    async def drill(self, *, paid: bool, place: str = "network") -> None:
        """One more drill, now."""
        why = None if paid else "it slept"
        record: dict[str, Any] = {"at": self.now, "place": place, "paid": paid, "why": why}
        async with self.store.write() as work:
            await work.notes.put("drills", [*(await work.notes.get("drills") or []), record])

    async def standing(self) -> list[str]:
        """The alarms that stand after another look."""
        await self.watch.look()
        return [alarm.name for alarm in self.desk.standing()]


async def test_a_failed_drill_is_an_alarm_until_one_is_paid(tmp_path: Path) -> None:
    """With the step that was late; what stands is told once."""
    async with await new_store(tmp_path / "watchtower.db") as store:
        town = Town(store)
        assert await town.standing() == []
        await town.drill(paid=False)
        assert await town.standing() == ["drill_failed"]
        assert await town.standing() == ["drill_failed"]
        assert "it slept" in town.told[0].alarm.sentence
        await town.drill(paid=True)
        assert await town.standing() == []

    assert [notice.kind for notice in town.told] == [NoticeKind.RAISED, NoticeKind.RESOLVED]


async def test_a_drill_in_a_box_does_not_end_the_alarm_of_one_on_the_network(
    tmp_path: Path,
) -> None:
    """It has servers and keys of its own, and pays where the daemon cannot."""
    async with await new_store(tmp_path / "watchtower.db") as store:
        town = Town(store)
        await town.drill(paid=False)
        await town.drill(paid=True, place="sandbox")
        assert await town.standing() == ["drill_failed"]
        await town.drill(paid=True)
        assert await town.standing() == []


async def test_a_drill_that_nobody_made_is_told_where_one_is_wanted(tmp_path: Path) -> None:
    """Counted from the last one, or from the start where there was none."""
    async with await new_store(tmp_path / "watchtower.db") as store:
        town, careless = Town(store, every_days=7), Town(store)
        town.now += 7 * DAY
        assert await town.standing() == []
        town.now += 1
        assert await town.standing() == ["drill_due"]
        await town.drill(paid=True)
        assert await town.standing() == []
        town.now = careless.now = town.now + 8 * DAY
        assert await town.standing() == ["drill_due"]
        assert await careless.standing() == []


async def test_a_drill_in_a_box_is_none_that_was_wanted_where_there_is_a_canary(
    tmp_path: Path,
) -> None:
    """Whether the servers and the keys would do it is not known by it; without a canary it is all.

    The record says which it was.
    """
    async with await new_store(tmp_path / "watchtower.db") as store:
        town, boxed = Town(store, every_days=7, on_network=True), Town(store, every_days=7)
        town.now = boxed.now = town.now + 8 * DAY
        await town.drill(paid=True, place="sandbox")
        assert await town.standing() == ["drill_due"]
        assert await boxed.standing() == []
        await town.drill(paid=True)
        assert await town.standing() == []
