"""Bugs in what is remembered: the journal, the cursor, the claims, the disk.

Each is one mistake, put in while its context lasts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Final
from unittest.mock import patch

from simulation.planted.both import both
from watchtower.claims import decide as decide_module
from watchtower.errors import StoreFullError
from watchtower.judgement.claim import Claim
from watchtower.response.attempt import Attempt
from watchtower.response.launch import Launch
from watchtower.store import claims as claims_module
from watchtower.store.database import Store
from watchtower.store.responses import Attempts
from watchtower.store.sealed import Record, SealedTable
from watchtower.store.state import Cursor
from watchtower.store.work import Work
from watchtower.tower.tower import Tower
from watchtower.units import Drops, LedgerIndex

__all__ = ["BUGS"]


def journal_dropped() -> AbstractContextManager[Any]:
    """Attempts are sent, and not written down."""

    async def write_down(_self: Launch, _attempts: Sequence[Attempt]) -> None:
        return

    return patch.object(Launch, "_write_down", write_down)


def sent_before_the_journal() -> AbstractContextManager[Any]:
    """Attempts are sent first, and written down then."""

    async def launch(self: Launch, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._docket.attempt_made(attempt)
            self._send(attempt, attempt.made_in)
        await self._submitter.drained()
        await self._write_down(attempts)

    return patch.object(Launch, "launch", launch)


def cursor_forgotten() -> AbstractContextManager[Any]:
    """The cursor is never moved."""

    async def move(_self: Cursor, _ledger_index: LedgerIndex) -> bool:
        return True

    return patch.object(Cursor, "move", move)


def attempts_forgotten() -> AbstractContextManager[Any]:
    """After a start nobody knows what was on its way."""

    async def unsettled(_self: Attempts) -> list[Attempt]:
        return []

    return patch.object(Attempts, "unsettled", unsettled)


def best_claim_sinks() -> AbstractContextManager[Any]:
    """The last claim counts, and not the best."""

    async def keep(table: SealedTable[Claim], claims: Iterable[tuple[str, Claim]]) -> int:
        last = {name: Record(claim) for name, claim in claims}
        await table.put_all(last)
        return len(last)

    def floor(*_: Any) -> Drops:
        return Drops(0)

    return both(
        patch.object(claims_module, "_raise", keep), patch.object(decide_module, "_floor", floor)
    )


@contextmanager
def disk_errors_swallowed() -> Iterator[None]:
    """A write that failed is taken for one that did not."""
    write = Store.write

    @asynccontextmanager
    async def swallowing(self: Store) -> AsyncIterator[Work]:
        try:
            async with write(self) as work:
                yield work
        except StoreFullError:
            return

    with patch.object(Store, "write", swallowing):
        yield


def first_disk_error_is_the_last() -> AbstractContextManager[Any]:
    """Responding ends with the first write that fails."""

    async def respond_for_ever(self: Tower) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.respond()
            except StoreFullError:
                return

    return patch.object(Tower, "respond_for_ever", respond_for_ever)


BUGS: Final = (
    journal_dropped,
    sent_before_the_journal,
    cursor_forgotten,
    attempts_forgotten,
    best_claim_sinks,
    disk_errors_swallowed,
    first_disk_error_is_the_last,
)
"""Every one of them."""
