"""Everything by which people are told, each made once and in the order in which they need another.

Decides nothing; who knows whom is drawn here, as in ``assembly.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchtower.alert_routes import WaysOut, ways_again, ways_out
from watchtower.alerts.deliver import Deliverer
from watchtower.alerts.desk import Desk
from watchtower.alerts.heart import Heart
from watchtower.alerts.rules import Alarm
from watchtower.machine import Machine
from watchtower.metrics.measures import Measures
from watchtower.metrics.telling import CountingTeller
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.tower.route_watch import RouteWatch, kept_alerts
from watchtower.wiring import is_quiet_of

if TYPE_CHECKING:
    from watchtower.interfaces.mqtt.alerts import AlertTopic

__all__ = ["Telling", "telling_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who decides what is told (``desk``), who tells it, by which ways, and who minds those.

    ``heart`` gives signs of life. ``again`` makes the ways of other settings, and may be called on
    any thread.
    """

    desk: Desk
    deliverer: Deliverer
    heart: Heart
    topic: AlertTopic | None
    watch: RouteWatch
    again: Callable[[Settings], WaysOut]

    def take(self, ways: WaysOut) -> None:
        """Tell by other ways from now on."""
        self.deliverer.reroute(ways.routes)
        self.heart.replace(ways.heartbeats)


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

    def again(new: Settings) -> WaysOut:
        return ways_again(new, environment, topic=ways.topic, wall=machine.clock)

    heart = Heart(ways.heartbeats)
    deliverer = Deliverer(ways.routes, clock=clock, wall=machine.clock, luck=machine.luck)
    desk = Desk(
        CountingTeller(deliverer, measures),
        repeat_after=settings.alerts.repeat_seconds,
        escalate_after=settings.alerts.escalate_after,
        guide=settings.alerts.guide_url,
        is_quiet=is_quiet_of(settings.alerts, machine.clock),
        clock=clock,
    )
    deliverer.restore(await kept_alerts(store))
    watch = RouteWatch(
        deliverer,
        lambda: [*deliverer.report(), *heart.report()],
        store=store,
        desk=desk,
        wall=machine.clock,
    )
    return Telling(
        desk=desk,
        deliverer=deliverer,
        heart=heart,
        topic=ways.topic,
        watch=watch,
        again=again,
    )
