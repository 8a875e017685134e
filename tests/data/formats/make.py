"""Makes a store with every kind of record, by the code that is on the path: see README.md.

``python make.py FILE`` writes FILE, and beside it, as JSON, what must be read from it for ever.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.store import make
from watchtower.access.token import Scope, Token
from watchtower.store.database import Store
from watchtower.store.work import Work
from watchtower.units import Drops, LedgerIndex

__all__ = ["contents", "fill"]


async def fill(work: Work) -> None:
    """Write some of everything."""
    await work.network.pin(21337)
    await work.channels.put_all(
        [make.channel(1, at=101, balance=5), make.channel(2), make.channel(3, at=140, closed=True)]
    )
    for number in (1, 2, 3):
        await work.claims.raise_best(make.claim(number, 1_000 * number))
    await work.claims.put_pending(make.claim(9, 77))
    await work.attempts.put_all(
        [make.attempt(1), make.attempt(3, seat=8, blob="AA"), make.attempt(3, seat=9, blob="BB")]
    )
    settled = make.attempt(3, seat=8, blob="AA")
    await work.attempts.settle(settled.account, settled.seat, settled.transaction, make.outcome())
    await work.secrets.put(make.key())
    if hasattr(work, "highest"):
        await work.highest.raise_all({make.channel_id(1): Drops(900)})
    await work.tokens.add(
        Token(
            name="shop",
            identity="0123456789abcdef",
            digest=bytes(32),
            scopes=(Scope.SUBMIT,),
            quota=60,
            expires=None,
            created=1_764_000_000,
        )
    )
    for number in range(1, 41):
        await work.journal.append(
            "claim_kept",
            channel=make.channel_id(1 + number % 3),
            ledger_index=LedgerIndex(100 + number),
            facts={"amount": number, "rescued": False, "why": "é" * (number % 5)},
        )
    await work.notes.put("status", {"shadow": False, "alarms": [], "ledger_index": 140})
    await work.notes.put(f"redeemed {make.channel_id(1)}", 800_000_000)
    if hasattr(work, "bundles"):
        await work.bundles.raise_all([make.presigned(1), make.presigned(2, 5, ticket=6)])
    await work.cursor.move(LedgerIndex(140))


async def contents(store: Store) -> dict[str, Any]:
    """Return all that stands in a store, in JSON values."""
    async with store.read() as work:
        told = {
            "network": await work.network.get(),
            "cursor": await work.cursor.get(),
            "channels": await work.channels.load_all(),
            "claims": await work.claims.load_all(),
            "pending": await work.claims.load_pending(),
            "attempts": await work.attempts.load_all(),
            "journal": await work.journal.tail(1_000),
            "keys": await work.secrets.load_all(),
            "notes": await work.notes.load_all(),
            "tokens": await work.tokens.load_all(),
            "bundles": await work.bundles.load_all() if hasattr(work, "bundles") else [],
        }
        await work.verify()
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told))
    for name in ("channels", "claims", "keys"):
        found[name].sort(key=repr)
    return found


async def main(path: Path) -> None:
    """Make the store, and tell what is in it."""
    clock = iter(range(1_764_000_000, 1_765_000_000))
    opening = Store.create(path, make.PASSPHRASE, cost=make.CHEAP, clock=lambda: float(next(clock)))
    async with await opening as store:
        async with store.write() as work:
            await fill(work)
        told = await contents(store)
    path.with_suffix(".json").write_text(
        msgspec.json.format(msgspec.json.encode(told), indent=1).decode() + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
