"""What the tests run in a process of its own: ``python another_process.py PATH WHAT …``.

Every claim that is kept is acknowledged by one line on standard output, after the commit.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from itertools import count
from pathlib import Path

from tests.store import make
from watchtower.errors import StoreError
from watchtower.keys.ways import AnyWayIn
from watchtower.store.database import Store


def say(text: object) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def keep_claims(store: Store, amounts: range) -> None:
    """Raise the best claim of channel 1, and tell the journal, for each amount."""
    for amount in amounts:
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, amount))
            await work.journal.append("claim_kept", channel=make.channel_id(1))
        say(amount)


async def keep_until_killed(store: Store) -> None:
    """Keep claims for ever."""
    for amount in count(1):
        await keep_claims(store, range(amount, amount + 1))


async def hold(store: Store) -> None:
    """Begin to write, and hold on to that until standard input ends."""
    async with store.write() as work:
        await work.journal.append("held")
        say("holding")
        await asyncio.to_thread(sys.stdin.read)


async def fill(store: Store) -> None:
    """Keep claims on a disk that takes no more than a quarter of a megabyte a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (262_144, 262_144))
    try:
        await keep_until_killed(store)
    except StoreError as error:
        say(f"{type(error).__name__}: {error}")


async def main() -> None:
    """Open the store and do what was asked."""
    way = AnyWayIn(lambda: make.PASSPHRASE, None)
    async with await Store.open(Path(sys.argv[1]), way, patience=30) as store:
        match sys.argv[2:]:
            case ["keep", first, last]:
                await keep_claims(store, range(int(first), int(last)))
            case ["hold"]:
                await hold(store)
            case ["fill"]:
                await fill(store)
            case _:
                await keep_until_killed(store)


asyncio.run(main())
