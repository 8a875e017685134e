"""The world that is measured: real requests, which all succeed, and channels that are there."""

from __future__ import annotations

import pytest

from bench.world import World, total


def test_channels_are_opened_and_claims_redeemed() -> None:
    """What is counted was done: every transaction is validated, or the measurement ends."""
    world = World(30)

    assert total(world.opening).times == 30
    assert total(world.redeem(45)).times == 45
    assert total(world.open_channels(5)).times == 5
    assert total(world.close_ledgers(3)).times == 3


def test_a_transaction_that_fails_ends_the_measurement() -> None:
    """A rate of refusals would look like speed."""
    world = World(1)
    world._payers[0], world.payee = world.payee, world._payers[0]
    world._channels.clear()
    world.open_channels(1)
    world._channels *= 2

    with pytest.raises(AssertionError):
        world.redeem(2)


def test_a_profile_is_of_the_server_alone() -> None:
    """Signing belongs to the client, and is done before."""
    lines, where = World(5).profile_redeeming(20)

    assert not any("_sign" in line for line in lines)
    assert where.startswith("Of the time, ")
