"""Whether there is a right by which something may sign for each account, told before it is needed.

It decides nothing. What is missing now would otherwise be found out when a channel closes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchtower.alerts import of_authority
from watchtower.alerts.desk import Desk
from watchtower.units import Address

__all__ = ["Entitlement"]


class Entitlement:
    """Looks whether something may sign for each of some accounts."""

    def __init__(
        self,
        accounts: Iterable[Address],
        *,
        why_idle: Callable[[Address], str | None],
        desk: Desk,
    ) -> None:
        """Look by ``why_idle``: why nothing may sign, as a part of a sentence; None if it may."""
        self._accounts = tuple(accounts)
        self._why_idle = why_idle
        self._desk = desk

    async def look(self) -> None:
        """Tell for which accounts nothing may sign, and for which it may again."""
        for account in self._accounts:
            why = self._why_idle(account)
            if why is None:
                self._desk.end("no_right", account)
            else:
                self._desk.stand(of_authority.no_right(account, why=why))
