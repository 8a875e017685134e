"""Claims through a real Mosquitto, to a daemon that runs, and the answers back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest

from tests.interfaces.mqtt.broker import PASSWORDS, Broker, Caller, broker_in
from tests.interfaces.test_http import wire
from tests.store.make import CHEAP
from tests.tower.conftest import PASSPHRASE, XRP, Stage, stage_on
from tests.tower.test_store_in_the_way import held
from watchtower.interfaces.http.problems import WORDS
from watchtower.interfaces.mqtt.clerk import PROBLEMS
from watchtower.store.database import Store
from watchtower.units import ChannelId

NOTHING = {"channel": "", "amount": 0, "signature": "", "public_key": ""}


async def best_of(stage: Stage, channel: ChannelId) -> int:
    """What is on disk for a channel."""
    async with stage.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    return 0 if best is None else best.amount


async def test_claim_is_kept_answered_and_redeemed(stage: Stage, broker: Broker) -> None:
    """The main job, through this door."""
    channel = await stage.channel()
    async with stage.tower(), broker.caller() as shop:
        await broker.until_here()
        answer = await shop.ask(wire(stage.claim(channel, 30 * XRP)))
        assert (answer["kept"], answer["best"]) == (True, str(30 * XRP))
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


async def test_an_answer_goes_where_it_was_asked_for_under_the_name_of_its_request(
    stage: Stage, broker: Broker
) -> None:
    """Correlation data come back unchanged, and nothing stays at the broker."""
    channel = await stage.channel()
    async with stage.tower(), broker.caller() as shop:
        await broker.until_here()
        name = await shop.send(wire(stage.claim(channel, 5)))
        await shop.answer(name)
        (message,) = shop.answers[name]
        assert str(message.topic) == shop.topic
        assert (message.qos, message.retain) == (1, False)
        assert getattr(message.properties, "ContentType", None) == "application/json"


async def test_serving_stops_with_the_close_request_and_keeping_does_not(
    stage: Stage, broker: Broker
) -> None:
    """The same two answers as by every other way in."""
    channel = await stage.channel()
    async with stage.tower(), broker.caller() as shop:
        await broker.until_here()
        await stage.close_request(channel)
        await broker.until(
            f"watchtower/channels/{channel}", lambda told: told["expiration"] is not None
        )
        answer = await shop.ask(wire(stage.claim(channel, 20)))
        assert (answer["kept"], answer["serve"], answer["reasons"]) == (True, False, ["closing"])


async def test_a_batch_has_an_answer_for_each(stage: Stage, broker: Broker) -> None:
    """Good, low, malformed, badly signed, and of a channel that nobody knows."""
    channel = await stage.channel()
    good, low = stage.claim(channel, 20 * XRP), stage.claim(channel, 10 * XRP)
    batch = [
        wire(good),
        wire(low),
        wire(good, channel="12"),
        wire(good, amount=21 * XRP),
        wire(stage.claim(ChannelId("AB" * 32), 5)),
    ]
    async with stage.tower(), broker.caller() as shop:
        await broker.until_here()
        answers = await shop.ask(batch)
    assert [answer.get("why_not_kept") for answer in answers] == [
        None,
        "not_above_best",
        "malformed",
        "bad_signature",
        "unknown_channel",
    ]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_claim_is_kept_however_it_was_sent_and_also_without_an_answer(
    stage: Stage, broker: Broker, qos: int
) -> None:
    """Who names no response topic asks for nothing; what was promised is kept all the same."""
    channel = await stage.channel()
    async with stage.tower(), broker.client("shop") as shop:
        await broker.until_here()
        claim = msgspec.json.encode(wire(stage.claim(channel, 7)))
        await shop.publish("watchtower/claims", claim, qos=qos)
        await broker.until(
            f"watchtower/channels/{channel}", lambda told: told["best_claim"] is not None
        )
    assert await best_of(stage, channel) == 7


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"not json", "malformed"),
        (b'{"channel": 1}', "malformed"),
        (b"[{}, {}]", "malformed"),
        (b'{"channel":"a","amount":"1","signature":"30","public_key":"02","more":1}', "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, "malformed"),
        (json.dumps([NOTHING] * 1_001).encode(), "too_large"),
        (b'"' + b"x" * (1 << 20) + b'"', "too_large"),
    ],
)
async def test_what_is_no_claim_is_answered_and_never_comes_again(
    stage: Stage, broker: Broker, body: bytes, word: str
) -> None:
    """Unacknowledged it would come with every connection, for ever."""
    async with broker.caller() as shop:
        async with stage.tower():
            await broker.until_here()
            name = await shop.send(body)
            assert (await shop.answer(name))["type"] == word
            (message,) = shop.answers[name]
            content = getattr(message.properties, "ContentType", None)
            assert content == "application/problem+json"
            # Acknowledged is the first one behind its answer, and before that of a second.
            await shop.ask([])
        async with stage.tower():
            await broker.until_here()
            assert (await shop.ask(wire(stage.claim(ChannelId("AB" * 32), 5))))["kept"] is False
        assert len(shop.answers[name]) == 1


def test_problems_mean_what_they_mean_over_http() -> None:
    """One list of words for whoever acts on them."""
    assert PROBLEMS.items() <= WORDS.items()


async def test_what_cannot_be_stored_is_not_acknowledged_and_comes_again(
    stage: Stage, broker: Broker
) -> None:
    """Rule 6: the store is held, the daemon is ended, and the broker still has the claim."""
    channel = await stage.channel()
    async with broker.caller() as shop:
        async with stage.tower() as daemon:
            await broker.until_here()
            async with held(stage.settings.store) as other:
                name = await shop.send(wire(stage.claim(channel, 9)))
                assert (await shop.answer(name))["type"] == "store_unavailable"
                daemon.cancel()
                await asyncio.wait({daemon})
                other.execute("ROLLBACK")
        assert await best_of(stage, channel) == 0
        async with stage.tower():
            answer = await shop.answer(name, count=2)
            assert (answer["kept"], answer["best"]) == (True, "9")
            await shop.ask([])
        async with stage.tower():
            await broker.until_here()
            await shop.ask(wire(stage.claim(channel, 10)))
        assert len(shop.answers[name]) == 2
    assert await best_of(stage, channel) == 10


async def test_what_could_not_be_stored_is_stored_once_it_can_be(
    stage: Stage, broker: Broker
) -> None:
    """With the same connection, and whoever waited is told both."""
    channel = await stage.channel()
    async with stage.tower(), broker.caller() as shop:
        await broker.until_here()
        async with held(stage.settings.store) as other:
            name = await shop.send(wire(stage.claim(channel, 9)))
            problem = await shop.answer(name)
            assert (problem["type"], problem["status"]) == ("store_unavailable", 503)
            other.execute("ROLLBACK")
        assert (await shop.answer(name, count=2))["kept"] is True


async def test_two_towers_of_a_group_take_turns_and_nothing_is_answered_twice(
    stage: Stage, broker: Broker, tmp_path: Path
) -> None:
    """Each with a store of its own: between them they have every claim once."""
    channels = [await stage.channel() for _ in range(12)]
    second = Stage(sandbox=stage.sandbox, hand=stage.hand, settings=stage.settings)
    second.with_settings(
        store=str(tmp_path / "second.db"),
        mqtt=broker.settings(client="second", tell=False, group="towers"),
    )
    stage.with_settings(mqtt=broker.settings(group="towers"))
    async with await Store.create(Path(second.settings.store), PASSPHRASE, cost=CHEAP):
        pass
    async with stage.tower(), second.tower(), broker.caller() as shop:
        await broker.until_here()
        await broker.until_here("second")
        names = [await shop.send(wire(stage.claim(channel, 5))) for channel in channels]
        answers = [await shop.answer(name) for name in names]
    assert all(answer["kept"] for answer in answers)
    assert [len(shop.answers[name]) for name in names] == [1] * len(names)
    first = sum([await best_of(stage, channel) for channel in channels])
    other = sum([await best_of(second, channel) for channel in channels])
    assert first + other == 5 * len(channels)
    assert min(first, other) > 0


async def test_garbage_beside_honest_claims_holds_up_nothing(stage: Stage, broker: Broker) -> None:
    """Floods of both kinds, acknowledged and not, by another account; the honest are answered."""
    channel = await stage.channel()
    async with stage.tower(), broker.caller() as shop, broker.caller("kiosk") as kiosk:
        await broker.until_here()

        async def flood(qos: int, body: bytes) -> None:
            for _ in range(100):
                await kiosk.client.publish("watchtower/claims", body, qos=qos)

        floods = [
            asyncio.create_task(flood(qos, body))
            for qos in (0, 1)
            for body in (b"\x00" * 20_000, b"{" * 2_000, b"[]")
        ]
        answers = [await shop.ask(wire(stage.claim(channel, drops))) for drops in range(1, 21)]
        await asyncio.gather(*floods)
    assert [answer["best"] for answer in answers] == [str(drops) for drops in range(1, 21)]


OPEN = "".join(f"user {name}\ntopic readwrite #\n" for name in PASSWORDS)


@pytest.mark.parametrize(
    "topic",
    [
        "watchtower/claims",
        "watchtower/status/watchtower",
        "watchtower/channels/x",
        "watchtower/answers",
        "watchtower/answers/",
        "watchtower/answersx/y",
        "house/door/unlock",
        "$SYS/broker/version",
        "/watchtower/answers/x",
        "watchtower/answers/" + "x" * 600,
        "watchtower/answers/shop" + "/" * 230,
    ],
)
async def test_a_hostile_response_topic_makes_us_write_nowhere(tmp_path: Path, topic: str) -> None:
    """Though our account may write everywhere: whoever names the topic may perhaps not."""
    async with broker_in(tmp_path / "broker", acl=OPEN) as broker, stage_on(tmp_path) as stage:
        stage.with_settings(mqtt=broker.settings(tell=False))
        channel = await stage.channel()
        async with stage.tower(), broker.caller() as shop, broker.client("reader") as observer:
            await broker.until_here()
            await observer.subscribe("#", qos=1)
            await shop.send(wire(stage.claim(channel, 5)), ResponseTopic=topic)
            assert (await shop.ask(wire(stage.claim(channel, 6))))["best"] == "6"
            await observer.publish("the/end")
            seen = []
            async for message in observer.messages:
                if str(message.topic) == "the/end":
                    break
                seen.append(str(message.topic))
                if seen[-1] == "watchtower/status/watchtower":
                    # Else the broker would have ended our connection, and told our last will.
                    assert msgspec.json.decode(bytes(message.payload))["here"]
        assert await best_of(stage, channel) == 6
    assert sorted(set(seen) - {"watchtower/status/watchtower"}) == [
        "watchtower/answers/shop/till",
        "watchtower/claims",
    ]
    assert seen.count("watchtower/claims") == 2


@pytest.mark.parametrize(
    "properties",
    [
        {"UserProperty": [("a", "\ufeff")]},
        {"UserProperty": [("\ufeff", "a")] * 50},
        {"ContentType": "\ufefftext"},
        {"ResponseTopic": "watchtower/answers/shop/\ufeff"},
    ],
)
async def test_properties_that_the_library_refuses_do_not_end_the_connection(
    stage: Stage, broker: Broker, properties: dict[str, Any]
) -> None:
    """One message would do so with every connection, for ever; its claim is kept all the same."""
    channel = await stage.channel()
    async with stage.tower(), broker.caller() as shop:
        await broker.until_here()
        await shop.send(wire(stage.claim(channel, 5)), **properties)
        await broker.until(f"watchtower/channels/{channel}", lambda told: told["best_claim"] == "5")
        assert (await shop.ask(wire(stage.claim(channel, 6))))["kept"] is True
        assert await best_of(stage, channel) == 6


async def test_answers_that_the_broker_would_not_take_are_said_to_be_too_large(
    tmp_path: Path,
) -> None:
    """It would end the connection for them, and again with the message that comes again."""
    limit = "max_packet_size 6000\n"
    async with broker_in(tmp_path / "broker", more=limit) as broker, stage_on(tmp_path) as stage:
        stage.with_settings(mqtt=broker.settings())
        async with stage.tower(), broker.caller() as shop:
            await broker.until_here()
            told = await shop.ask([NOTHING] * 60)
            assert told["type"] == "too_large"
            assert len(await shop.ask([NOTHING] * 2)) == 2


async def test_who_may_do_what_is_as_the_example_says(stage: Stage, broker: Broker) -> None:
    """A reader hands over nothing, a shop sees no other's answers, and nobody plays the tower."""
    channel = await stage.channel()
    state = f"watchtower/channels/{channel}"
    async with stage.tower(), broker.caller() as shop, broker.client("reader") as reader:
        await broker.until_here()
        await broker.standing(state)
        claim = msgspec.json.encode(wire(stage.claim(channel, 5)))
        await reader.publish("watchtower/claims", claim, qos=1)
        await reader.publish(state, b"{}", qos=1, retain=True)
        await shop.client.publish(state, b"{}", qos=1, retain=True)
        await shop.client.publish("watchtower/status/watchtower", b"{}", qos=1, retain=True)
        async with broker.client("kiosk") as kiosk:
            await kiosk.subscribe("#", qos=1)
            await kiosk.subscribe("watchtower/answers/shop/#", qos=1)
            assert (await shop.ask(wire(stage.claim(channel, 3))))["best"] == "3"
            await kiosk.subscribe("watchtower/answers/kiosk/#", qos=1)
            other = Caller(kiosk, topic="watchtower/answers/kiosk/x")
            await other.send([])
            first: aiomqtt.Message = await anext(aiter(kiosk.messages))
            assert str(first.topic) == "watchtower/answers/kiosk/x"
        message = await broker.standing(state)
        assert msgspec.json.decode(bytes(message.payload))["channel"] == channel
        await broker.until_here()
