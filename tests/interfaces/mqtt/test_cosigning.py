"""Towers that sign together by way of a real broker, and strangers there that interfere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest
from nacl.signing import SigningKey
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.attacks.test_malicious_cosigner import Thief
from tests.interfaces.mqtt.broker import CONFIG, Broker, broker_in
from tests.tower.conftest import XRP
from tests.tower.cosigners import PEOPLE, Company, company_on
from watchtower.cosigner_settings import CosignerSettings
from watchtower.keys.cosign_letters import Ask, Seal, Tell, open_tell, sealed_ask, sealed_tell
from watchtower.keys.cosign_messages import CosignAnswer, CosignAnswers
from watchtower.keys.identity import Identity, make_identity
from watchtower.keys.multisign import to_multisign
from watchtower.settings import AuthoritySettings, HttpSettings
from watchtower.units import ChannelId

SECOND = "tower-1"
ASK, ANSWERS = f"watchtower/cosign/{SECOND}", "watchtower/cosigned/watchtower"
ELSEWHERE = "watchtower/cosigned/thief"

# Strangers who may do anything at the broker: what protects is not its list alone.
OPEN = """
user tower
topic readwrite watchtower/#
user shop
topic readwrite watchtower/#
user reader
topic read watchtower/#
"""

# The example, with the rights of the second tower for the same account.
EXAMPLE = (CONFIG / "mosquitto.acl").read_text(encoding="utf-8")
BOTH = EXAMPLE.replace(
    "topic read watchtower/cosigned/watchtower\n",
    "topic read watchtower/cosigned/watchtower\n"
    f"topic read {ASK}\ntopic read watchtower/cosigned/{SECOND}\n",
)


@dataclass
class Towers:
    """A company of which the second one is reached by a broker alone; whose letters are whose."""

    company: Company
    broker: Broker
    first: Identity
    second: Identity


@pytest.fixture
def rights() -> str:
    """Who may do what at the broker; everybody everything unless a test is parametrized."""
    return OPEN


@pytest.fixture
async def towers(tmp_path: Path, rights: str) -> AsyncIterator[Towers]:
    """The first tower asks the second one by the broker, and the third one over TLS."""
    async with (
        broker_in(tmp_path / "broker", acl=rights) as broker,
        company_on(tmp_path) as company,
    ):
        first, second = company.first, company.others[0]
        identities = []
        for stage in (first, second):
            async with stage.store() as store:
                identities.append(await make_identity(store))
        first.with_settings(
            mqtt=broker.settings(),
            authority=msgspec.structs.replace(
                first.settings.authority,
                cosigners=(
                    _by_broker(1, SECOND, identities[1]),
                    first.settings.authority.cosigners[1],
                ),
            ),
            http=HttpSettings(),
        )
        second.with_settings(
            mqtt=broker.settings(client=SECOND),
            authority=AuthoritySettings(
                signer=PEOPLE[1].address,
                cosign=True,
                cosigners=(_by_broker(0, "watchtower", identities[0]),),
            ),
            http=HttpSettings(),
        )
        yield Towers(company, broker, *identities)


def _by_broker(number: int, client: str, identity: Identity) -> CosignerSettings:
    return CosignerSettings(
        account=PEOPLE[number].address,
        public_key=PEOPLE[number].public_key,
        topic=f"watchtower/cosign/{client}",
        identity=identity.public_key,
    )


@dataclass
class Somebody:
    """Somebody at the broker, who reads the topics of towers and writes there; ``came`` came."""

    client: aiomqtt.Client
    came: list[aiomqtt.Message] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self, answer: Callable[[aiomqtt.Message], Any] | None) -> None:
        """Take what comes, and ``answer`` what asks."""
        async for message in self.client.messages:
            if answer is not None and message.topic.matches(ASK):
                await answer(message)
            async with self._news:
                self.came.append(message)
                self._news.notify_all()

    async def send(
        self, topic: str, payload: bytes, *, name: bytes, answer_to: str | None = None
    ) -> None:
        """Send something."""
        told = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        told.CorrelationData = name
        if answer_to is not None:
            told.ResponseTopic = answer_to
        await self.client.publish(topic, payload, qos=1, properties=told)

    async def until(self, found: Callable[[list[aiomqtt.Message]], Any]) -> Any:
        """Wait until something is found among what came, and return it."""
        async with asyncio.timeout(60), self._news:
            return await self._news.wait_for(lambda: found(self.came))


@asynccontextmanager
async def somebody(
    broker: Broker, answer: Callable[[Somebody, aiomqtt.Message], Any] | None = None
) -> AsyncIterator[Somebody]:
    """Somebody who is no tower."""
    async with broker.client("shop", timeout=8.0) as client:
        made = Somebody(client)
        for topic in (ASK, "watchtower/cosigned/#"):
            await client.subscribe(topic, qos=1)
        reading = asyncio.create_task(
            made.read(None if answer is None else lambda message: answer(made, message))
        )
        try:
            yield made
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await reading


def _name(message: aiomqtt.Message) -> bytes:
    return bytes(getattr(message.properties, "CorrelationData", b""))


def _asks(messages: list[aiomqtt.Message]) -> list[aiomqtt.Message]:
    return [one for one in messages if one.topic.matches(ASK)]


class Key:
    """A key of nobody."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()
        self.public_key = f"ED{self._key.verify_key.encode().hex().upper()}"

    def sign(self, message: bytes) -> bytes:
        """As a tower's own key."""
        return self._key.sign(message).signature


