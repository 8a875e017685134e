"""Everything by which people are told, each made once and in the order in which they need another.

Decides nothing; who knows whom is drawn here, as in ``assembly.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from watchtower.alert_routes import WaysOut, ways_out
from watchtower.alerts.deliver import Deliverer
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Alarm
from watchtower.machine import Machine
from watchtower.metrics.measures import Measures
from watchtower.metrics.telling import CountingTeller
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.tower.route_watch import RouteWatch, kept_alerts
from watchtower.wiring import is_quiet_of

__all__ = ["Telling", "telling_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who decides what is told (``desk``), who tells it, by which ways, and who minds those."""

    desk: Desk
    deliverer: Deliverer
    ways: WaysOut
    watch: RouteWatch


async def telling_of(
    settings: Settings,
    environment: Mapping[str, str],
    store: Store,
    machine: Machine,
    measures: Measures,
    *,
    once: bool,
) -> Telling:
    """Return how people are told, with what is urgent and an earlier process could not tell.

    Raises:
        ConfigError: a file with a secret or an address cannot be read, or used.
    """
    clock = asyncio.get_running_loop().time

    def standing() -> tuple[Alarm, ...]:
        return desk.standing()  # made below, of who tells by these ways

    ways = ways_out(
        settings,
        environment,
        standing=standing,
        wall=machine.clock,
        has_broker=not once,  # who answers once connects to none
    )
    deliverer = Deliverer(ways.routes, clock=clock, wall=machine.clock, luck=machine.luck)
    desk = Desk(
        CountingTeller(deliverer, measures),
        repeat_after=settings.alerts.repeat_seconds,
        escalate_after=settings.alerts.escalate_after,
        guide=settings.alerts.guide_url,
        is_quiet=is_quiet_of(settings.alerts, machine.clock),
        clock=clock,
    )
    if ways.routes:
        deliverer.restore(await kept_alerts(store))
    watch = RouteWatch(
        deliverer,
        lambda: [*deliverer.report(), *(heart.report() for heart in ways.heartbeats)],
        store=store,
        desk=desk,
        wall=machine.clock,
    )
    return Telling(desk=desk, deliverer=deliverer, ways=ways, watch=watch)
