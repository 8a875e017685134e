"""Facts of ledgers that were missed, from one server's ``account_tx``.

What it guarantees: the facts of a range are complete or there are none. A server whose history
has a hole in the range is not asked; one that answers for less than the range, with rows that are
not validated or without metadata, or that goes round in circles, is refused with `AnswerError`.
The caller then asks another server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final, Protocol

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.decode import decode_transaction
from watchtower.ledger.events import Fact
from watchtower.ledger.ranges import LedgerRanges
from watchtower.ledger.sequence import Gap
from watchtower.ledger.wire import integer
from watchtower.units import Address, LedgerIndex

__all__ = ["HistoryServer", "read_facts"]

_PAGE: Final = 200
"""Rows a page: the limit of a public server (rippled Tuning.h, accountTx)."""

_AT_ONCE: Final = 4
"""Accounts asked about at the same time; more would only bring the server's load warning."""

_COMMAND: Final = "account_tx"


class HistoryServer(Protocol):
    """One server that may have history."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def history(self) -> LedgerRanges:
        """The ledgers that it says it has."""
        ...

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Ask it and return the result."""
        ...


async def read_facts(
    server: HistoryServer, gap: Gap, accounts: Collection[Address]
) -> tuple[Fact, ...]:
    """Return every fact of the ledgers of ``gap`` about ``accounts``, in order, each once.

    Raises:
        AnswerError: the server has holes, or its answer cannot be relied on.
        LedgerError: it could not be asked.
    """
    _insist_on_history(server, gap)
    limit = asyncio.Semaphore(_AT_ONCE)
    facts: dict[Fact, None] = {}

    async def read(account: Address) -> list[Fact]:
        async with limit:
            return [
                fact
                async for row in _rows(server, account, gap)
                for fact in decode_transaction(row, accounts, server=server.url)
            ]

    for found in await _all_or_none([read(account) for account in sorted(accounts)]):
        facts.update(dict.fromkeys(found))
    # A server that deletes old ledgers may have done so while it was read.
    _insist_on_history(server, gap)
    return tuple(sorted(facts, key=lambda fact: fact.at))


async def _all_or_none(reads: list[Any]) -> list[list[Fact]]:
    """Await all; on the first failure stop the others and raise it as it is."""
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _insist_on_history(server: HistoryServer, gap: Gap) -> None:
    if not server.history.covers(gap.first, gap.last):
        raise _refused(server, f"it has ledgers {server.history}, not {gap.first}-{gap.last}")


async def _rows(
    server: HistoryServer, account: Address, gap: Gap
) -> AsyncIterator[Mapping[str, Any]]:
    marker: object = None
    while True:
        page = await _page(server, account, gap, marker)
        if page is None:
            return
        for row in page.get("transactions", ()):
            yield _checked_row(server, row, gap)
        following = page.get("marker")
        if following is None:
            return
        if following == marker:
            raise _refused(server, "its pages go round in circles")
        marker = following


async def _page(
    server: HistoryServer, account: Address, gap: Gap, marker: object
) -> Mapping[str, Any] | None:
    """Return one page; None when the account does not exist and so has no history."""
    params: dict[str, object] = {} if marker is None else {"marker": marker}
    try:
        page = await server.request(
            _COMMAND,
            account=account,
            ledger_index_min=gap.first,
            ledger_index_max=gap.last,
            forward=True,
            limit=_PAGE,
            **params,
        )
    except RequestRefusedError as refused:
        # xrpld answers with an empty list for an account it does not know; Clio with this.
        if refused.facts["error"] == "actNotFound":
            return None
        raise
    low, high = integer(page, "ledger_index_min"), integer(page, "ledger_index_max")
    # A server cuts the range to what it has and says so here, and only here.
    if low is None or high is None or low > gap.first or high < gap.last:
        raise _refused(server, f"it answered for ledgers {low}-{high}, not {gap.first}-{gap.last}")
    if page.get("validated") is False or not isinstance(page.get("transactions"), list):
        raise _refused(server, "its page is not validated or has no transactions")
    return page


def _checked_row(server: HistoryServer, row: object, gap: Gap) -> Mapping[str, Any]:
    if not isinstance(row, Mapping) or row.get("validated") is not True:
        raise _refused(server, "a row is not of a validated ledger")
    if not isinstance(row.get("meta"), Mapping):
        raise _refused(server, "a row has no metadata")
    place = next((row[key] for key in ("tx_json", "tx") if isinstance(row.get(key), Mapping)), row)
    index = integer(row, "ledger_index")
    index = integer(place, "ledger_index") if index is None else index
    if index is None or not gap.first <= LedgerIndex(index) <= gap.last:
        raise _refused(server, f"a row is of ledger {index}, outside of what was asked")
    return row


def _refused(server: HistoryServer, why: str) -> AnswerError:
    return AnswerError(server=server.url, command=_COMMAND, why=why)
