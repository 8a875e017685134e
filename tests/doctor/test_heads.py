"""What the doctor says of heads: in a real file, and at another tower that really keeps them."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from tests.doctor.conftest import PASSPHRASE, Practice, levels, one_of
from tests.doctor.test_store import everything_in
from tests.interfaces.test_access import token
from tests.tower.conftest import stage_on
from watchtower.access.token import Scope
from watchtower.doctor.finding import Level
from watchtower.heads import head_keeper, places_of
from watchtower.settings import HttpSettings, load
from watchtower.store.database import Store


async def publish(practice: Practice) -> None:
    """Publish the store's head wherever it is kept, as the daemon does."""
    async with (
        await Store.open(practice.store, PASSPHRASE) as store,
        places_of(load(practice.config, {}), {}, store) as places,
    ):
        for place in places:
            await head_keeper(store, places).publish(place)


async def change(practice: Practice) -> None:
    """Have the store see more than it had."""
    async with await Store.open(practice.store, PASSPHRASE) as store, store.write() as work:
        await work.journal.append("something")


def kept(head: Path) -> bytes:
    """What stands there."""
    return head.read_bytes()


def put(head: Path, text: bytes | None) -> None:
    """Put something there, or take away what is."""
    if text is None:
        head.unlink()
    else:
        head.write_bytes(text)


@pytest.fixture
def head(practice: Practice) -> Path:
    """Where the head is kept: in a file, in a folder elsewhere."""
    folder = practice.folder / "elsewhere"
    folder.mkdir()
    file = folder / "head.json"
    practice.configure(f'[head]\nfiles = ["{file}"]\n')
    return file


async def test_a_head_is_looked_at_and_neither_it_nor_the_store_changes(
    practice: Practice, head: Path
) -> None:
    """Before it was published it is no trouble; afterwards the store is as far, or further."""
    before = everything_in(practice.folder)
    told = one_of(await practice.look(offline=True), "store.heads")
    assert (told.level, told.mend) == (Level.NOTICE, "watchtower run")
    assert everything_in(practice.folder) == before

    await publish(practice)
    await change(practice)
    before = everything_in(practice.folder)
    assert levels(await practice.look(offline=True), "store.heads", str(head)) == [Level.OK]
    assert everything_in(practice.folder) == before


async def test_where_no_head_is_kept_that_is_worth_a_word(practice: Practice) -> None:
    """Nobody could tell if an older store were put back."""
    told = one_of(await practice.look(offline=True), "store.heads")

    assert told.level is Level.NOTICE
    assert "`[head]`" in told.sentence


async def test_a_store_that_is_older_than_its_head_is_told_before_the_daemon_saw_it(
    practice: Practice, head: Path
) -> None:
    """Yesterday's store in the place of today's: by a look at the head as it is now."""
    await publish(practice)
    yesterday = practice.folder / "yesterday"
    shutil.copy(practice.store, yesterday)
    await change(practice)
    await publish(practice)
    shutil.copy(yesterday, practice.store)
    before = kept(head)
    found = await practice.look(offline=True)

    told = one_of(found, "store.heads")
    assert told.level is Level.FAILURE
    assert f"The store is older than its head at {head}" in told.sentence
    assert told.mend == "watchtower head show"
    assert levels(found, "store.recovery") == [Level.OK]
    assert kept(head) == before


async def test_what_was_found_before_stands_though_the_head_is_back(
    practice: Practice, head: Path
) -> None:
    """A person has to accept it; one place is told of once."""
    await publish(practice)
    text = kept(head)
    put(head, None)
    async with (
        await Store.open(practice.store, PASSPHRASE) as store,
        places_of(load(practice.config, {}), {}, store) as places,
    ):
        await head_keeper(store, places).begin()
    put(head, text)

    told = one_of(await practice.look(offline=True), "store.heads")
    assert told.level is Level.FAILURE
    assert f"The head at {head} is gone" in told.sentence


async def test_a_head_out_of_reach_is_a_warning_and_the_rest_is_told(
    practice: Practice, head: Path
) -> None:
    """A share that is not mounted says nothing of the store."""
    head.parent.rmdir()
    found = await practice.look()

    assert levels(found, "store.heads", str(head)) == [Level.WARNING]
    assert levels(found, "store.opens") == [Level.OK]
    assert levels(found, "authority.right") == [Level.OK]


async def test_a_tower_that_keeps_the_head_is_asked_and_a_token_of_it_is_needed(
    practice: Practice,
) -> None:
    """There and as far as it should be; offline not asked; away, or without our token, told."""
    (practice.folder / "other").mkdir()
    key = practice.folder / "to-other.token"
    async with stage_on(practice.folder / "other") as other:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        other.with_settings(http=HttpSettings(listen=f"127.0.0.1:{port}", require_token=True))
        key.write_text(await token(other, "asker", [Scope.HEADS]))
        key.chmod(0o600)
        url = f"http://127.0.0.1:{port}"
        practice.configure(f'[[head.towers]]\nurl = "{url}"\ntoken_file = "{key}"\n')
        async with other.tower():

            async def answers() -> bool:
                return levels(await practice.look(), "store.heads", url) == [Level.NOTICE]

            await other.until(answers)
            await publish(practice)
            assert levels(await practice.look(), "store.heads", url) == [Level.OK]
        assert levels(await practice.look(offline=True), "store.heads") == []
        assert levels(await practice.look(), "store.heads", url) == [Level.WARNING]
        key.unlink()
        told = one_of(await practice.look(), "store.heads")
        assert told.level is Level.FAILURE
        assert str(key) in told.sentence
