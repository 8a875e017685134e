"""What the daemon looks at in every round, beside what the rounds themselves see to.

Decides nothing; who knows whom is drawn here, as in ``assembly.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from watchtower.following import looks_follow
from watchtower.ground import Ground
from watchtower.keys.authority import Right
from watchtower.signing import Signing
from watchtower.tower.amendment_watch import AmendmentWatch
from watchtower.tower.backup_watch import BackupWatch
from watchtower.tower.clock_watch import ClockWatch
from watchtower.tower.delegation import Delegation
from watchtower.tower.drill_watch import DrillWatch
from watchtower.tower.entitlement import Entitlement
from watchtower.tower.release_watch import ReleaseWatch
from watchtower.tower.space_watch import SpaceWatch
from watchtower.tower.tower import Tower
from watchtower.units import Drops
from watchtower.wiring import (
    backup_hours_of,
    rights_of,
    thresholds_of,
)

__all__ = ["looks_of"]


def looks_of(
    ground: Ground, tower: Tower, signing: Signing
) -> Iterator[Callable[[], Awaitable[None]]]:
    """Yield what is looked at in every round, in this order."""
    space = SpaceWatch(
        str(ground.store.path),
        ground.reserve,
        thresholds_of(ground.settings),
        ground.desk,
        clock=asyncio.get_running_loop().time,
    )
    drills = _drill_watch(ground)
    backups = BackupWatch(
        ground.store,
        ground.desk,
        old_hours=backup_hours_of(ground.settings),
        wall=ground.machine.clock,
    )
    looks_follow(
        ground.reloading, space=space, reserve=ground.reserve, drills=drills, backups=backups
    )
    yield space.look_at_disk
    yield Entitlement(ground.accounts, why_idle=signing.why_idle, desk=ground.desk).look
    delegation = _delegation(ground, tower)
    if delegation is not None:
        yield delegation.look
    yield ground.telling.watch.look
    yield ground.losses.look
    yield drills.look
    yield _clock_watch(ground, tower).look
    yield AmendmentWatch(ground.watch, ground.desk).look
    yield ReleaseWatch(ground.servers, ground.desk).look
    yield backups.look


def _clock_watch(ground: Ground, tower: Tower) -> ClockWatch:
    steady, wall = asyncio.get_running_loop().time, ground.machine.clock
    return ClockWatch(tower, ground.store, ground.desk, wall=wall, steady=steady)


def _drill_watch(ground: Ground) -> DrillWatch:
    drill = ground.settings.drill
    return DrillWatch(
        ground.store,
        ground.desk,
        every_days=drill.every_days,
        clock=ground.machine.clock,
        on_network=bool(drill.payer),
    )


def _delegation(ground: Ground, tower: Tower) -> Delegation | None:
    settings = ground.settings
    if settings.authority.own is None:
        return None
    rights = rights_of(settings)
    return Delegation(
        ground.watch,
        delegate=settings.authority.own,
        accounts=[a for a in settings.payees if Right.DELEGATED in rights[a]],
        money=Drops(settings.authority.delegate.least_money_drops),
        servers=ground.servers,
        desk=ground.desk,
        learn=tower.learn,
        clock=asyncio.get_running_loop().time,
    )