async def a_letter(
    towers: Towers, channel: ChannelId, name: str, *, seal: Seal | None = None, **changes: Any
) -> bytes:
    """A letter of the first tower that asks for what is owed, or with something else in it."""
    company = towers.company
    transaction = await Thief(company, channel).claim(10 * XRP)
    ask = Ask(
        name=name,
        receiver=PEOPLE[1].address,
        answer_to=ELSEWHERE,
        validated=transaction["LastLedgerSequence"] - 8,
        transactions=[transaction],
    )
    return sealed_ask(msgspec.structs.replace(ask, **changes), seal or towers.first)


def _told(towers: Towers, name: str) -> Callable[[list[aiomqtt.Message]], Tell | None]:
    """Find the second tower's answer to a letter."""

    def found(messages: list[aiomqtt.Message]) -> Tell | None:
        told = [
            open_tell(bytes(one.payload), towers.second.public_key, name)
            for one in messages
            if one.topic.matches(ELSEWHERE)
        ]
        return next((one for one in told if isinstance(one, Tell)), None)

    return found


@asynccontextmanager
async def second_with(towers: Towers) -> AsyncIterator[tuple[ChannelId, Somebody]]:
    """The second tower alone, which knows of a claim; and somebody at the broker."""
    company = towers.company
    second = company.others[0]
    channel = await company.first.channel()
    await second.keep(channel, 10 * XRP)
    async with second.tower(), somebody(towers.broker) as stranger:
        await towers.broker.until_here(SECOND)
        await company.until_watching(second)
        # Only who has read the ledgers up to now judges anything.
        await towers.broker.until(f"watchtower/status/{SECOND}", lambda told: told["ready"])
        yield channel, stranger


async def cosigned(towers: Towers, channel: ChannelId) -> int:
    """How many transactions the second tower has signed."""
    story = await towers.company.others[0].story(channel)
    return sum(entry.kind == "cosigned" for entry in story)


@pytest.mark.parametrize("rights", [BOTH], ids=["as in the example"])
async def test_a_tower_at_the_broker_redeems_with_us(towers: Towers) -> None:
    """Two of three, of whom the third is away; the claim is kept by who signed for it, too."""
    company, broker = towers.company, towers.broker
    first, second = company.first, company.others[0]
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), second.tower():
        await company.until_watching(second)
        await broker.until_here(SECOND)
        await broker.until_here()
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
    assert await company.signers_of(channel) == {PEOPLE[0].address, PEOPLE[1].address}
    assert await cosigned(towers, channel) > 0
    async with second.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    assert best is not None
    assert best.amount == 30 * XRP


