"""Mass exits: every channel of a payee closes in one ledger, and the tower gets all of it out.

What it decides (who goes when, at what price) is measured in ledgers and drops, and is the same on
every machine; against it stands the cheapest schedule that somebody finds who knew every ledger
before. What it costs to decide and to do is measured in processor time, apart.
"""

from __future__ import annotations

import asyncio
import bisect
import cProfile
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.exit_world import ExitWorld, Plan, Strangers
from bench.floor import Cheapest, cheapest
from bench.guard import Guard
from bench.instrument import profiled
from bench.report import Reading, Report
from bench.scale import Scale
from watchtower.logs import configure
from watchtower.units import DROPS_PER_XRP

__all__ = ["Exit", "leave", "measure", "measure_crowded", "measure_tight"]

_BASE: Final = 10
_SECONDS_OF_A_LEDGER: Final = 4
_MANY: Final = 10
"""What is looked at closely has this many times fewer channels."""

_PATIENCE: Final = 20
"""Ledgers within which the pool of tickets has to be full."""

_BEFORE: Final = 256
"""Ledgers that the tower, and the strangers, have been there before everybody leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How an exit went: what it decided, and the processor time that this took.

    Attributes:
        channels: how many closed at once.
        share: what was paid, over what was at stake.
        ledgers: how many ledgers it took, from the close requests to the last payment.
        fees: drops that redeeming has cost.
        tickets: drops that making tickets has cost meanwhile.
        floor: the cheapest that redeeming could have been.
        seconds: of processor time, the tower's.
        elsewhere: of processor time, the ledger's.
    """

    channels: int
    share: float
    ledgers: int
    fees: int
    tickets: int
    floor: Cheapest
    seconds: float
    elsewhere: float

    @property
    def over_floor(self) -> float:
        """What redeeming has cost, over the least that it could have cost."""
        return self.fees / self.floor.drops if self.floor.drops else 1.0


def leave(plan: Plan, profiler: cProfile.Profile | None = None) -> Exit:
    """Have every channel of a plan close at once, and the tower redeem what it can.

    Args:
        plan: the world.
        profiler: looks on while the tower works; what it sees costs more than else.
    """
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        # Lines are written, as they are in a daemon; nobody reads these.
        configure(level="info", as_json=True, stream=nowhere)
        return asyncio.run(_leave(ExitWorld(plan), Path(folder), profiler))


async def _leave(world: ExitWorld, folder: Path, profiler: cProfile.Profile | None) -> Exit:
    claims = [unit.claim for unit in world.units]
    async with Guard(world.node, world.payee, folder, claims) as guard:
        await guard.prepare(within=_PATIENCE)
        world.crowd()
        for _ in range(_BEFORE):
            await guard.ledger()
        begun, elsewhere = guard.seconds, guard.station.seconds
        world.ask_to_close()
        if profiler is not None:
            profiler.enable()
        await guard.ledger()
        ledgers = 0
        while world.now <= world.last_end and world.unpaid():
            await guard.ledger()
            ledgers += 1
        if profiler is not None:
            profiler.disable()
    return Exit(
        channels=world.plan.channels,
        share=world.paid() / sum(unit.stake for unit in world.units),
        ledgers=ledgers,
        fees=world.fees("PaymentChannelClaim"),
        tickets=world.fees("TicketCreate"),
        seconds=guard.seconds - begun,
        elsewhere=guard.station.seconds - elsewhere,
        floor=_floor(world, guard.settings.policy.margin_seconds),
    )


def _floor(world: ExitWorld, margin: int) -> Cheapest:
    """Return the cheapest schedule that is over by ``margin`` seconds before each channel's end.

    Whoever is done early could have had cheaper ledgers later: the world is run on, without the
    payee, until they can make no difference.
    """
    while True:
        ledgers = world.ledgers()
        begins = [ledger.parent_close_time for ledger in ledgers]
        lasts = [bisect.bisect_right(begins, end - margin) - 1 for end in world.ends]
        found = cheapest(world.rooms(), lasts, base=_BASE)
        is_least = found.redeemed == len(lasts) and found.drops == _BASE * len(lasts)
        if is_least or world.now > world.last_end:
            return found
        world.run_on(len(ledgers))


def measure(scale: Scale) -> Report:
    """Everybody leaves at once, with time enough, a little noise, and stakes of all sizes."""
    plan = Plan(
        channels=scale.leaving,
        settle_delays=(3_600, 7_200, 86_400),
        stakes=(DROPS_PER_XRP, 1_000 * DROPS_PER_XRP),
        strangers=Strangers(payments=6),
    )
    profiler = cProfile.Profile()
    leave(replace(plan, channels=max(1, scale.leaving // _MANY)), profiler)
    return _report("exit", leave(plan), *profiled(profiler))


def measure_tight(scale: Scale) -> Report:
    """Not all can leave at the base fee before their time is up: what must be paid for is dear."""
    channels = max(1, scale.leaving // 2)
    # A third more than what so many ledgers of thirty-one take at the base fee.
    ledgers = max(1, channels * 3 // 4 // 31)
    plan = Plan(
        channels=channels,
        settle_delays=(120 + ledgers * _SECONDS_OF_A_LEDGER,),
        stakes=(10 * DROPS_PER_XRP, 1_000 * DROPS_PER_XRP),
    )
    return _report("exit.tight", leave(plan))


def measure_crowded(scale: Scale) -> Report:
    """Strangers fill every ledger and pay for it: nothing is to be had at the base fee."""
    plan = Plan(
        channels=max(1, scale.leaving // 50),
        settle_delays=(600, 900),
        stakes=(10 * DROPS_PER_XRP, 1_000 * DROPS_PER_XRP),
        strangers=Strangers(payments=40, fee=6_000),
    )
    return _report("exit.crowded", leave(plan))


def _report(name: str, went: Exit, lines: Sequence[str] = (), where: str = "") -> Report:
    passes = went.ledgers + 1
    values = (
        ("channels", went.channels, ""),
        ("redeemed_share", went.share, ""),
        ("ledgers", went.ledgers, ""),
        ("fee_over_floor", went.over_floor, "ratio"),
        ("fees", went.fees, "drops"),
        ("ticket_fees", went.tickets, "drops"),
        ("tower_ms_per_ledger", went.seconds / passes * 1000, "ms"),
        ("ledger_ms_per_ledger", went.elsewhere / passes * 1000, "ms"),
    )
    return Report(
        readings=[Reading(name=f"{name}.{n}", value=value, unit=unit) for n, value, unit in values],
        profile=lines,
        where=where,
    )
