"""A real Mosquitto on a free port of this machine, run by the example configuration."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import shutil
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from watchtower.settings import MqttSettings
from watchtower.units import ChannelId

CONFIG = Path(__file__).parents[3] / "config"
PASSWORDS = {name: f"the password of {name}" for name in ("tower", "shop", "kiosk", "reader")}
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.fail(f"{name} is missing; install Mosquitto: sudo apt-get install mosquitto")
    return found


@dataclass
class Broker:
    """A broker whose state is in ``folder``; it may be ended and started again."""

    folder: Path
    port: int = 0
    process: Process | None = None
    more: str = ""
    acl: str = ""
    listener: str = ""

    async def set_up(self) -> None:
        """Write down who may come in."""
        self.folder.mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        passwords = self.folder / "passwd"
        passwords.write_text("".join(f"{name}:{word}\n" for name, word in PASSWORDS.items()))
        passwords.chmod(0o600)
        made = await asyncio.create_subprocess_exec(
            _program("mosquitto_passwd"), "-U", str(passwords), stdout=DEVNULL, stderr=DEVNULL
        )
        assert await made.wait() == 0
        acl = self.folder / "acl"
        acl.write_text(self.acl or (CONFIG / "mosquitto.acl").read_text(encoding="utf-8"))
        acl.chmod(0o600)
        example = (CONFIG / "mosquitto.conf").read_text(encoding="utf-8")
        places = {
            r"^listener .*": f"listener {self.port} 127.0.0.1\n{self.listener}",
            r"^password_file .*": f"password_file {passwords}",
            r"^acl_file .*": f"acl_file {acl}",
            r"^persistence_location .*": f"persistence_location {self.folder}/",
        }
        for line, here in places.items():
            example, count = re.subn(line, here, example, flags=re.MULTILINE)
            assert count == 1, line
        # Started by root, it would become somebody who cannot read this folder.
        example += f"\nuser {getpass.getuser()}\n{self.more}"
        (self.folder / "mosquitto.conf").write_text(example, encoding="utf-8")

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        config = str(self.folder / "mosquitto.conf")
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                _program("mosquitto"), "-c", config, stdout=log, stderr=log
            )
        for _ in range(400):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)
        pytest.fail((self.folder / "log").read_text())

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it: so that it writes everything down, or by SIGKILL."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            await self.process.wait()

    def give_password(self, word: str, *, mode: int = 0o600) -> Path:
        """Write down what the tower says to be its password."""
        path = self.folder / "tower.password"
        path.write_text(f"{word}\n", encoding="utf-8")
        path.chmod(mode)
        return path

    def settings(self, **changes: Any) -> MqttSettings:
        """Settings of a tower that uses it."""
        password = self.give_password(PASSWORDS["tower"])
        made = MqttSettings(
            broker=f"mqtt://127.0.0.1:{self.port}",
            username="tower",
            password_file=str(password),
        )
        return msgspec.structs.replace(made, **changes)

    def client(self, user: str, **options: Any) -> aiomqtt.Client:
        """A client of ``user``, not connected yet."""
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            username=user,
            password=PASSWORDS[user],
            protocol=aiomqtt.ProtocolVersion.V5,
            **options,
        )

    async def standing(self, topic: str) -> aiomqtt.Message:
        """Return what stands at a topic, once anything does, as whoever comes later sees it."""
        async with asyncio.timeout(60), self.client("reader") as client:
            await client.subscribe(topic, qos=1)
            async for message in client.messages:
                if message.retain:
                    return message
                # Told while we were there already: what stands now is sent for asking again.
                await client.subscribe(topic, qos=1)
        raise AssertionError("the messages ended")

    async def until(self, topic: str, condition: Callable[[Any], bool]) -> Any:
        """Wait until what is told at a topic, as JSON, fulfils a condition, and return it."""
        async with asyncio.timeout(60), self.client("reader") as client:
            await client.subscribe(topic, qos=1)
            async for message in client.messages:
                told = msgspec.json.decode(bytes(message.payload))
                if condition(told):
                    return told
        raise AssertionError("the messages ended")

    async def until_here(self, tower: str = "watchtower", *, here: bool = True) -> None:
        """Wait until a tower is said to be there, or not."""
        await self.until(f"watchtower/status/{tower}", lambda told: told["here"] is here)

    @asynccontextmanager
    async def caller(self, user: str = "shop") -> AsyncIterator[Caller]:
        """Somebody who hands over claims and reads the answers."""
        async with self.client(user, timeout=4.0) as client:
            await client.subscribe(f"watchtower/answers/{user}/#", qos=1)
            made = Caller(client, topic=f"watchtower/answers/{user}/till")
            reading = asyncio.create_task(made.read())
            try:
                yield made
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError, aiomqtt.MqttError):
                    await reading


@dataclass
class Caller:
    """Somebody who hands over claims; ``answers`` came, by the name that each request gave it.

    By the answers to claims that came one by one, ``kept`` is what is on disk for each channel, and
    ``best`` its best claim, whether it was this caller's or not.
    """

    client: aiomqtt.Client
    topic: str
    answers: dict[bytes, list[aiomqtt.Message]] = field(default_factory=dict)
    kept: dict[ChannelId, int] = field(default_factory=dict)
    best: dict[ChannelId, int] = field(default_factory=dict)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)
    _count: int = 0

    async def read(self) -> None:
        """Take the answers as they come."""
        async for message in self.client.messages:
            name = getattr(message.properties, "CorrelationData", b"")
            async with self._came:
                self.answers.setdefault(bytes(name), []).append(message)
                self._note(msgspec.json.decode(bytes(message.payload)))
                self._came.notify_all()

    def _note(self, answer: Any) -> None:
        if not isinstance(answer, dict) or "channel" not in answer:
            return
        channel = ChannelId(answer["channel"])
        if answer["kept"] or answer["pending"]:
            self.kept[channel] = max(self.kept.get(channel, 0), int(answer["amount"]))
        self.best[channel] = max(self.best.get(channel, 0), int(answer["best"] or 0))

    async def send(self, body: object, *, qos: int = 1, **properties: Any) -> bytes:
        """Hand over ``body``, as JSON unless it is bytes; return the request's name."""
        self._count += 1
        name = b"%d" % self._count
        payload = body if isinstance(body, bytes) else msgspec.json.encode(body)
        told = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        told.ResponseTopic = self.topic
        told.CorrelationData = name
        for key, value in properties.items():
            setattr(told, key, value)
        await self.client.publish("watchtower/claims", payload, qos=qos, properties=told)
        return name

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition about the answers holds."""
        async with asyncio.timeout(60), self._came:
            await self._came.wait_for(condition)

    async def answer(self, name: bytes, count: int = 1) -> Any:
        """Wait for the answer to a request, and return it."""
        await self.until(lambda: len(self.answers.get(name, ())) >= count)
        return msgspec.json.decode(bytes(self.answers[name][count - 1].payload))

    async def ask(self, body: object, **properties: Any) -> Any:
        """Hand over, and return the answer."""
        return await self.answer(await self.send(body, **properties))


@asynccontextmanager
async def broker_in(folder: Path, **options: Any) -> AsyncIterator[Broker]:
    """A broker that runs."""
    made = Broker(folder, **options)
    await made.set_up()
    try:
        await made.start()
        yield made
    finally:
        await made.end(signal.SIGKILL)