async def test_a_better_claim_comes_back_by_the_broker_too(towers: Towers) -> None:
    """The same answers as over TLS."""
    company, broker = towers.company, towers.broker
    first, second = company.first, company.others[0]
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    await second.keep(channel, 40 * XRP)
    async with first.tower(), second.tower():
        await company.until_watching(second)
        await broker.until_here(SECOND)
        await broker.until_here()
        await first.close_request(channel)
        await first.until_paid(channel, 40 * XRP)


async def test_without_a_broker_those_who_are_reached_otherwise_suffice(towers: Towers) -> None:
    """And it is told that the one there is away."""
    company = towers.company
    first, third = company.first, company.others[1]
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    await towers.broker.end()
    async with first.tower(), third.tower():
        await company.until_watching(third)
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        await company.until_alarmed("cosigner_away", PEOPLE[1].address)
    assert await company.signers_of(channel) == {PEOPLE[0].address, PEOPLE[2].address}


async def test_a_strangers_letter_is_not_answered_and_nothing_is_signed(towers: Towers) -> None:
    """Of its own key, under the name of the first one, for somebody else, or changed on its way."""
    async with second_with(towers) as (channel, stranger):
        theirs = Key()
        mine = await a_letter(towers, channel, "0" * 32, seal=theirs)
        posing = {**json.loads(mine), "sender": towers.first.public_key}
        for_another = await a_letter(towers, channel, "2" * 32, receiver=PEOPLE[2].address)
        anywhere = await a_letter(towers, channel, "3" * 32, answer_to="watchtower/claims")
        good = await a_letter(towers, channel, "4" * 32)
        changed = good.replace(ELSEWHERE.encode(), b"watchtower/cosigned/other")
        assert changed != good
        bad: list[tuple[bytes, str]] = [
            (mine, "0" * 32),
            (json.dumps(posing).encode(), "0" * 32),
            (for_another, "2" * 32),
            (anywhere, "3" * 32),
            (changed, "4" * 32),
            (b"", ""),
            (b"[" * 50_000, ""),
            (b'{"transactions": []}', ""),
        ]
        for payload, name in bad:
            to = "watchtower/claims" if payload is anywhere else ELSEWHERE
            await stranger.send(ASK, payload, name=name.encode(), answer_to=to)
        # A letter that somebody sends on with their own topic, or under another name.
        await stranger.send(ASK, good, name=b"4" * 32, answer_to="watchtower/cosigned/other")
        await stranger.send(ASK, good, name=b"5" * 32, answer_to=ELSEWHERE)
        assert await cosigned(towers, channel) == 0
        # The same door, so that the others are refused for what they are.
        honest = await a_letter(towers, channel, "6" * 32)
        await stranger.send(ASK, honest, name=b"6" * 32, answer_to=ELSEWHERE)
        told = await stranger.until(_told(towers, "6" * 32))
        assert b"signature" in bytes(told.answers)
        assert await cosigned(towers, channel) == 1
        assert [_name(one) for one in stranger.came if not one.topic.matches(ASK)] == [b"6" * 32]


async def test_a_letter_that_is_sent_again_is_heard_once(towers: Towers) -> None:
    """Whoever reads it at the broker gets no second answer out of it, wherever it would go."""
    async with second_with(towers) as (channel, stranger):
        letter = await a_letter(towers, channel, "7" * 32)
        for _ in range(3):
            await stranger.send(ASK, letter, name=b"7" * 32, answer_to=ELSEWHERE)
        last = await a_letter(towers, channel, "8" * 32)
        await stranger.send(ASK, last, name=b"8" * 32, answer_to=ELSEWHERE)
        await stranger.until(_told(towers, "8" * 32))
        assert await cosigned(towers, channel) == 2
        answers = [_name(one) for one in stranger.came if one.topic.matches(ELSEWHERE)]
        assert sorted(answers) == [b"7" * 32, b"8" * 32]


