"""What was missed is read, all of it, onto the disk, and the sandbox's work is not in the time."""

from __future__ import annotations

import pytest

from bench.backfill import Recorded, catch_up
from bench.station import Station
from bench.world import World


@pytest.mark.parametrize("foreign", [False, True])
def test_everything_that_was_missed_is_learnt(foreign: bool) -> None:  # noqa: FBT001 - a parameter
    """More than a page, and more than a batch: the channels are there, the cursor has moved."""
    caught = catch_up(1_300, foreign=foreign)

    # One channel was there before.
    assert (caught.transactions, caught.channels) == (1_300, 131)
    assert caught.accounted is not None
    assert caught.seconds > 0


async def test_recorded_answer_is_the_servers_own_and_asked_for_once() -> None:
    """The second time nobody but the record is asked."""
    world = World(3)
    station = Station(world.node)
    recorded = Recorded(station)
    ask = {"account": world.payee.address, "ledger_index_min": -1, "ledger_index_max": -1}
    first = await recorded.request("account_tx", **ask)
    asked = station.seconds

    assert await recorded.request("account_tx", **ask) == first
    assert station.seconds == asked
    assert recorded.rows == len(first["transactions"]) > 0
