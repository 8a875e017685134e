"""The daemon's front: where claims and questions come in while it runs, if it is told to listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from typing import Any, Final

import structlog

from watchtower.assembly import Ground
from watchtower.claims.door import Door
from watchtower.claims.intake import Intake
from watchtower.claims.notary import Notary
from watchtower.claims.verifying import Verifier
from watchtower.errors import StoreError
from watchtower.interfaces.inquiries import Inquiries
from watchtower.keys.identity import make_identity
from watchtower.places import place_of
from watchtower.tower.lookout import Lookout
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.wiring import guard_of

__all__ = ["loops"]

_log = structlog.get_logger(__name__)

_RETRY: Final = 5.0
"""Seconds until a store that could not be written is tried again."""


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
    notary = Notary(ground.machine.clock)
    intake = Intake(ground.store, guard, notary, tell=ground.feed.tell)
    door = Door(intake, guard, lookout=lookout, verifier=verifier)
    inquiries = Inquiries(
        tower.watch,
        settings=settings,
        store=ground.store,
        status=lambda: {**rounds.status(ground.servers.states()), "identity": notary.tower},
        why_not_ready=lookout.why_not_ready,
        clock=clock,
    )
    hosts = place_of(settings.http.listen).hosts
    looked = asyncio.Event()
    yield "identity", _identify(ground, notary, looked)
    yield "door", _keep(door, verifier, after=looked)
    yield "http", serve(make_app(door, inquiries, ground.feed), at, hosts=hosts)


async def _identify(ground: Ground, notary: Notary, looked: asyncio.Event) -> None:
    """Give the notary the tower's own key; without it claims are kept, and nothing is signed."""
    while True:
        try:
            notary.seal = await make_identity(ground.store)
        except StoreError as failure:
            _log.warning("no_identity", why=str(failure))
            looked.set()
            await asyncio.sleep(_RETRY)
        else:
            looked.set()
            return


async def _keep(door: Door, verifier: Verifier, *, after: asyncio.Event) -> None:
    """Keep the door, and end behind it whoever verifies."""
    try:
        await after.wait()
        await door.run()
    finally:
        verifier.close()