@pytest.mark.parametrize("ledgers", [-40, 40])
async def test_a_letter_of_another_time_is_told_so_and_signs_nothing(
    towers: Towers, ledgers: int
) -> None:
    """One that was kept back is of no use later."""
    async with second_with(towers) as (channel, stranger):
        for _ in range(60):
            await towers.company.first.sandbox.accept()
        now = towers.company.first.sandbox.ledger_index
        letter = await a_letter(towers, channel, "9" * 32, validated=now + ledgers)
        await stranger.send(ASK, letter, name=b"9" * 32, answer_to=ELSEWHERE)
        told = await stranger.until(_told(towers, "9" * 32))
        assert f"the letter is of ledger {now + ledgers}" in told.problem
        assert await cosigned(towers, channel) == 0


async def test_a_message_beyond_all_bounds_is_thrown_away(towers: Towers) -> None:
    """And those behind it are answered."""
    async with second_with(towers) as (channel, stranger):
        huge = await a_letter(towers, channel, "a" * 32)
        await stranger.send(ASK, huge + b" " * (1 << 18), name=b"a" * 32, answer_to=ELSEWHERE)
        letter = await a_letter(towers, channel, "b" * 32)
        await stranger.send(ASK, letter, name=b"b" * 32, answer_to=ELSEWHERE)
        await stranger.until(_told(towers, "b" * 32))
        assert await cosigned(towers, channel) == 1


def _answer(towers: Towers, asked: dict[str, Any], name: str, *, seal: Seal | None = None) -> bytes:
    """A letter that signs what was asked for, as the second tower would."""
    signer = PEOPLE[1]
    signed = [signer.sign(to_multisign(one, signer.address)) for one in asked["transactions"]]
    answers = CosignAnswers(
        account=signer.address,
        public_key=signer.public_key,
        answers=[CosignAnswer(signature=one) for one in signed],
    )
    return sealed_tell(name, answers, seal or towers.second)


async def test_what_strangers_answer_in_the_place_of_a_tower_counts_for_nothing(
    towers: Towers,
) -> None:
    """Refusals, garbage, too much of it, and good answers to other letters: all before the one."""
    company, broker = towers.company, towers.broker
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)

    async def answer(us: Somebody, message: aiomqtt.Message) -> None:
        asked = json.loads(bytes(message.payload))["letter"]
        name, other = asked["name"], "f" * 32
        no = CosignAnswers(account="", public_key="", answers=[CosignAnswer(refused="no")])
        good = _answer(towers, asked, name)
        forged = [
            b"\x00\xff{[",
            sealed_tell(name, no, Key()),
            json.dumps({**json.loads(good), "signature": "00" * 64}).encode(),
            sealed_tell(other, no, towers.second),
            good + b" " * (1 << 18),
            bytes(message.payload),
        ]
        for payload in forged:
            await us.send(ANSWERS, payload, name=name.encode())
        # On another name than its own nobody waits for it.
        await us.send(ANSWERS, _answer(towers, asked, name), name=other.encode())
        await us.send(ANSWERS, good, name=name.encode())

    async with first.tower(), somebody(broker, answer):
        await company.until_watching(first)
        await broker.until_here()
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        alarms = await company.alarms()
    assert "cosigner_faulty" not in alarms
    assert "cosigner_refused" not in alarms
    assert await company.signers_of(channel) == {PEOPLE[0].address, PEOPLE[1].address}


async def test_an_answer_to_another_letter_alone_signs_nothing(towers: Towers) -> None:
    """Recorded, and played to the next letter: below the quorum nothing is sent."""
    company, broker = towers.company, towers.broker
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)

    async def answer(us: Somebody, message: aiomqtt.Message) -> None:
        asked = json.loads(bytes(message.payload))["letter"]
        await us.send(ANSWERS, _answer(towers, asked, "e" * 32), name=_name(message))

    async with first.tower(), somebody(broker, answer) as us:
        await company.until_watching(first)
        await broker.until_here()
        await first.close_request(channel)
        await us.until(_asks)
        await company.until_alarmed("quorum_missing", first.payee.address)
    kinds = {entry.kind for entry in await first.story(channel)}
    assert not kinds & {"attempt_made", "multisigned"}
