"""Foresight: what would go wrong, told before it happens.

Three things a tower can know in advance: whether everything it guards could be redeemed if it all
closed at once, whether its accounts can pay for that, and whether they can hold the tickets that
it wants. It decides nothing, and asks the servers only now and then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from watchtower.alerts import catalogue
from watchtower.alerts.desk import Desk
from watchtower.guard.watch import Watch
from watchtower.response.market import Fees, Market
from watchtower.response.respond import Limits
from watchtower.response.schedule import Exit, way_out
from watchtower.response.tickets import TicketPool
from watchtower.units import Address, Drops

__all__ = ["Foresight"]

_EVERY: Final = 60.0
"""Seconds between two looks: what is at stake changes slowly, and each look is a request."""

_PAGE: Final = 1_000
"""Channels that are looked at between two looks at the event loop: what presses does not wait."""


class Servers(Protocol):
    """Who tells what transactions cost."""

    async def fee(self) -> Fees:
        """Return what transactions cost now."""
        ...


class Foresight:
    """Looks ahead for one watch."""

    def __init__(
        self,
        watch: Watch,
        *,
        servers: Servers,
        desk: Desk,
        limits: Limits,
        pool: TicketPool,
        spends_own: Callable[[Address], bool] = lambda _: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look ahead with the operator's limits; ``clock`` is monotonic seconds.

        ``spends_own`` tells whether what is signed for an account is paid by itself.
        """
        self._spends_own = spends_own
        self._watch = watch
        self._servers = servers
        self._desk = desk
        self._limits = limits
        self._pool = pool
        self._clock = clock
        self._due = 0.0

    def needed(self, account: Address) -> Drops | None:
        """Return what an account must be able to spend: one attempt at the cap, always.

        None for one whose fees are paid by another.
        """
        return self._limits.fees.cap if self._spends_own(account) else None

    @property
    def tickets_wanted(self) -> int:
        """How many tickets a payee that pays its own fees is to hold."""
        return self._pool.size

    def hold_to(self, limits: Limits, pool: TicketPool) -> None:
        """Look ahead, in the next round, with other limits."""
        self._limits, self._pool, self._due = limits, pool, 0.0

    async def look_ahead(self) -> None:
        """Tell of what would go wrong.

        Raises:
            LedgerError: no server tells what transactions cost.
        """
        for account in sorted(self._watch.accounts):
            self._look_at(account)
        if self._watch.newest is None or self._clock() < self._due:
            return
        self._due = self._clock() + _EVERY
        out = await self.way_out()
        if out is None or out.is_possible:
            self._desk.end("exit_too_slow", "channels")
        else:
            self._desk.stand(
                catalogue.exit_too_slow(
                    channels=out.channels,
                    ledgers=out.ledgers,
                    left=out.left,
                    shortest=out.shortest,
                )
            )

    def spenders(self) -> list[Address]:
        """Return the accounts whose own money what is signed for them costs."""
        return [account for account in self._watch.accounts if self._spends_own(account)]

    async def way_out(self) -> Exit | None:
        """Return how it would go if every channel that can be protected closed now.

        What may be spent on a channel is taken to be what the one in the middle allows.
        """
        watch = self._watch
        stakes: list[Drops] = []
        delays: set[int] = set()
        for number, (name, channel) in enumerate(tuple(watch.channels.items()), start=1):
            if at_risk := watch.incoming.at_risk(name):
                stakes.append(at_risk)
                delays.add(channel.entry.settle_delay)
            if number % _PAGE == 0:
                await asyncio.sleep(0)
        if not stakes:
            return None
        stakes.sort()
        return way_out(
            stakes,
            shortest=min(delays),
            margin=watch.incoming.policy.margin,
            budget=self._limits.fees.budget(stakes[len(stakes) // 2]),
            market=Market.of(await self._servers.fee()),
        )

    def _look_at(self, account: Address) -> None:
        """Tell what an account cannot pay, or cannot hold."""
        newest, spare = self._watch.newest, self._watch.spare(account)
        if newest is None or spare is None:
            return
        if not self._spends_own(account):
            for name in ("fee_money_low", "ticket_pool_short"):
                self._desk.end(name, account)
            return
        # One attempt at the cap must always be possible; tickets are made from what is above that.
        cap = self._limits.fees.cap
        if spare < cap:
            self._desk.stand(catalogue.fee_money_low(account, spendable=spare, needed=cap))
        else:
            self._desk.end("fee_money_low", account)
        if account not in self._watch.payees:
            return
        held = self._watch.ticket_count(account)
        missing = self._pool.missing(held)
        needed = Drops(cap + missing * newest.reserve_increment)
        if missing and spare < needed:
            short, wanted = Drops(needed - spare), self._pool.size
            self._desk.stand(
                catalogue.ticket_pool_short(account, held=held, wanted=wanted, short=short)
            )
        else:
            self._desk.end("ticket_pool_short", account)
