"""A mass exit at small scale: the real tower, a real ledger, and a floor that holds."""

from __future__ import annotations

import cProfile

from bench.exit_world import ExitWorld, Plan, Strangers
from bench.mass_exit import leave
from watchtower.units import DROPS_PER_XRP

XRP = DROPS_PER_XRP


def test_everybody_gets_out_at_the_base_fee_where_there_is_time() -> None:
    """Strangers take six of thirty-one places; a hundred leave in the four ledgers that it takes.

    The stakes are such that haste would be worth paying for, if anything came of it.
    """
    went = leave(Plan(channels=100, stakes=(XRP, 1_000 * XRP), strangers=Strangers(payments=6)))

    assert (went.channels, went.share, went.ledgers) == (100, 1.0, 4)
    assert (went.fees, went.floor.drops, went.floor.redeemed) == (1_000, 1_000, 100)
    assert went.over_floor == 1.0
    assert went.seconds > 0
    assert went.elsewhere > 0


def test_same_plan_goes_the_same_way_however_fast_the_machine() -> None:
    """With a profiler in the way too: what is decided does not hang on processor time."""
    plan = Plan(channels=60, settle_delays=(280,), stakes=(10 * XRP, 100 * XRP))
    first, second = leave(plan), leave(plan, cProfile.Profile())

    assert (first.share, first.ledgers, first.fees) == (second.share, second.ledgers, second.fees)
    assert first.floor == second.floor


def test_nobody_is_paid_less_than_the_floor_where_time_is_short() -> None:
    """What must be paid for is paid for, and the optimiser's schedule costs no more than ours."""
    went = leave(Plan(channels=90, settle_delays=(168,), stakes=(100 * XRP, 100 * XRP)))

    assert went.share == 1.0
    assert went.over_floor >= 1.0


def test_world_offers_what_its_ledgers_took_and_has_ends_by_settle_delay() -> None:
    """Eleven places at the base fee before any ledger was full; the ends are the ledger's own."""
    world = ExitWorld(Plan(channels=3, settle_delays=(100, 200)))
    world.ask_to_close()
    world.run_on(4)

    assert [(r.cheap, r.others, r.expected) for r in world.rooms()] == [(11, 0, 10)] * 3
    view = world.node.snapshot(world.node.validated.index)
    ends = [entry["Expiration"] for unit in world.units if (entry := view.read(unit.channel))]
    assert list(world.ends) == ends
    assert world.unpaid() == 3
    assert world.paid() == 0
