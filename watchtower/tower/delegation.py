"""The tower as a delegate: whether it may send claims for others, and can pay, told to people.

It decides nothing: who signs asks the watch itself. Where a permission was lost the ledger is asked
again, for a transaction that takes it back may be a single server's lie, and a right that is there
must not be lost by that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Final, Protocol

import structlog

from watchtower.alerts import of_delegation
from watchtower.alerts.desk import Desk
from watchtower.errors import LedgerError
from watchtower.guard.watch import Watch
from watchtower.judgement.delegation import DelegationFault
from watchtower.ledger.events import AccountFact
from watchtower.units import Address, Drops

__all__ = ["Delegation"]

_log = structlog.get_logger(__name__)

_ASK_AGAIN: Final = 60.0
"""Seconds between two looks at an account that permits nothing."""


class Servers(Protocol):
    """Who tells what an account permits."""

    async def read_account(self, account: Address) -> tuple[AccountFact, ...]:
        """Return what an account has of its own, and what it permits the tower."""
        ...


class Delegation:
    """What ``delegate``, the tower's own account, may do for ``accounts``."""

    def __init__(
        self,
        watch: Watch,
        *,
        delegate: Address,
        accounts: Collection[Address],
        money: Drops,
        servers: Servers,
        desk: Desk,
        learn: Callable[[Iterable[AccountFact]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look after the permissions of ``watch``.

        Args:
            watch: knows both sides' accounts.
            delegate: the tower's own account.
            accounts: those that are to have permitted it to claim for them.
            money: the drops that it should have for fees, above its reserve.
            servers: who tells what is permitted.
            desk: who is told.
            learn: takes what servers told.
            clock: monotonic seconds.
        """
        self._watch = watch
        self._delegate = delegate
        self._accounts = tuple(sorted(accounts))
        self._money = money
        self._servers = servers
        self._desk = desk
        self._learn = learn
        self._clock = clock
        self._ask_at: dict[Address, float] = {}

    async def look(self) -> None:
        """Tell people how things stand, and ask again about what was lost."""
        for account in self._accounts:
            fault = self._watch.delegation_fault(account)
            if fault is DelegationFault.NOT_PERMITTED:
                await self._ask_again(account)
                fault = self._watch.delegation_fault(account)
            if fault is None:
                self._desk.end("delegation_missing", account)
            elif fault is not DelegationFault.UNKNOWN:
                alarm = of_delegation.delegation_missing(
                    account, delegate=self._delegate, why=fault.sentence
                )
                self._desk.stand(alarm)
        self._look_at_money()

    async def _ask_again(self, account: Address) -> None:
        now = self._clock()
        if now < self._ask_at.get(account, now):
            return
        self._ask_at[account] = now + _ASK_AGAIN
        try:
            self._learn(await self._servers.read_account(account))
        except LedgerError as failed:
            _log.warning("delegation_not_read", account=account, why=str(failed))

    def _look_at_money(self) -> None:
        spare = self._watch.spare(self._delegate)
        if spare is None:
            return
        if spare < self._money:
            alarm = of_delegation.delegate_money_low(
                self._delegate, balance=spare, wanted=self._money
            )
            self._desk.stand(alarm)
        else:
            self._desk.end("delegate_money_low", self._delegate)
