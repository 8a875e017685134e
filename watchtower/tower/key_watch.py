"""Whether the keys that are not here would sign, asked before they have to.

A token that was pulled out, locked or lost its key is found within a minute, and not in the
ledger in which a channel has to be redeemed. What it signs to prove it is no transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from watchtower.alerts import of_keys
from watchtower.alerts.desk import Desk
from watchtower.errors import HsmError
from watchtower.units import Address

__all__ = ["KeyWatch"]

_log = structlog.get_logger(__name__)

_EVERY: Final = 60.0
_AGAIN: Final = 5.0
"""Seconds between two looks: while all sign, and while one does not."""


class Keys(Protocol):
    """The keys that sign elsewhere."""

    @property
    def accounts(self) -> Sequence[Address]:
        """Whose they are."""
        ...

    async def prove(self, account: Address) -> str:
        """Return the public key that signs for an account now, or raise an HsmError."""
        ...


class Holder(Protocol):
    """Whoever has to know which keys we have."""

    def hold_elsewhere(self, keys: Mapping[Address, str | None]) -> None:
        """Take note of public keys by account; None while one has not been seen."""
        ...


class KeyWatch:
    """Looks after the keys of one token, until cancelled."""

    def __init__(self, keys: Keys, *, desk: Desk, holder: Holder) -> None:
        """Tell ``desk`` what does not sign, and ``holder`` what does."""
        self._keys = keys
        self._desk = desk
        self._holder = holder
        self._proven: dict[Address, str | None] = dict.fromkeys(keys.accounts)
        holder.hold_elsewhere(self._proven)

    async def watch_for_ever(self) -> None:
        """Look every now and then, and more often while something is wrong."""
        while True:
            all_sign = await self.look()
            await asyncio.sleep(_EVERY if all_sign else _AGAIN)

    async def look(self) -> bool:
        """Have every key sign once; return whether all did."""
        all_sign = True
        for account in self._keys.accounts:
            try:
                public_key = await self._keys.prove(account)
            except HsmError as why:
                all_sign = False
                self._desk.stand(of_keys.hsm_does_not_sign(account, why=str(why)))
                continue
            self._desk.end("hsm_does_not_sign", account)
            if self._proven.get(account) != public_key:
                self._proven[account] = public_key
                self._holder.hold_elsewhere(self._proven)
                _log.info("hsm_signs", account=account, public_key=public_key)
        return all_sign
