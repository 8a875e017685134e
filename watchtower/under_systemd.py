"""What the daemon tells whoever started it, and does when asked by it: alive, how it is, reload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from watchtower.following import log_follows
from watchtower.ground import Ground
from watchtower.interfaces.status_line import status_line
from watchtower.rereading import Rereading
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.tower.vigil import Vigil

__all__ = ["awake", "how_it_is", "reread"]

_log = structlog.get_logger(__name__)


def awake(ground: Ground, tower: Tower) -> Callable[[], bool]:
    """Return what tells whether the watchdog is to be fed."""
    vigil, watch = Vigil(), tower.watch

    def isawake() -> bool:
        why = vigil.why_asleep(
            asyncio.get_running_loop().time(),
            newest=None if watch.newest is None else watch.newest.ledger_index,
            accounted=watch.accounted_to,
            told={
                state.server: state.validated
                for state in ground.servers.states()
                if state.connected and state.validated is not None
            },
            has_read=tower.reconciled.is_set(),
            passing_since=tower.passing_since,
        )
        if why is not None:
            _log.warning("watchdog_not_fed", why=why)
        return why is None

    return isawake


def how_it_is(ground: Ground, rounds: Rounds) -> str:
    """Return a line for ``systemctl status``."""
    return status_line(rounds.status(ground.servers.states()))


async def reread(
    ground: Ground, rounds: Rounds, environment: Mapping[str, str], asked: asyncio.Event
) -> None:
    """Read the settings again whenever ``asked`` is set, until cancelled."""
    log_follows(ground.reloading)
    rereading = Rereading(
        ground.reloading,
        environment,
        desk=ground.desk,
        manager=ground.service,
        status=lambda: how_it_is(ground, rounds),
    )
    await rereading.reread_for_ever(asked)
