"""The ledger, as a rotation asks it: every server is asked, and none is outvoted.

A key that is given up cannot be had back, so a rotation believes a new regular key only if every
server that answers names it. One that contradicts the others, or is behind, holds it up; the daemon
goes on signing with whichever key the ledger takes meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from watchtower.errors import LedgerError, RotationError
from watchtower.keys.rotating import Terms
from watchtower.keys.rotation import Seen
from watchtower.ledger.accounts import read_account
from watchtower.ledger.events import AccountChanged, AccountMissing
from watchtower.ledger.servers import Servers
from watchtower.units import Address, LedgerIndex

__all__ = ["RotationLedger"]

_DISABLE_MASTER: Final = 0x00100000
_SETTLE: Final = 3.0
"""Seconds that the other servers have to be there once one is."""

_LOOK_EVERY: Final = 0.25
_MOST_AHEAD: Final = 300
"""Sequences that others may have used in one ledger: a server that tells more is not believed."""


class RotationLedger:
    """What the servers say to a rotation."""

    def __init__(self, servers: Servers, *, last_ledger_offset: int) -> None:
        """Ask ``servers``; a SetRegularKey is good for ``last_ledger_offset`` ledgers."""
        self._servers = servers
        self._offset = last_ledger_offset
        self._times = 0

    async def look(self, account: Address) -> Seen:
        """Return what every server's validated ledger says of ``account``.

        Where they differ about its regular key, what the one says that has come least far, and
        that it is contradicted.

        Raises:
            RotationError: there is no such account.
            LedgerError: no server could tell.
        """
        await self._servers.settle(_SETTLE)
        links = self._servers.ready()
        answers = await asyncio.gather(
            *(read_account(link, account) for link in links), return_exceptions=True
        )
        facts = []
        for answer in answers:
            if isinstance(answer, BaseException):
                if not isinstance(answer, LedgerError):
                    raise answer
                continue
            facts += [f for f in answer if isinstance(f, AccountChanged | AccountMissing)]
        if not facts:
            await self._servers.wait_until_ready(_SETTLE)
            raise next(a for a in answers if isinstance(a, LedgerError))
        if any(isinstance(fact, AccountMissing) for fact in facts):
            raise RotationError(account=account, why="the account is not in the ledger")
        seen = [_seen(fact) for fact in facts if isinstance(fact, AccountChanged)]
        if len({one.regular_key for one in seen}) > 1:
            behind = min(seen, key=lambda one: one.ledger_index)
            return replace(behind, is_contradicted=True)
        return max(seen, key=lambda one: one.ledger_index)

    async def terms(self, account: Address) -> Terms:
        """Return what the account's next transaction is made with; of several sequences, in turn.

        Raises:
            LedgerError: no server could tell.
        """
        seen = await self.look(account)
        told = await self._servers.account_sequences(account)
        good = [n for n in told if seen.sequence <= n <= seen.sequence + _MOST_AHEAD] or [*told]
        sequence = good[self._times % len(good)]
        self._times += 1
        return Terms(
            fee=(await self._servers.fee()).open_ledger_fee,
            sequence=sequence,
            last_ledger=LedgerIndex(seen.ledger_index + self._offset),
            network_id=self._servers.network_id or 0,
        )

    async def submit(self, blob: str) -> str:
        """Send a signed transaction to every server, and return what they answered."""
        answers = await self._servers.submit(blob)
        return ", ".join(f"{a.server}: {a.engine_result or a.message}" for a in answers)

    async def pause(self, seen: Seen) -> None:
        """Wait until a server has validated a ledger behind ``seen``."""
        await asyncio.sleep(_LOOK_EVERY)
        while not self._has_more(seen):  # noqa: ASYNC110 - links note ledgers, and tell nobody
            await asyncio.sleep(_LOOK_EVERY)

    def _has_more(self, seen: Seen) -> bool:
        return any((s.validated or 0) > seen.ledger_index for s in self._servers.states())


def _seen(fact: AccountChanged) -> Seen:
    return Seen(
        ledger_index=fact.at.ledger_index,
        regular_key=fact.entry.regular_key,
        sequence=fact.entry.sequence,
        is_master_disabled=bool(fact.entry.flags & _DISABLE_MASTER),
    )
