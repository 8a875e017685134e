"""Alarms at a real Mosquitto: told one by one, those that stand, and signs of life."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.interfaces.mqtt.broker import CONFIG, Broker, broker_in
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.alert_routes import routes_of_command
from watchtower.alerts.message import message_of
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity
from watchtower.front_mqtt import broker_credentials
from watchtower.machine import Machine
from watchtower.settings import AlertSettings
from watchtower.tower.tending import STATUS_NOTE, Rhythm

STANDING = "watchtower/alerts/watchtower"


def pager(broker: Broker) -> aiomqtt.Client:
    """A subscriber for whom the broker keeps what comes while it is away."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3_600
    return broker.client("reader", identifier="pager", clean_start=False, properties=properties)


async def heard(client: aiomqtt.Client, name: str) -> dict[str, Any]:
    """Wait for an alarm of that name, and return it."""
    async with asyncio.timeout(60):
        async for message in client.messages:
            if message.topic.value == f"{STANDING}/{name}":
                assert message.qos == 1
                assert not message.retain
                told: dict[str, Any] = msgspec.json.decode(bytes(message.payload))
                return told
    raise AssertionError("the messages ended")


async def test_an_alarm_is_told_at_its_topic_and_stands_in_the_list_until_it_ends(
    stage: Stage, broker: Broker
) -> None:
    """Who comes later sees what stands now; and the list is empty of it again when it is over."""
    stage.with_settings(alerts=AlertSettings(mqtt=True))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with pager(broker) as client:
        await client.subscribe(f"{STANDING}/#", qos=1)
        async with stage.tower():
            await stage.close_request(channel)
            told = await heard(client, "close_requested")
            assert (told["kind"], told["subject"]) == ("raised", channel)
            await stage.until_paid(channel, 30 * XRP)
            standing = await broker.until(
                STANDING, lambda told: {one["name"] for one in told} == {"single_server"}
            )
            message = await broker.standing(STANDING)
    assert standing[0].keys() == {"name", "subject", "severity", "sentence"}
    assert 80_000 < getattr(message.properties, "MessageExpiryInterval") <= 86_400  # noqa: B009


async def test_what_could_not_be_told_while_the_broker_was_gone_is_told_when_it_is_back(
    stage: Stage, broker: Broker
) -> None:
    """It waits here, the channel is redeemed meanwhile, and the status says what is the matter."""
    stage.with_settings(alerts=AlertSettings(mqtt=True))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with pager(broker) as client:
        await client.subscribe(f"{STANDING}/#", qos=1)
    await broker.end()

    async def is_seen() -> bool:
        async with stage.store() as store, store.read() as work:
            (route,) = (await work.notes.get(STATUS_NOTE) or {}).get("routes") or [{}]
        why: str | None = route.get("why")
        return why == "there is no connection to the broker" and route["waiting"] > 0

    async with stage.tower(machine=Machine(rhythm=Rhythm(status=0.1, rounds=0.1))):
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until(is_seen)
        await broker.start()
        async with pager(broker) as client:
            told = await heard(client, "close_requested")
    # What stood in between is not told any more: the newest word is that it is over.
    assert told["kind"] == "resolved"


async def test_signs_of_life_are_told_at_their_topic(stage: Stage, broker: Broker) -> None:
    """While ledgers advance; alarms are told there only by their own setting."""
    topic = "watchtower/alerts/heart"
    stage.with_settings(alerts=AlertSettings(heartbeat_topic=topic, heartbeat_seconds=0.01))
    async with pager(broker) as client:
        await client.subscribe("watchtower/alerts/#", qos=1)
        async with stage.tower():
            await broker.until_here()
            closing = asyncio.create_task(_close(stage))
            async with asyncio.timeout(60):
                message = await anext(aiter(client.messages))
            closing.cancel()
            await asyncio.wait({closing})
    assert message.topic.value == topic
    assert msgspec.json.decode(bytes(message.payload))["at"] > 1_700_000_000


async def _close(stage: Stage) -> None:
    while True:
        await stage.sandbox.accept()
        await asyncio.sleep(0.01)


async def test_a_test_reaches_the_broker_beside_the_daemon_and_leaves_it_alone(
    stage: Stage, broker: Broker
) -> None:
    """By a connection of its own: one of the same name would end the daemon's."""
    stage.with_settings(alerts=AlertSettings(mqtt=True))
    credentials = broker_credentials(stage.settings.mqtt, {})
    (route,) = routes_of_command(stage.settings, {}, credentials)
    alarm = Alarm(name="test", subject="test", severity=Severity.INFO, sentence="A test.")
    message = message_of(Notice(kind=NoticeKind.HAPPENED, alarm=alarm), name="msg_1", at=0.0)
    async with pager(broker) as client, stage.tower():
        await broker.until_here()
        await client.subscribe(f"{STANDING}/#", qos=1)
        assert await route.hand_over(message) is None
        told = await heard(client, "test")
        # The broker would have told the daemon's last will.
        assert (await broker.until("watchtower/status/watchtower", bool))["here"]
    assert told["sentence"] == "A test."

    await broker.end()
    assert await route.hand_over(message) is not None


async def test_a_broker_that_does_not_let_us_tell_alarms_is_a_route_that_fails(
    tmp_path: Path,
) -> None:
    """Its access list forgot the topic: it acknowledges each message, and tells it to nobody."""
    acl = (CONFIG / "mosquitto.acl").read_text(encoding="utf-8")
    without = "\n".join(line for line in acl.splitlines() if "watchtower/alerts" not in line)
    assert without != acl
    async with broker_in(tmp_path / "broker", acl=without) as broker, stage_on(tmp_path) as stage:
        stage.with_settings(mqtt=broker.settings(), alerts=AlertSettings(mqtt=True))
        (route,) = routes_of_command(
            stage.settings, {}, broker_credentials(stage.settings.mqtt, {})
        )
        alarm = Alarm(name="test", subject="us", severity=Severity.INFO, sentence="Try. Nothing.")
        message = message_of(Notice(kind=NoticeKind.HAPPENED, alarm=alarm), name="msg_1", at=0.0)
        refused = await route.hand_over(message)
        assert refused is not None
        assert refused.startswith(f"the broker refuses what is told at {STANDING}/test: Not auth")

        async def is_failing() -> bool:
            async with stage.store() as store, store.read() as work:
                (said,) = (await work.notes.get(STATUS_NOTE) or {}).get("routes") or [{}]
            why = said.get("why") or ""
            return said.get("delivered") == 0 and "refuses what is told" in why

        async with stage.tower(machine=Machine(rhythm=Rhythm(status=0.1, rounds=0.1))):
            await stage.until(is_failing)
