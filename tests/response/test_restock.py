"""Keeping ticket pools filled, with a real store, real keys and real signatures."""

from __future__ import annotations

import asyncio

from xrpl.core.binarycodec import decode

from tests.response.stage import (
    LIMITS,
    OTHER,
    PAYEE,
    QUIET,
    Stage,
    hands_of,
    master_hand,
    used,
)
from tests.response.test_lanes import SlowHand
from watchtower.keys.hands import Hands
from watchtower.keys.vault import Vault
from watchtower.ledger.answers import Fees
from watchtower.ledger.events import (
    AccountMissing,
    Position,
)
from watchtower.response.attempt import Purpose
from watchtower.units import Drops, LedgerIndex


async def test_tickets_are_made_once_and_not_again_while_they_may_be_on_their_way(
    stage: Stage,
) -> None:
    """One transaction fills the pool; a refusal is not paid for in every ledger."""
    stage.estate(PAYEE, sequence=7)
    restocker = stage.restocker()
    (made,) = await restocker.restock([PAYEE.address])
    assert (made.purpose, made.channel) == (Purpose.MAKE_TICKETS, None)
    (transaction,) = await stage.until_sent(1)
    assert (transaction["TicketCount"], transaction["Sequence"]) == (4, 7)
    stage.ledger(101)
    assert await restocker.restock([PAYEE.address]) == ()
    stage.watch.learn(used(made, "tecINSUFFICIENT_RESERVE"))
    stage.ledger(119)
    assert await restocker.restock([PAYEE.address]) == ()
    stage.ledger(120)
    assert len(await restocker.restock([PAYEE.address])) == 1


async def test_restart_makes_no_second_set_of_tickets(stage: Stage) -> None:
    """The attempt of before is on disk, and comes back with the watch."""
    stage.estate(PAYEE, sequence=7)
    await stage.restocker().restock([PAYEE.address])
    assert await stage.restocker().restock([PAYEE.address]) == ()


async def test_tickets_leave_the_fee_money_of_one_attempt_alone(stage: Stage) -> None:
    """An account that held tickets and could pay no fee would be worse off than without."""
    reserve, cap = 1_000_000, LIMITS.fees.cap
    stage.estate(PAYEE, sequence=7, balance=reserve + cap + 200_000 - 1)
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.estate(PAYEE, sequence=7, balance=reserve + cap + 200_000)
    (made,) = await stage.restocker().restock([PAYEE.address])
    assert decode(made.blob)["TicketCount"] == 1


async def test_no_tickets_are_made_for_an_account_that_was_not_admitted(stage: Stage) -> None:
    """Somebody is to look at its means first."""
    stage.estate(PAYEE, sequence=7)
    stage.refused.add(PAYEE.address)
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.refused.clear()
    assert len(await stage.restocker().restock([PAYEE.address])) == 1


async def test_tickets_wait_for_a_cheap_ledger_and_for_an_account_that_is_known(
    stage: Stage,
) -> None:
    """They can wait; a redemption on the sequence goes meanwhile."""
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.estate(PAYEE, sequence=7)
    stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(5_000))
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.servers.fees = QUIET
    assert len(await stage.restocker().restock([PAYEE.address])) == 1


async def test_busy_ledger_is_not_asked_over_and_over_whether_it_is_cheap_by_now(
    stage: Stage,
) -> None:
    """Every delivery of a busy ledger wakes us, and servers count what we ask."""
    asked: list[int] = []
    stage.servers.meanwhile = lambda: asked.append(1)
    stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(5_000))
    stage.estate(PAYEE, sequence=7)
    restocker = stage.restocker()
    for index in (100, 100, 101, 119):
        stage.ledger(index)
        assert await restocker.restock([PAYEE.address]) == ()
    assert len(asked) == 1
    stage.ledger(120)
    await restocker.restock([PAYEE.address])
    assert len(asked) == 2


async def test_pool_is_not_filled_twice_while_it_is_not_known_which_tickets_there_are(
    stage: Stage,
) -> None:
    """At a start the account's own count of them may be all that is told."""
    stage.estate(PAYEE, sequence=7, tickets=4)
    assert await stage.restocker().restock([PAYEE.address]) == ()


async def test_account_that_is_not_there_makes_no_tickets(stage: Stage) -> None:
    """Nor does anybody ask for what it lacks."""
    at = Position(LedgerIndex(100), 1)
    stage.watch.learn(AccountMissing(account=PAYEE.address, at=at))
    assert stage.watch.spare(PAYEE.address) is None
    assert await stage.restocker().restock([PAYEE.address]) == ()


async def with_slow_other(stage: Stage) -> tuple[SlowHand, Hands]:
    """Hands of two accounts without tickets, one of which hangs until it is let."""
    await Vault(stage.store).import_seed(OTHER.address, OTHER.seed)
    slow = SlowHand(master_hand(stage.store, [OTHER.address], most_tickets=4), OTHER.address)
    stage.estate(OTHER, sequence=7)
    stage.estate(PAYEE, sequence=7)
    return slow, hands_of(slow, master_hand(stage.store, [PAYEE.address], most_tickets=4))


async def test_hand_that_hangs_holds_up_neither_other_tickets_nor_what_is_owed(
    stage: Stage,
) -> None:
    """What it signs late is sent then, and it is not asked twice meanwhile."""
    slow, hands = await with_slow_other(stage)
    restocker, both = stage.restocker(hands), [OTHER.address, PAYEE.address]
    async with asyncio.timeout(30):
        (made,) = await restocker.restock(both)
        assert made.account == PAYEE.address
        stage.ledger(130)
        await restocker.restock(both)
        assert slow.asked == 1
        slow.let.set()
        await asyncio.wait(restocker._under_way.values())
        # Nothing is sent while something else is being signed for the account.
        assert await restocker.restock([PAYEE.address]) == ()
        (late,) = await restocker.restock(both)
    assert (late.account, late.seat.number) == (OTHER.address, 7)
    # Each is sent as soon as it may be; which of two accounts comes first is nobody's promise.
    assert {sent["Account"] for sent in await stage.until_sent(2)} == {*both}


async def test_tickets_that_were_signed_late_take_no_seat_of_what_is_owed(stage: Stage) -> None:
    """A redemption has the sequence by then: they are not sent."""
    slow, hands = await with_slow_other(stage)
    restocker, channel = stage.restocker(hands), stage.owe(1, payee=OTHER)
    async with asyncio.timeout(30):
        assert await restocker.restock([OTHER.address]) == ()
        redeeming = stage.another(hands=hands_of(master_hand(stage.store, [OTHER.address])))
        (redeem,) = (await redeeming.respond()).sent
        assert (redeem.channel, redeem.seat.number) == (channel, 7)
        slow.let.set()
        await asyncio.wait(restocker._under_way.values())
        assert await restocker.restock([OTHER.address]) == ()
        # Nor is it remembered as under way: the next try makes them behind the redemption.
        stage.ledger(120)
        (made,) = await restocker.restock([OTHER.address])
    assert made.seat.number == 8


async def test_tower_that_ends_leaves_no_hand_asked(stage: Stage) -> None:
    """What hangs is let go of, and what it would sign is never sent."""
    _, hands = await with_slow_other(stage)
    restocker = stage.restocker(hands)
    async with asyncio.timeout(30):
        await restocker.restock([OTHER.address])
        (asked,) = restocker._under_way.values()
        await restocker.close()
    assert asked.cancelled()
