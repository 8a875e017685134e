"""The daemon's front: where claims and questions come in while it runs, if it is told to listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from typing import Any

from watchtower.assembly import Ground
from watchtower.claims.door import Door
from watchtower.claims.intake import Intake
from watchtower.claims.verifying import Verifier
from watchtower.interfaces.inquiries import Inquiries
from watchtower.places import place_of
from watchtower.tower.lookout import Lookout
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.wiring import guard_of

__all__ = ["loops"]


def loops(
    ground: Ground, tower: Tower, rounds: Rounds, at: socket.socket
) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
    """Return what runs at the front, by name: the door, and who serves it at ``at``."""
    # Only who serves pays for what it takes to.
    from watchtower.interfaces.http.app import make_app  # noqa: PLC0415
    from watchtower.interfaces.http.serve import serve  # noqa: PLC0415

    settings, clock = ground.settings, asyncio.get_running_loop().time
    guard, verifier = guard_of(settings), Verifier()
    lookout = Lookout(
        tower,
        servers=ground.servers,
        rounds=rounds,
        stale_after=settings.claims.stale_seconds,
        clock=clock,
    )
    door = Door(Intake(ground.store, guard), guard, lookout=lookout, verifier=verifier)
    inquiries = Inquiries(
        tower.watch,
        settings=settings,
        store=ground.store,
        status=lambda: rounds.status(ground.servers.states()),
        why_not_ready=lookout.why_not_ready,
        clock=clock,
    )
    hosts = place_of(settings.http.listen).hosts
    yield "door", _keep(door, verifier)
    yield "http", serve(make_app(door, inquiries), at, hosts=hosts)


async def _keep(door: Door, verifier: Verifier) -> None:
    """Keep the door, and end behind it whoever verifies."""
    try:
        await door.run()
    finally:
        verifier.close()
