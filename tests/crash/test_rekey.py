"""``watchtower vault rekey --master``, killed with SIGKILL, and run again until it has ended."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.forked import Forked
from tests.crash.killed_at import Moment, Step
from tests.store import make
from tests.store.rekeying import fill, moment, opened_by
from watchtower.demo.process import PASSPHRASE
from watchtower.first_settings import write_first
from watchtower.keys.ways import AnyWayIn
from watchtower.store.cipher import Keyring
from watchtower.store.database import Store
from watchtower.store.tables import SEALED_TABLES

BEGIN = 1
LAST = len(SEALED_TABLES) + 2
"""Its commits: with one it begins, each table of so small a store is one more, and one ends it."""

DEATHS = [
    (Step(Moment.BEFORE, BEGIN),),
    (Step(Moment.AFTER, BEGIN), Step(Moment.BEFORE, 5)),
    (Step(Moment.BEFORE, LAST // 2), Step(Moment.AFTER, 2)),
    (Step(Moment.AFTER, LAST - 1),),
    (Step(Moment.BEFORE, LAST),),
    (Step(Moment.AFTER, LAST),),
]


@asynccontextmanager
async def _store(path: Path) -> AsyncIterator[Store]:
    way = AnyWayIn(lambda: PASSPHRASE, None)
    async with await Store.open(path, way) as store:
        yield store


@pytest.mark.parametrize("deaths", DEATHS, ids=lambda steps: ",".join(map(str, steps)))
async def test_a_rekey_that_is_killed_anywhere_goes_on(
    tmp_path: Path, deaths: tuple[Step, ...]
) -> None:
    """After each death all that was stored is there; in the end nothing is under the old key."""
    loaded = write_first(tmp_path / "watchtower.toml", [make.PAYEE], ["ws://127.0.0.1:1"])
    path = Path(loaded.store)
    async with await make.store(path, PASSPHRASE) as store:
        await fill(store, 3)
        before, old = await moment(store), Keyring(store._keys.keyring.master)
    said: list[Mapping[str, Any]] = []
    command = Forked(tmp_path, said.append)
    for step in deaths:
        await command.command("vault", "rekey", "--master", step=step)
        assert command.exit_code == -signal.SIGKILL, (said, command.answered)
        async with _store(path) as store:
            assert await moment(store) == before
    is_done = deaths == (Step(Moment.AFTER, LAST),)
    if not is_done:
        (told,) = await command.command("vault", "rekey", "--master")
        assert told["resumed"] is (deaths != (Step(Moment.BEFORE, BEGIN),))
    async with _store(path) as store:
        assert await moment(store) == before
        assert not await store.rekeying().is_under_way()
        assert opened_by(old, path) == []
