"""When a run of the daemon is over: once it is asked to stop, or once everything was answered.

What it guarantees: whoever is asked to stop ends by itself, at a place where nothing is half done,
and says which it was. It decides nothing about what leaves on the way out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from watchtower.errors import LedgerError, LookStoppedError, StoreNetworkError
from watchtower.ground import Ground
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower

__all__ = ["End", "until_answered", "until_signalled"]

_log = structlog.get_logger(__name__)

End = Callable[[Ground, Tower, Rounds], Coroutine[Any, Any, None]]
"""Returns when the run is over."""


def until_signalled(stop: asyncio.Event) -> End:
    """Return an end that comes when ``stop`` is set."""

    async def end(ground: Ground, _tower: Tower, _rounds: Rounds) -> None:
        servers = ", ".join(ground.settings.servers)
        ground.service.ready(f"guarding {len(ground.accounts)} accounts through {servers}")
        _log.info("guarding", accounts=ground.accounts, servers=ground.settings.servers)
        stopping = asyncio.create_task(stop.wait())
        looking = asyncio.create_task(_refuse_another_network(ground))
        try:
            await asyncio.wait({stopping, looking}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done():
                await looking
                await stopping
        finally:
            stopping.cancel()
            looking.cancel()
        _log.info("stopping")

    return end


def until_answered(stop: asyncio.Event) -> End:
    """Return an end that comes when everything was looked at and answered, or ``stop`` is set.

    It raises `LookStoppedError` where it was stopped before the outcomes were known.
    """

    async def end(ground: Ground, tower: Tower, rounds: Rounds) -> None:
        stopping = asyncio.create_task(stop.wait())
        looking = asyncio.create_task(_look(ground, tower, rounds))
        try:
            await asyncio.wait({stopping, looking}, return_when=asyncio.FIRST_COMPLETED)
            if not looking.done():
                _log.info("stopping")
                raise LookStoppedError
            await looking
        finally:
            stopping.cancel()
            looking.cancel()

    return end


async def _look(ground: Ground, tower: Tower, rounds: Rounds) -> None:
    """Look at everything once, answer, and wait for the outcomes."""
    await _refuse_another_network(ground)
    await ground.servers.wait_until_ready(ground.settings.ledger.request_timeout_seconds)
    await tower.reconciled.wait()
    await rounds.take_claims()
    await rounds.tend()
    await tower.respond()
    while not tower.is_idle():
        await tower.progress()
    # How things stood at the end is told by judgements of the end.
    await tower.respond()
    if tower.unanswered is not None:
        raise tower.unanswered


async def _refuse_another_network(ground: Ground) -> None:
    """Refuse to go on with servers of another network alone; to wait for them would be in vain.

    Raises:
        StoreNetworkError: every server serves another network than the store is pinned to.
    """
    try:
        await ground.servers.wait_until_ready(ground.settings.ledger.request_timeout_seconds)
    except LedgerError as trouble:
        wrong = ground.servers.wrong_network()
        if wrong is None:
            _log.warning("no_server_yet", why=str(trouble))
            return
        raise StoreNetworkError(
            path=ground.store.path, pinned=ground.store.network, network=wrong.facts["found"]
        ) from wrong
