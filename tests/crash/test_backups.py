"""A backup or a restore that is killed at any step: nothing is lost, and the next one does it."""

from __future__ import annotations

import asyncio
import shutil
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.crash.at_any_step import Work, deaths
from tests.store import make
from tests.store.backups.chains import a_chain
from watchtower.store.backups.age import Identities, new_identity, read_identities, write_identity
from watchtower.store.backups.folder import chain_at, heads_in
from watchtower.store.backups.making import Plan, back_up
from watchtower.store.backups.reading import check_contents
from watchtower.store.notes import RECOVERY
from watchtower.store.restore import restore

_EVERY = 3
"""At every so many steps there is a death; each of them costs a process."""


def _keys(room: Path) -> Identities:
    return read_identities((room / "key").read_text(), "key")


async def _back_up(room: Path, **plan: Any) -> None:
    recipient = (room / "recipient").read_text()
    async with await make.reopen(room / "w.db") as store:
        wanted = Plan(place=room / "backups", recipients=[recipient], **plan)
        await back_up(store, wanted, clock=lambda: 2_000_000_000.0)


async def increment(room: Path) -> None:
    """What changed is added to a chain."""
    await _back_up(room)


async def base(room: Path) -> None:
    """A chain is complete, and the one before goes."""
    await _back_up(room, base_every=2, keep=1)


async def into_nothing(room: Path) -> None:
    """The backup becomes the store."""
    await restore(
        room / "backups",
        room / "new" / "w.db",
        make.PASSPHRASE,
        identities=_keys(room),
        cost=make.CHEAP,
    )


async def into_a_store(room: Path) -> None:
    """The backup is merged into a store that has something, and lacks something."""
    await restore(room / "backups", room / "w.db", make.PASSPHRASE, identities=_keys(room))


async def _prepared(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity, recipient = new_identity()
    (room / "key").write_text(write_identity(identity, None))
    (room / "recipient").write_text(recipient)
    monkeypatch.setattr("tests.store.backups.chains.RECIPIENT", recipient)
    async with await make.store(room / "w.db") as store:
        await a_chain(store, room / "backups", length=2)
        async with store.write() as work:
            await work.claims.raise_best(make.claim(1, 900))
            await work.claims.raise_best(make.claim(8, 8))
            await work.notes.drop("note 2")


async def _newest(room: Path) -> dict[str, int]:
    return await check_contents(chain_at(room / "backups"), _keys(room))


@pytest.mark.parametrize("work", [increment, base])
def test_a_backup_that_is_killed_leaves_the_last_one_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    """What has its name is whole, at any moment; what has none is cleared away by the next."""
    (tmp_path / "ready" / "new").mkdir(parents=True)
    asyncio.run(_prepared(tmp_path / "ready", monkeypatch))
    died = 0
    for step in count(1, _EVERY):
        room = tmp_path / f"{step}"
        shutil.copytree(tmp_path / "ready", room)
        has_died = deaths(work, room, step)
        assert asyncio.run(_newest(room))["claims"] >= 3
        for path, _ in heads_in(room / "backups"):
            assert chain_at(path)[-1].path == path
        asyncio.run(increment(room))
        assert asyncio.run(_newest(room))["claims"] == 4
        folder = room / "backups"
        assert {path for path, _ in heads_in(folder)} == set(folder.iterdir())
        if not has_died:
            break
        died += 1
    assert died >= 5


async def _kept(path: Path) -> object:
    async with await make.reopen(path) as store, store.read() as work:
        await work.verify()
        kinds = [entry.kind for entry in await work.journal.load_all()]
        return (
            {claim.channel: claim.amount for claim in await work.claims.load_all()},
            await work.channels.load_all(),
            [kind for kind in kinds if kind != "store_restored"],
            await work.notes.get(RECOVERY) is not None,
        )


@pytest.mark.parametrize(("work", "target"), [(into_nothing, "new/w.db"), (into_a_store, "w.db")])
def test_a_restore_that_is_killed_is_done_by_the_next(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    work: Work,
    target: str,
) -> None:
    """In between there is the store of before, or none; and nothing of the first try stays."""
    (tmp_path / "ready" / "new").mkdir(parents=True)
    asyncio.run(_prepared(tmp_path / "ready", monkeypatch))
    shutil.copytree(tmp_path / "ready", tmp_path / "undisturbed")
    assert not deaths(work, tmp_path / "undisturbed", 0)
    expected = asyncio.run(_kept(tmp_path / "undisturbed" / target))
    died = 0
    for step in count(1, _EVERY):
        room = tmp_path / f"{step}"
        shutil.copytree(tmp_path / "ready", room)
        has_died = deaths(work, room, step)
        if (room / target).exists():
            asyncio.run(_kept(room / target))
        asyncio.run(work(room))
        assert asyncio.run(_kept(room / target)) == expected
        beside = {path.name for path in (room / target).parent.iterdir()}
        assert not {name for name in beside if name.startswith(".")}
        if not has_died:
            break
        died += 1
    assert died >= 5
