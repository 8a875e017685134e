"""The means for a ticket pool: asked once, refused while nothing hangs on it, and never later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.store import make
from watchtower.errors import TicketPoolError
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import AccountChanged, AccountEntry, LedgerClosed, Position
from watchtower.response.tickets import TicketPool
from watchtower.store.database import Store
from watchtower.tower.means import Means
from watchtower.units import Address, Drops, LedgerIndex, RippleTime

XRP = 1_000_000
PAYEE, OTHER = make.PAYEE, Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")


@dataclass
class Ground:
    """A store, and a tower that starts on it as often as it is told to."""

    store: Store

    def start(self, balance: int, *, pool: int = 4, held: int = 0) -> Means:
        """Begin anew with an account of so many drops, above a reserve of one XRP."""
        watch = Watch([PAYEE, OTHER], Policy(), channels=[make.channel(1)])
        watch.ledger_closed(
            LedgerClosed(
                ledger_index=LedgerIndex(100),
                ledger_hash="F" * 64,
                close_time=RippleTime(820_540_900),
                base_fee=Drops(10),
                reserve_base=Drops(XRP),
                reserve_increment=Drops(200_000),
            )
        )
        for number, account in enumerate((PAYEE, OTHER)):
            entry = AccountEntry(
                account=account,
                balance=Drops(balance),
                sequence=9,
                owner_count=held,
                flags=0,
                ticket_count=held,
            )
            watch.learn(AccountChanged(entry=entry, at=Position(LedgerIndex(100), number)))
        size = TicketPool(size=pool, low_water=min(2, max(0, pool - 1)))
        return Means(watch, store=self.store, pool=size, fee_cap=Drops(XRP))

    async def keep(self, claim: Claim, *, pending: bool = False) -> None:
        """Keep a claim."""
        async with self.store.write() as work:
            if pending:
                await work.claims.put_pending(claim)
            else:
                await work.channels.put(make.channel(1))
                await work.claims.raise_best(claim)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    """A store that nothing is in."""
    async with await make.store(tmp_path / "w.db") as store:
        yield Ground(store)


async def test_pool_is_refused_with_what_is_missing_and_what_is_possible(ground: Ground) -> None:
    """A reserve of 1 XRP, a fee of up to 1 XRP, and 0.2 XRP for each of four tickets."""
    with pytest.raises(TicketPoolError) as refused:
        await ground.start(2_500_000).admit(PAYEE)
    assert str(refused.value) == (
        f"{PAYEE} is 0.3 XRP short of what the 4 tickets of `tickets.pool` lock up beside the fee "
        "of one attempt. Send it as much, or set `tickets.pool` to 2 or less."
    )
    assert await ground.start(2_800_000).admit(PAYEE)


async def test_account_below_its_own_reserve_is_told_all_that_it_needs(ground: Ground) -> None:
    """What is missing of the reserve counts too; what is possible is nothing."""
    with pytest.raises(TicketPoolError, match=r"2\.3 XRP short.* to 0 or less"):
        await ground.start(500_000).admit(PAYEE)


@pytest.mark.parametrize("held", [4, 250])
async def test_tickets_that_are_there_need_no_means(ground: Ground, held: int) -> None:
    """Their reserve is locked up already."""
    assert await ground.start(XRP + held * 200_000, held=held).admit(PAYEE)


async def test_each_account_is_looked_at_and_only_once_it_is_known(ground: Ground) -> None:
    """Nobody is admitted on a guess."""
    means = ground.start(3 * XRP)
    assert await means.admit(PAYEE)
    assert not await means.admit(make.PAYER)


async def test_tower_that_has_gone_on_with_a_pool_is_never_stopped_by_it(ground: Ground) -> None:
    """The account was swept, and the machine starts again in the night."""
    assert await ground.start(3 * XRP).admit(PAYEE)
    assert await ground.start(XRP).admit(PAYEE)
    assert await ground.start(XRP, pool=3).admit(PAYEE)
    assert await ground.start(XRP).admit(PAYEE)
    with pytest.raises(TicketPoolError):
        await ground.start(XRP, pool=5).admit(PAYEE)
    with pytest.raises(TicketPoolError):
        await ground.start(XRP).admit(OTHER)


@pytest.mark.parametrize("pending", [False, True])
async def test_claim_that_is_kept_is_worth_more_than_a_pool(
    ground: Ground, *, pending: bool
) -> None:
    """Whoever is promised something must be guarded, with or without tickets."""
    await ground.keep(make.claim(1), pending=pending)
    assert await ground.start(XRP).admit(PAYEE)


async def test_claim_for_another_account_is_no_reason_to_go_on(ground: Ground) -> None:
    """That one is guarded by whoever is admitted."""
    await ground.keep(make.claim(1))
    with pytest.raises(TicketPoolError):
        await ground.start(XRP).admit(OTHER)
