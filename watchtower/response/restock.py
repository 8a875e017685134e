"""Keeping the ticket pools filled: ``TicketCreate``, journalled and confirmed like any attempt.

What it guarantees: nobody waits for a hand that hangs, neither the other accounts nor what is owed.
It signs on beside all that comes next; what it has signed by then is sent if its seat is still the
account's next one, and otherwise never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import structlog

from watchtower.errors import SigningError
from watchtower.ledger.events import LedgerClosed, Seat
from watchtower.response.attempt import Attempt, Purpose
from watchtower.response.enquiry import Enquiry, enquire
from watchtower.response.lanes import PATIENCE
from watchtower.response.launch import Launch
from watchtower.response.market import Market
from watchtower.response.respond import Limits
from watchtower.response.seats import Seats
from watchtower.response.surroundings import Docket, Servers, Signed, Signer
from watchtower.response.tickets import TicketPool, ticket_transaction
from watchtower.response.way import PLAIN, Way
from watchtower.units import Address, Drops, LedgerIndex

__all__ = ["Restocker"]

_log = structlog.get_logger(__name__)

_PAUSE: Final = 20
"""Ledgers between two tries for an account, whatever came of the first: what is refused must not
be paid for again in every ledger, and nobody is asked over and over whether it is cheap by now."""


class Restocker:
    """Makes tickets for accounts that run low of them."""

    def __init__(
        self,
        docket: Docket,
        *,
        servers: Servers,
        signer: Signer,
        launch: Launch,
        limits: Limits,
        pool: TicketPool,
        admit: Callable[[Address], Awaitable[bool]],
    ) -> None:
        """Keep ``pool`` filled for the accounts that `restock` is called with, once admitted."""
        self._docket = docket
        self._servers = servers
        self._signer = signer
        self._launch = launch
        self._limits = limits
        self._pool = pool
        self._admit = admit
        self._asked_in: dict[Address, LedgerIndex] = {}
        self._under_way: dict[Address, asyncio.Task[Attempt | None]] = {}

    async def restock(self, accounts: Collection[Address]) -> tuple[Attempt, ...]:
        """Make tickets where they are missing and can be held; return the attempts.

        Who signs slowly is heard by a later call.

        Args:
            accounts: for which nothing else is being signed.

        Raises:
            LedgerError: no server told prices or sequences.
            StoreError: an attempt could not be written down, and so was not sent.
            TicketPoolError: an account was not admitted.
        """
        newest = self._docket.newest
        if newest is None or self._launch.shadow:
            return ()
        admitted = [account for account in sorted(accounts) if await self._admit(account)]
        wanted = {
            account: count for account in admitted if (count := self._wanted(account, newest)) > 0
        }
        concerned = {*wanted, *self._ended(accounts)}
        if not concerned:
            return ()
        self._asked_in |= dict.fromkeys(wanted, newest.ledger_index)
        enquiry = await enquire(self._servers, self._docket, concerned)
        if enquiry.silence is not None:
            raise enquiry.silence
        begun = {
            account: asyncio.create_task(self._make(account, count, enquiry))
            for account, count in wanted.items()
        }
        self._under_way |= begun
        if begun:
            await asyncio.wait(begun.values(), timeout=PATIENCE)
        signed = [self._under_way.pop(account).result() for account in self._ended(concerned)]
        seats = self._seats(enquiry)
        made = [
            one for one in signed if one is not None and one.seat == seats.sequence(one.account)
        ]
        await self._launch.launch(made)
        return tuple(made)

    def hold_to(self, limits: Limits, pool: TicketPool) -> None:
        """Keep another pool filled, under other limits, and soon."""
        self._limits, self._pool = limits, pool
        self._asked_in.clear()

    async def close(self) -> None:
        """Stop signing. What was signed and not sent never will be."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, accounts: Collection[Address]) -> list[Address]:
        """Return those of ``accounts`` whose hand has answered, and was not heard yet."""
        return [a for a in sorted(accounts) if a in self._under_way and self._under_way[a].done()]

    def _seats(self, enquiry: Enquiry) -> Seats:
        alive = self._docket.attempts.values()
        return Seats(alive, next_sequence=enquiry.sequences, tickets={})

    def _wanted(self, account: Address, newest: LedgerClosed) -> int:
        """Return how many tickets to make for an account now."""
        if account in self._under_way:
            return 0
        spare = self._docket.spare(account)
        asked_in = self._asked_in.get(account)
        if spare is None or (asked_in is not None and newest.ledger_index < asked_in + _PAUSE):
            return 0
        under_way = self._docket.attempts.values()
        if any(a.account == account and a.purpose is Purpose.MAKE_TICKETS for a in under_way):
            return 0
        return self._pool.affordable(
            self._docket.ticket_count(account),
            # One attempt at the cap must stay possible.
            spare=Drops(spare - self._limits.fees.cap),
            increment=newest.reserve_increment,
        )

    async def _make(self, account: Address, count: int, enquiry: Enquiry) -> Attempt | None:
        """Return a signed attempt; None where it cannot be seated, or costs more than usual.

        Making tickets can wait: it goes at the base fee, or not now.
        """
        newest = self._docket.newest
        seat = self._seats(enquiry).sequence(account)
        if seat is None or newest is None or enquiry.market.is_escalated:
            return None
        last_ledger = LedgerIndex(newest.ledger_index + self._limits.last_ledger_offset)
        signed = await self._signed(account, count, seat, last_ledger, enquiry.market)
        if signed is None:
            return None
        signature, way, fee = signed
        return Attempt(
            channel=None,
            account=account,
            seat=seat,
            target=Drops(0),
            balance_before=Drops(0),
            fee=fee,
            last_ledger=last_ledger,
            made_in=newest.ledger_index,
            transaction=signature.transaction,
            blob=signature.blob,
            purpose=Purpose.MAKE_TICKETS,
            fee_units=way.fee_units,
            fee_payer=way.fee_payer,
            by=way.by,
        )

    async def _signed(
        self, account: Address, count: int, seat: Seat, last_ledger: LedgerIndex, market: Market
    ) -> tuple[Signed, Way, Drops] | None:
        """Return what the first hand that does not refuse has signed, how, and for what fee."""
        while True:
            way = self._signer.way(account) or PLAIN
            fee = market.times(way.fee_units).base
            unsigned = ticket_transaction(
                account=account,
                count=count,
                fee=fee,
                seat=seat,
                last_ledger=last_ledger,
                network_id=self._servers.network_id or 0,
            )
            try:
                return await self._signer.sign(unsigned), way, fee
            except SigningError as refused:
                if not self._signer.turn(account, None, refused):
                    _log.info("tickets_not_signed", account=account, why=str(refused))
                    return None
