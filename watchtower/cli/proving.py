"""Sending a transaction that a person ordered, until the ledger itself proves what it was for.

No engine result counts, and no transaction's result either: what it was for stands in a validated
ledger, or the ledgers in which it could still come about are over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from watchtower.errors import LedgerError
from watchtower.ledger.servers import Servers
from watchtower.units import LedgerIndex

__all__ = ["newest_validated", "send_until"]

_LOOK: Final = 1.0
"""Seconds between two looks; a ledger takes three to five."""

_PATIENCE: Final = 60
"""Looks in a row at which no server answers before nobody waits any longer."""

_BEHIND: Final = 2
"""Ledgers after the last one in which whoever was a little behind has it, too."""


async def newest_validated(servers: Servers) -> LedgerIndex:
    """Return the index of the newest validated ledger.

    Raises:
        LedgerError: no server could tell.
    """
    # The best first: one that tells of ledgers which nobody else has comes behind the others.
    for link in servers.ready():
        if link.validated is not None:
            return link.validated
    result = await servers.ask("ledger", ledger_index="validated")
    return LedgerIndex(int(result["ledger_index"]))


async def send_until(
    servers: Servers,
    blob: str,
    last_ledger: LedgerIndex,
    is_proven: Callable[[], Awaitable[bool]],
) -> str | None:
    """Send ``blob`` to all servers, again in every ledger, until ``is_proven`` or it is too late.

    Returns:
        None once it is proven; else what servers said of it last, in a part of a sentence.

    Raises:
        LedgerError: no server has answered for a minute.
    """
    words, sent_in, patience = "no server answered", LedgerIndex(0), _PATIENCE
    while True:
        try:
            now = await newest_validated(servers)
            if await is_proven():
                return None
        except LedgerError:
            patience -= 1
            if not patience:
                raise
        else:
            patience = _PATIENCE
            if now > last_ledger + _BEHIND:
                return words
            if sent_in < now <= last_ledger:
                sent_in = now
                answers = await servers.submit(blob)
                said = sorted({answer.engine_result or answer.message for answer in answers})
                words = f"servers answered {', '.join(said)}"
        await asyncio.sleep(_LOOK)
