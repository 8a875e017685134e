"""Where serving stops: alarms that begin and end, and how many there can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from tests.guard.test_watch import PAYEE, changed, claim, entry
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice, NoticeKind
from watchtower.claims.exposure import UNLIMITED, ServingLimits
from watchtower.cli.status_view import serving_limits
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.tower.restraint import Restraint
from watchtower.units import Address, Drops

PAYERS = [Address(f"r{number}") for number in range(25)]


class Town:
    """A payee, and payers with a channel of 10 drops each; their claims come as a test wants."""

    def __init__(self, limits: ServingLimits) -> None:
        self.told: list[Notice] = []
        self.desk = Desk(self, repeat_after=0, clock=lambda: 0.0)
        self.watch = Watch([PAYEE], Policy())
        for number, payer in enumerate(PAYERS):
            self.watch.learn(changed(5, entry(number, source=payer, amount=Drops(10))))
        self.restraint = Restraint(self.watch.incoming.exposure, limits, self.desk)

    def tell(self, notice: Notice) -> None:
        """What people are told."""
        self.told.append(notice)

    def promise(self, number: int) -> None:
        """One payer signs all it has."""
        self.watch.raise_best(claim(10, number))

    def pay(self, number: int) -> None:
        """It is redeemed."""
        found = entry(number, source=PAYERS[number], amount=Drops(10))
        self.watch.learn(changed(6, replace(found, balance=Drops(10))))

    def report(self) -> Mapping[str, Any]:
        """What the status tells."""
        report = self.restraint.report()
        assert report is not None
        return report

    async def standing(self) -> list[str]:
        """Whom alarms stand for."""
        await self.restraint.look()
        alarms = self.desk.standing()
        assert {alarm.name for alarm in alarms} <= {"exposure_limit_reached"}
        return [alarm.subject for alarm in alarms]


async def test_the_alarm_of_a_payer_stands_until_enough_is_redeemed() -> None:
    """At the limit nothing has been refused yet."""
    town = Town(ServingLimits(payer=Drops(9)))
    assert await town.standing() == []
    town.promise(3)
    assert await town.standing() == [PAYERS[3]]
    assert town.report()["payers"] == [{"payer": PAYERS[3], "at_stake": 10}]
    town.pay(3)
    assert await town.standing() == []
    assert [notice.kind for notice in town.told] == [NoticeKind.RAISED, NoticeKind.RESOLVED]


async def test_the_alarm_of_all_stands_until_enough_is_redeemed() -> None:
    """The total is what holds against one who pays from many accounts."""
    town = Town(ServingLimits(total=Drops(20)))
    found = []
    for number in range(3):
        town.promise(number)
        found.append((await town.standing(), town.report()["left"]))
    town.pay(0)
    found.append((await town.standing(), town.report()["left"]))
    assert found == [([], 10), ([], 0), (["all payers"], 0), ([], 0)]


async def test_many_accounts_above_the_limit_are_twenty_alarms_and_a_number() -> None:
    """Accounts are cheap; whoever has a thousand must not fill memory and post."""
    town = Town(ServingLimits(payer=Drops(9)))
    for number in range(25):
        town.promise(number)
    assert sorted(await town.standing()) == sorted(PAYERS[:20])
    report = town.report()
    assert (report["payers_above"], len(report["payers"])) == (25, 20)
    town.pay(0)
    assert sorted(await town.standing()) == sorted(PAYERS[1:21])


async def test_without_limits_nothing_is_told() -> None:
    """And the status says that there are none."""
    town = Town(UNLIMITED)
    for number in range(25):
        town.promise(number)
    assert await town.standing() == []
    assert town.restraint.report() is None
    assert list(serving_limits(None)) == []


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (ServingLimits(total=Drops(20)), ["0.00002 XRP", "0.00001 XRP are left"]),
        (ServingLimits(payer=Drops(9)), ["than 0.000009 XRP", "served: 1."]),
    ],
)
def test_the_status_says_what_is_left(limits: ServingLimits, said: list[str]) -> None:
    """In XRP, for people."""
    town = Town(limits)
    town.promise(0)
    (line,) = serving_limits(town.report())
    for words in said:
        assert words in line
