"""A key for backups, and backups made with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.store import make
from watchtower.store.backups.age import Identities, new_identity
from watchtower.store.backups.making import Made, Plan, back_up
from watchtower.store.database import Store

_IDENTITY, RECIPIENT = new_identity()
KEYS: Final = Identities((_IDENTITY,), frozenset())
_TIME: Iterator[int] = count(1_800_000_000)


async def made(store: Store, place: Path, *, at: int | None = None, **plan: Any) -> Made:
    """Make a backup, a second after the one before, or when the clock says ``at``."""
    wanted = Plan(place=place, recipients=[RECIPIENT], network=store.network, **plan)
    return await back_up(store, wanted, clock=lambda: float(next(_TIME) if at is None else at))


def empty(path: Path, *, is_folder: bool = False) -> Path:
    """Make an empty file, or an empty folder."""
    if is_folder:
        path.mkdir()
    else:
        path.touch(mode=0o600)
    return path


async def a_chain(store: Store, folder: Path, length: int = 3) -> list[Path]:
    """Make a folder with a chain, in which something came, changed and went each time."""
    empty(folder, is_folder=True)
    paths = []
    for number in range(1, length + 1):
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 100 * number))
            await work.claims.raise_best(make.claim(number + 1, 7))
            await work.channels.put(make.channel(number, at=100))
            await work.journal.append("told", channel=make.channel_id(number))
            await work.notes.put(f"note {number}", number)
            if number > 1:
                await work.notes.drop(f"note {number - 1}")
                await work.channels.put(make.channel(number - 1, at=200, closed=True))
        paths.append((await made(store, folder)).path)
    return paths
