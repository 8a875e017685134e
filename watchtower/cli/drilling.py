"""A drill by the daemon that runs: what is to be there first, and what it is made with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from watchtower.cli.desk import Desk, open_desk
from watchtower.drill.course import Course, Plan
from watchtower.drill.network import NetworkLedger
from watchtower.errors import DrillRefusedError
from watchtower.judgement.claim import Claim
from watchtower.keys.canary import Canary, find_canary
from watchtower.ledger.servers import Servers
from watchtower.settings import Settings
from watchtower.store.alone import alone
from watchtower.store.database import Store
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import Address, Drops
from watchtower.wiring import link_settings

__all__ = ["drill_by_the_daemon"]

_PATIENCE: Final = 10.0
_MAINNET: Final = 0
_STALE: Final = 120
"""Seconds of silence after which the daemon is taken not to run, as `watchtower status` does."""


async def drill_by_the_daemon(loaded: Settings) -> Mapping[str, Any]:
    """Make a drill on the configured network, and return its record.

    Raises:
        DrillRefusedError: something is in the way of it; nothing was spent.
        StoreBusyError: another drill is under way.
        LedgerError: no server could tell what is needed to begin.
    """
    with alone(Path(f"{loaded.store}.drill")):
        async with open_desk(loaded) as desk:
            canary = await _canary(desk.store, loaded)
            async with Servers.connected(
                loaded.servers,
                _PATIENCE,
                network_id=desk.store.network,
                settings=link_settings(loaded),
            ) as servers:
                await servers.settle(_PATIENCE)
                network_id = servers.network_id or _MAINNET
                if network_id == _MAINNET and not loaded.drill.allow_mainnet:
                    why = (
                        "this is mainnet, and a drill spends real XRP (to your own payee, and as "
                        "fees); if that is meant, set `drill.allow_mainnet = true`"
                    )
                    raise DrillRefusedError(why=why)
                await _refuse_without_daemon(desk.store)
                course = Course(
                    desk.store,
                    ledger=NetworkLedger(servers, network_id),
                    desk=_ClaimDesk(desk),
                    canary=canary,
                    plan=_plan(loaded, network_id),
                )
                return await course.run()


class _ClaimDesk:
    """Hands claims in as ``watchtower claim add`` does."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def why_not_kept(self, claim: Claim) -> str | None:
        """Hand a claim in; return why it is not kept, None if it is on disk."""
        (answer,) = await self._desk.take_all([claim])
        if answer.is_stored:
            return None
        return str(answer.report()["sentence"]).rstrip(".")


async def _canary(store: Store, loaded: Settings) -> Canary:
    canary = await find_canary(store)
    if canary is None:
        raise DrillRefusedError(why="there is no canary yet; run `watchtower drill setup`")
    if loaded.drill.payer != canary.address:
        why = f"the key in the store is that of {canary.address}; set `drill.payer` to it"
        raise DrillRefusedError(why=why)
    return canary


async def _refuse_without_daemon(store: Store) -> None:
    async with store.read() as work:
        told: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
    age = time.time() - told.get("written", 0)
    if told.get("stopped") or age > _STALE:
        why = "the daemon does not run, and it is what a drill tries; start it (`watchtower run`)"
        raise DrillRefusedError(why=why)


def _plan(loaded: Settings, network_id: int) -> Plan:
    chosen = loaded.drill
    payee = chosen.payee or next(a for a in loaded.addresses if a in loaded.payees)
    # A tower that stands by leaves the first part of the window to another one.
    stands_by = loaded.policy.stand_by_share * chosen.settle_delay_seconds
    return Plan(
        payee=Address(payee),
        amount=Drops(chosen.amount_drops),
        settle_delay=chosen.settle_delay_seconds,
        patience=chosen.patience_seconds + stands_by,
        fee_cap=Drops(loaded.fees.cap_drops),
        daily_cap=Drops(chosen.daily_cap_drops),
        network_id=network_id,
    )
