"""A small store of which single bytes are flipped: whether each flip is found, or does no harm.

``scripts/flips`` flips every byte there is, which takes some minutes; the tests flip some of every
page. A flip is *found* if the store does not open, does not verify, or the audit names a problem;
*harmless* if all that can be read is as it was; and *believed* otherwise, which must never be.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.store import make
from watchtower.errors import StoreError
from watchtower.units import LedgerIndex

PAGE: Final = 512
"""Bytes of a page, the fewest that SQLite takes: so the store is small, and has many pages."""


async def small_store(path: Path) -> None:
    """Make a store in which every table has a record or two."""
    async with await make.store(path) as store:
        await store.pin_network(21337)
        async with store.write() as work:
            await work.journal.append_all(
                [("claim_kept", make.channel_id(1), None, {"amount": 100 + n}) for n in range(4)]
            )
            await work.channels.put_all([make.channel(1), make.channel(2, closed=True)])
            await work.claims.raise_best(make.claim(1, 500))
            await work.claims.put_pending(make.claim(3))
            await work.attempts.put_all([make.attempt(1), make.attempt(2, blob="12BB")])
            settled = make.attempt(2, blob="12BB")
            await work.attempts.settle(
                settled.account, settled.seat, settled.transaction, make.outcome()
            )
            await work.secrets.put(make.key())
            await work.bundles.raise_all([make.presigned(1)])
            await work.cursor.move(LedgerIndex(100))
            await work.notes.put("status", {"ledger": 100})
            await work.pruning.prune([1])
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = DELETE")
        file.execute(f"PRAGMA page_size = {PAGE}")
        file.execute("VACUUM")
    clean(path)


def clean(path: Path) -> None:
    """Take away what SQLite leaves beside a file."""
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()


async def contents(path: Path) -> list[Any] | None:
    """All that can be read of a store; None if it was looked through and is not whole."""
    async with await make.reopen(path) as store, store.read() as work:
        await work.verify()
        if (await work.auditor().look()).problems:
            return None
        return [
            await work.channels.load_all(),
            await work.claims.load_all(),
            await work.claims.load_pending(),
            await work.attempts.load_all(),
            await work.attempts.for_channel(make.channel_id(1)),
            await work.journal.load_all(),
            await work.journal.story(make.channel_id(1)),
            await work.journal_tree.frontier(),
            await work.secrets.load_all(),
            await work.bundles.load_all(),
            await work.cursor.get(),
            await work.notes.load_all(),
            store.network,
        ]


async def flipped(path: Path, flips: Iterable[tuple[int, int]]) -> list[tuple[int, str]]:
    """Flip bits, one at a time, each a byte's index and a bit; return what became of each."""
    whole = _bytes_of(path)
    before = await contents(path)
    assert before is not None
    became = []
    for index, bit in flips:
        clean(path)
        changed = bytearray(whole)
        changed[index] ^= 1 << bit
        _put(path, bytes(changed))
        try:
            after = await contents(path)
        except StoreError:
            after = None
        verdict = "found" if after is None else "harmless" if after == before else "believed"
        became.append((index, verdict))
    clean(path)
    _put(path, whole)
    return became


def _bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def of_some_pages(size: int) -> list[tuple[int, int]]:
    """Some bytes of every page's header, and of every eighth page all of it, here and there."""
    inner = {*range(12), *range(12, PAGE, 37)}
    return [
        (first + offset, (first // PAGE + offset) % 8)
        for first in range(0, size, PAGE)
        for offset in sorted(inner if (first // PAGE) % 8 == 0 else {0, 5})
    ]


def main() -> int:
    """Flip a bit of every byte; the last line is JSON, and the exit code 1 if any is believed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "w.db"
        asyncio.run(small_store(path))
        size = path.stat().st_size
        became = [*asyncio.run(flipped(path, [(index, index % 8) for index in range(size)]))]
    for index, verdict in became:
        if verdict == "believed":
            sys.stdout.write(f"byte {index} of page {index // PAGE + 1} was believed\n")
    counted = Counter(verdict for _, verdict in became)
    sys.stdout.write(json.dumps({"bytes": size, **counted}) + "\n")
    return 1 if counted["believed"] else 0


if __name__ == "__main__":
    sys.exit(main())
