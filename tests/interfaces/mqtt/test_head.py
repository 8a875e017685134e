"""A head that is retained at a real broker: read, published, and out of reach with it."""

from __future__ import annotations

import msgspec
import pytest

from tests.attacks.test_rollback import until_alarm
from tests.interfaces.mqtt.broker import Broker
from tests.tower.conftest import XRP, Stage
from watchtower.head_settings import HeadSettings
from watchtower.heads import head_keeper, places_of
from watchtower.machine import Machine
from watchtower.store.head import Finding, Head
from watchtower.store.head_keeping import HeadUnreachable
from watchtower.tower.tending import Rhythm


@pytest.fixture
def with_head(stage: Stage) -> Stage:
    """A stage whose tower keeps its head at the broker."""
    stage.with_settings(head=HeadSettings(mqtt=True))
    return stage


async def test_a_head_is_retained_and_read_again(with_head: Stage) -> None:
    """By this connection, and by the next one; the newest of several."""
    async with with_head.store() as store, places_of(with_head.settings, {}, store) as (place,):
        keeper = head_keeper(store, [place])
        assert (await keeper.look(place)).finding is Finding.NONE_YET
        versions = []
        for _ in range(3):
            versions.append(await keeper.publish(place))
            await keeper.pin()
        assert (await keeper.look(place)).finding is Finding.FINE
    async with with_head.store() as store, places_of(with_head.settings, {}, store) as (again,):
        text = await again.read()
        assert text is not None
        head = Head.read(text)
        assert head is not None
        assert head.standing.version == versions[-1]
        await again.write(b"no head")
        assert (await head_keeper(store, [again]).look(again)).finding is Finding.TAMPERED


async def test_a_broker_that_is_away_is_asked_again_when_it_is_back(
    with_head: Stage, broker: Broker
) -> None:
    """What it retained is there again: the head of before it went."""
    async with with_head.store() as store, places_of(with_head.settings, {}, store) as (place,):
        keeper = head_keeper(store, [place])
        await keeper.publish(place)
        await broker.end()
        assert (await keeper.look(place)).finding is Finding.UNREACHABLE
        with pytest.raises(HeadUnreachable):
            await keeper.publish(place)
        await broker.start()
        assert (await keeper.look(place)).finding is Finding.FINE


async def test_a_tower_publishes_its_head_at_the_broker_and_tells_when_it_cannot(
    with_head: Stage, broker: Broker
) -> None:
    """Channels are guarded meanwhile."""
    channel = await with_head.channel()
    await with_head.keep(channel, 10 * XRP)
    async with with_head.tower(machine=Machine(rhythm=Rhythm(rounds=0.2))):

        async def published() -> bool:
            async with with_head.store() as store, store.read() as work:
                return bool(await work.notes.get("head places"))

        await with_head.until(published)
        await broker.end()
        await until_alarm(with_head, "head_unreachable")
        await with_head.close_request(channel)
        await with_head.until_paid(channel, 10 * XRP)


def test_without_a_broker_there_is_no_head_at_one() -> None:
    """Refused at the start, with what to do."""
    why = HeadSettings(mqtt=True).why_unusable("/var/lib/w.db", has_broker=False)
    assert why is not None
    assert "mqtt.broker" in why
    assert msgspec.structs.asdict(HeadSettings()) == {"files": (), "mqtt": False, "towers": ()}
