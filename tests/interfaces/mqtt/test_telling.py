"""What a tower tells by itself at a real Mosquitto: states, events, and that it is there."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.interfaces.mqtt.broker import Broker
from tests.interfaces.mqtt.test_trouble import TowerOn
from tests.interfaces.test_http import wire
from tests.tower.conftest import XRP, Stage
from watchtower.interfaces.channel_view import View
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.mqtt import teller as mqtt_teller
from watchtower.interfaces.mqtt.connection import BrokerLost
from watchtower.interfaces.mqtt.teller import EVENTS, Teller
from watchtower.interfaces.mqtt.topics import Topics
from watchtower.settings import HttpSettings
from watchtower.units import ChannelId

DAY = 86_400


def expiry_of(message: aiomqtt.Message) -> int:
    """The seconds for which a message still stands."""
    found: int = getattr(message.properties, "MessageExpiryInterval")  # noqa: B009 - paho's own
    return found


async def test_the_state_of_a_channel_stands_at_the_broker_and_follows_it(
    stage: Stage, broker: Broker
) -> None:
    """Open, with a claim, closing: whoever subscribes later sees how it stands now."""
    channel = await stage.channel()
    topic = f"watchtower/channels/{channel}"
    async with stage.tower(), broker.caller() as shop:
        message = await broker.standing(topic)
        assert msgspec.json.decode(bytes(message.payload))["best_claim"] is None
        assert 6 * DAY < expiry_of(message) <= 7 * DAY
        await shop.ask(wire(stage.claim(channel, 30 * XRP)))
        await broker.until(topic, lambda told: told["best_claim"] == str(30 * XRP))
        await stage.close_request(channel)
        told = await broker.until(topic, lambda told: told["expiration"] is not None)
        assert told["phase"] == "closing"


async def test_the_state_is_what_http_tells(stage: Stage, broker: Broker, tmp_path: Path) -> None:
    """One view of a channel, whichever way it is asked for."""
    channel = await stage.channel()
    stage.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
    from tests.interfaces.test_http import client_of  # noqa: PLC0415

    async with stage.tower(), client_of(stage) as client:
        await broker.until_here()
        message = await broker.standing(f"watchtower/channels/{channel}")
        shown = (await client.get(f"/v1/channels/{channel}")).json()
    told = msgspec.json.decode(bytes(message.payload))
    later = {"ledger_time", "as_of_ledger"}
    assert {k: v for k, v in told.items() if k not in later} == {
        k: v for k, v in shown.items() if k not in later
    }


async def test_the_state_of_a_closed_channel_stands_for_a_day(stage: Stage, broker: Broker) -> None:
    """Long enough to be seen, and then the broker lets it go by itself."""
    channel = await stage.channel(settle_delay=0)
    topic = f"watchtower/channels/{channel}"
    async with stage.tower():
        await broker.standing(topic)
        await stage.close_request(channel)
        await stage.close_request(channel)

        async def closed() -> bool:
            message = await broker.standing(topic)
            return 0 < expiry_of(message) <= DAY

        await stage.until(closed)
        message = await broker.standing(topic)
    assert msgspec.json.decode(bytes(message.payload))["phase"] == "closed"


async def test_events_are_told_as_they_happen(stage: Stage, broker: Broker) -> None:
    """As the journal has them; those of claims are left to the answers."""
    channel = await stage.channel()
    async with stage.tower(), broker.caller() as shop, broker.client("reader") as reader:
        await broker.until_here()
        await broker.standing(f"watchtower/channels/{channel}")
        await reader.subscribe("watchtower/events/#", qos=1)
        await shop.ask(wire(stage.claim(channel, 30 * XRP)))
        await stage.close_request(channel)
        told: dict[str, Any] = {}
        async with asyncio.timeout(60):
            async for message in reader.messages:
                event = msgspec.json.decode(bytes(message.payload))
                assert str(message.topic) == f"watchtower/events/{event['kind']}"
                assert not message.retain
                told.setdefault(event["kind"], event)
                if "close_requested" in told and "judged" in told:
                    break
    assert told["close_requested"]["channel"] == channel
    assert "claim_kept" not in told


async def test_it_is_told_that_a_tower_is_there_and_that_it_was_stopped(
    stage: Stage, broker: Broker
) -> None:
    """Whoever subscribes later knows, too."""
    async with stage.tower():
        await broker.until_here()
        await stage.sandbox.accept()
        status = await broker.until("watchtower/status/watchtower", lambda told: told["ready"])
        assert status == {"here": True, "ready": True, "why": ""}
    message = await broker.standing("watchtower/status/watchtower")
    told = msgspec.json.decode(bytes(message.payload))
    assert told == {"here": False, "ready": False, "why": "The tower has been stopped."}


async def test_the_last_will_says_that_a_tower_is_gone(
    stage: Stage, broker: Broker, tmp_path: Path
) -> None:
    """Killed, it says nothing more; the broker does."""
    async with TowerOn(stage, broker, tmp_path) as tower:
        await broker.until_here()
        await tower.kill()
        told = await broker.until("watchtower/status/watchtower", lambda told: not told["here"])
    assert told["why"] == "The tower has gone without a word."


async def test_what_changed_without_a_broker_is_told_by_the_next_connection(
    stage: Stage, broker: Broker
) -> None:
    """The payer asks to close while the broker is gone."""
    channel = await stage.channel()
    topic = f"watchtower/channels/{channel}"
    async with stage.tower():
        await broker.until(topic, lambda told: told["expiration"] is None)
        await broker.end(signal.SIGKILL)
        await stage.close_request(channel)
        await stage.until_told(channel, "close_requested")
        await broker.start()
        await broker.until(topic, lambda told: told["expiration"] is not None)


async def test_what_happened_without_a_broker_is_told_as_an_event_by_the_next_connection(
    stage: Stage, broker: Broker
) -> None:
    """To a reader whose session the broker has kept."""
    kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    kept.SessionExpiryInterval = DAY
    options = {"identifier": "a reader", "clean_start": False, "properties": kept}
    channel = await stage.channel()
    async with stage.tower():
        await broker.standing(f"watchtower/channels/{channel}")
        async with broker.client("reader", **options) as reader:
            await reader.subscribe("watchtower/events/close_requested", qos=1)
        await broker.end()
        await stage.close_request(channel)
        await stage.until_told(channel, "close_requested")
        await broker.start()
        async with broker.client("reader", **options) as reader, asyncio.timeout(60):
            message = await anext(aiter(reader.messages))
    assert msgspec.json.decode(bytes(message.payload))["channel"] == channel


async def test_of_two_towers_one_tells_of_channels(stage: Stage, broker: Broker) -> None:
    """The other one says that it is there, and no more."""
    channel = await stage.channel()
    await stage.keep(channel, 3)
    stage.with_settings(mqtt=broker.settings(tell=False))
    async with stage.tower(), broker.caller() as shop, broker.client("reader") as reader:
        await broker.until_here()
        await reader.subscribe("watchtower/#", qos=1)
        await shop.ask(wire(stage.claim(channel, 5)))
        await stage.close_request(channel)
        await stage.until_told(channel, "close_requested")
        await shop.ask(wire(stage.claim(channel, 6)))
        topics = {str(reader._queue.get_nowait().topic) for _ in range(reader._queue.qsize())}
    assert topics == {"watchtower/status/watchtower"}


class Nobody:
    """Channels of a tower that has none that are open."""

    def __init__(self) -> None:
        """Be ready."""
        self.why_not_ready: Callable[[], str] = lambda: ""
        self.asked: list[ChannelId] = []

    async def channel(self, channel_id: ChannelId) -> View | None:
        """Know none."""
        self.asked.append(channel_id)
        return None

    async def channels(
        self, after: ChannelId | None, limit: int
    ) -> tuple[list[View], ChannelId | None]:
        """List none."""
        assert (after, limit) != (None, 0)
        return [], None


class Recorder:
    """A connection that records what is told, and is lost after some of it."""

    def __init__(self, most: int) -> None:
        """Take so many messages."""
        self.most = most
        self.told: list[tuple[str, Any]] = []

    async def publish(self, topic: str, payload: bytes, **_: Any) -> None:
        """Record."""
        if len(self.told) >= self.most:
            raise BrokerLost("gone")
        told = msgspec.json.decode(payload)
        self.told.append((topic, told))
        if told.get("facts") == {"n": 39}:
            raise BrokerLost("gone with the last of it")


TOPICS = Topics(prefix="w", group="g", client="c")


@pytest.mark.parametrize("most", [1, 5, 20, 33])
async def test_events_that_the_broker_did_not_take_are_told_by_the_next_connection(
    most: int,
) -> None:
    """Wherever the connection ends, each is told, in order, and what is told twice is the same."""
    feed = Feed(lambda: None)
    teller = Teller(feed, Nobody(), TOPICS, tells_all=True)
    with teller.following() as following:
        feed.tell([("paid", ChannelId("AB" * 32), None, {"n": n}) for n in range(40)])
        seen: list[int] = []
        while len(set(seen)) < 40:
            connection: Any = Recorder(most + 1)
            with pytest.raises(BaseExceptionGroup):
                async with asyncio.timeout(5):
                    await teller.tell(connection, following)
            told = [event for topic, event in connection.told if topic == "w/events/paid"]
            seen += [event["facts"]["n"] for event in told]
    assert list(dict.fromkeys(seen)) == list(range(40))


async def test_a_flood_without_a_broker_holds_no_more_than_there_is_room_for() -> None:
    """Of events as many as the feed keeps, then how many are missing; of states names, once."""
    feed = Feed(lambda: None)
    teller = Teller(feed, Nobody(), TOPICS, tells_all=True)
    with teller.following() as following:
        for n in range(10_000):
            channel = ChannelId(f"{n % 7:064X}")
            feed.tell(
                [("paid", channel, None, {}), ("claim_pending", ChannelId("AB" * 32), None, {})]
            )
        assert len(following) == 4_096
        assert len(teller._changed) == 7
        taken = following.take()
    assert [type(one).__name__ for one in taken[-2:]] == ["Happening", "Lagged"]


async def test_a_store_that_cannot_be_read_for_a_moment_loses_no_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The channel is looked at again."""
    from watchtower.errors import StoreBusyError  # noqa: PLC0415

    monkeypatch.setattr(mqtt_teller, "_RETRY", 0.0)
    feed, channels = Feed(lambda: None), Nobody()

    async def busy_once(channel_id: ChannelId) -> View | None:
        channels.asked.append(channel_id)
        if len(channels.asked) == 1:
            raise StoreBusyError(path="x")
        raise BrokerLost("the test has seen enough")

    monkeypatch.setattr(channels, "channel", busy_once)
    teller = Teller(feed, channels, TOPICS, tells_all=True)
    with teller.following() as following:
        feed.tell([("paid", ChannelId("AB" * 32), None, {})])
        connection: Any = Recorder(100)
        with pytest.raises(BaseExceptionGroup):
            await teller.tell(connection, following)
    assert channels.asked == [ChannelId("AB" * 32)] * 2


def test_claims_are_no_events() -> None:
    """They come by the thousand, and whoever sends one has its answer."""
    assert "close_requested" in EVENTS
    assert not any(kind.startswith("claim_") for kind in EVENTS)
