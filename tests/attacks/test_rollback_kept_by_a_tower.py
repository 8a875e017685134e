"""Attack: take back what a tower was given, where another tower keeps its head.

The attacker has the asking tower whole: its disk, its store of yesterday, the head of yesterday,
and the token by which its heads are kept. What it has not is the other tower. It wants that the
head there goes back with the store. And there are those who have a token of their own at the other
tower, and want to raise alarms here, or silence them.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.attacks.test_rollback import copied, put, store_of, until_alarm
from tests.interfaces.test_access import bearer, token
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.access.token import Scope
from watchtower.head_settings import HeadSettings, HeadTowerSettings
from watchtower.heads import head_keeper, places_of
from watchtower.settings import HttpSettings
from watchtower.store.head import Finding
from watchtower.store.head_keeping import HeadUnreachable
from watchtower.units import ChannelId


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Stage]:
    """The stage of another tower, which keeps heads for who has a token."""
    (tmp_path / "other").mkdir()
    async with stage_on(tmp_path / "other") as made:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        made.with_settings(http=HttpSettings(listen=f"127.0.0.1:{port}", require_token=True))
        yield made


@pytest.fixture
async def asking(stage: Stage, other: Stage, tmp_path: Path) -> Stage:
    """A stage whose tower has its head kept by the other one."""
    file = tmp_path / "to-other.token"
    file.write_text(await token(other, "asker", [Scope.HEADS]))
    file.chmod(0o600)
    tower = HeadTowerSettings(url=f"http://{other.settings.http.listen}", token_file=str(file))
    stage.with_settings(head=HeadSettings(towers=(tower,)))
    return stage


def put_token(stage: Stage, text: str) -> None:
    """Exchange the token by which a tower has its head kept."""
    Path(stage.settings.head.towers[0].token_file).write_text(text)


async def finding(stage: Stage) -> str:
    """How the store stands to the head that the other tower keeps."""
    async with stage.store() as store, places_of(stage.settings, {}, store) as (place,):
        look = await head_keeper(store, [place]).look(place)
    is_newest = look.head is not None and look.head.standing.version == look.version
    return look.finding.value if is_newest or look.finding.is_trouble else "behind"


async def kept_text(stage: Stage) -> bytes | None:
    """What the other tower keeps."""
    async with stage.store() as store, places_of(stage.settings, {}, store) as (place,):
        return await place.read()


async def until_published(stage: Stage) -> None:
    """Wait until the other tower keeps all that the store has come to."""

    async def is_there() -> bool:
        return await finding(stage) == "fine"

    await stage.until(is_there)


async def guarded(stage: Stage, drops: int = 10 * XRP) -> ChannelId:
    """Have a tower guard a channel with a claim, have its head kept, and stop."""
    channel = await stage.channel()
    await stage.keep(channel, drops)
    async with stage.tower():
        await stage.until_told(channel, "channel_opened")
        await until_published(stage)
    return channel


async def test_a_store_put_back_is_noticed_by_what_another_tower_kept(
    asking: Stage, other: Stage, tmp_path: Path
) -> None:
    """Told until accepted; meanwhile what it knows is redeemed, and the head stays where it is."""
    async with other.tower():
        channel = await guarded(asking)
        yesterday = await copied(asking, tmp_path / "yesterday")
        await asking.keep(channel, 30 * XRP)
        async with asking.tower():
            await until_published(asking)
        kept = await kept_text(asking)
        put(yesterday, store_of(asking))

        async with asking.tower():
            alarm = await until_alarm(asking, "store_older_than_head")
            assert other.settings.http.listen in alarm["sentence"]
            await asking.close_request(channel)
            await asking.until_paid(channel, 10 * XRP)
        assert await kept_text(asking) == kept


async def test_a_thief_of_the_tower_and_its_token_cannot_have_its_head_go_back(
    asking: Stage, other: Stage, tmp_path: Path
) -> None:
    """It puts yesterday's store back, and yesterday's head with it: the other tower refuses that.

    A person at the other tower can take it back, who revokes the token; what is missing then is
    told of as well.
    """
    async with other.tower():
        channel = await guarded(asking)
        yesterday, head_of_yesterday = (
            await copied(asking, tmp_path / "yesterday"),
            await kept_text(asking),
        )
        assert head_of_yesterday is not None
        await asking.keep(channel, 30 * XRP)
        async with asking.tower():
            await until_published(asking)
        put(yesterday, store_of(asking))

        async with asking.store() as store, places_of(asking.settings, {}, store) as (place,):
            with pytest.raises(HeadUnreachable, match="has seen more than this one"):
                await place.write(head_of_yesterday)
            look = await head_keeper(store, [place]).look(place)
            assert look.finding is Finding.OLDER
            assert look.missing.changes > 0

            async with other.store() as keeper, keeper.write() as work:
                await work.tokens.revoke("asker")
            put_token(asking, await token(other, "asker anew", [Scope.HEADS]))

            async def is_let_in() -> bool:
                found = await head_keeper(store, [place]).look(place)
                return found.finding is Finding.GONE

            await other.until(is_let_in)
            await head_keeper(store, [place]).publish(place)
            look = await head_keeper(store, [place]).look(place)
            assert look.finding is Finding.FINE


async def test_a_stranger_with_a_token_of_his_own_raises_and_silences_no_alarm(
    asking: Stage, other: Stage
) -> None:
    """He knows the store's name and has one of its heads: he keeps them for himself."""
    stranger = bearer(await token(other, "stranger", [Scope.HEADS]))
    async with other.tower():
        channel = await guarded(asking)
        head_of_today = await kept_text(asking)
        assert head_of_today is not None
        async with asking.store() as store, store.read() as work:
            name = (await work.standing())[1].store.hex()
        async with httpx.AsyncClient(base_url=f"http://{other.settings.http.listen}") as client:
            there, as_json = f"/v1/heads/{name}", {"content-type": "application/json"}
            told = await client.get(there, headers=stranger)
            assert (told.status_code, told.json()["type"]) == (404, "unknown_head")
            told = await client.put(there, content=head_of_today, headers={**stranger, **as_json})
            assert told.status_code == 204
        await asking.keep(channel, 30 * XRP)
        async with asking.tower():
            await until_published(asking)
            async with asking.store() as store:
                assert await head_keeper(store, []).troubles() == {}


async def test_a_tower_that_is_away_is_a_warning_and_holds_up_nobody(
    asking: Stage, other: Stage
) -> None:
    """It ends by itself when the other tower is back."""
    async with other.tower():
        channel = await guarded(asking)

    async with asking.tower():
        alarm = await until_alarm(asking, "head_unreachable")
        assert alarm["severity"] == "warning"
        await asking.close_request(channel)
        await asking.until_paid(channel, 10 * XRP)
        async with other.tower():
            await until_published(asking)
