"""The means for a ticket pool, looked at once for each account, before anything hangs on it.

A pool that the account's reserve cannot hold is a mistake of the configuration, and the best time
to hear of it is the start at which it is new. What it guarantees:

- The tower refuses to go on with such a pool only where it has never gone on with it before and
  no claim for the account is kept: there is nothing to lose by stopping then, and somebody is there
  to read why.
- It never stops for it later. Where an account was swept since, it says so (the alarm
  ``ticket_pool_short``) and redeems on sequences: a tower that does not run redeems nothing.
- No ticket is made for an account before the answer.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from watchtower.errors import TicketPoolError
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.response.tickets import TicketPool
from watchtower.units import Address, Drops, format_drops

__all__ = ["POOL_NOTE", "Means"]

POOL_NOTE: Final = "pool "
"""Followed by an account: the largest pool that the tower has gone on with for it."""


class _Claims(Protocol):
    async def load_all(self) -> list[Claim]: ...
    async def count_pending(self) -> int: ...


class _Notes(Protocol):
    async def get(self, name: str) -> Any: ...
    async def put(self, name: str, value: Any) -> None: ...


class Work(Protocol):
    """What is asked of one transaction of the store."""

    @property
    def claims(self) -> _Claims:
        """The claims that are kept."""
        ...

    @property
    def notes(self) -> _Notes:
        """Where it stands with which pool the tower has gone on."""
        ...


class Store(Protocol):
    """Where claims are kept."""

    def write(self) -> AbstractAsyncContextManager[Work]:
        """Begin one durable transaction."""
        ...


class Means:
    """Whether the accounts of ``watch`` have the means for ``pool``, and the fee of one attempt."""

    def __init__(self, watch: Watch, *, store: Store, pool: TicketPool, fee_cap: Drops) -> None:
        """Know nothing of any account yet."""
        self._watch = watch
        self._store = store
        self._pool = pool
        self._fee_cap = fee_cap
        self._admitted: set[Address] = set()
        self._refuses = True

    def hold_to(self, pool: TicketPool, fee_cap: Drops) -> None:
        """Look by other limits, and refuse nothing by them.

        Settings that are read again while the tower runs must not end it: what an account cannot
        hold is an alarm then (``ticket_pool_short``).
        """
        self._pool, self._fee_cap, self._refuses = pool, fee_cap, False

    async def admit(self, account: Address) -> bool:
        """Return whether tickets may be made for ``account``; not before its estate is known.

        Raises:
            TicketPoolError: it cannot hold the pool, and nothing hangs on its being guarded.
            StoreError: that the tower goes on could not be written down.
        """
        if account in self._admitted:
            return True
        newest, estate = self._watch.newest, self._watch.estates.get(account)
        if newest is None or estate is None or estate.entry is None:
            return False
        async with self._store.write() as work:
            gone_on_with = await work.notes.get(POOL_NOTE + account) or 0
            if self._pool.size > gone_on_with:
                if self._refuses and not await self._is_relied_on(work, account):
                    above_reserve = estate.entry.balance - estate.reserve(newest)
                    self._refuse_without_means(account, above_reserve, newest.reserve_increment)
                await work.notes.put(POOL_NOTE + account, self._pool.size)
        self._admitted.add(account)
        return True

    async def _is_relied_on(self, work: Work, account: Address) -> bool:
        """Return whether any claim is kept that is, or may be, for ``account``."""
        if await work.claims.count_pending():
            return True
        return any(
            (channel := self._watch.channels.get(claim.channel)) is None
            or channel.entry.destination == account
            for claim in await work.claims.load_all()
        )

    def _refuse_without_means(self, account: Address, above_reserve: int, increment: Drops) -> None:
        held, wanted = self._watch.ticket_count(account), self._pool.size
        room = max(0, above_reserve - self._fee_cap) // max(1, increment)
        short = self._fee_cap + (wanted - held) * increment - above_reserve
        if wanted > held and short > 0:
            raise TicketPoolError(
                account=account,
                short=format_drops(Drops(short)),
                wanted=wanted,
                possible=held + room,
            )
