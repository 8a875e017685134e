"""Claims through Mosquitto, QoS 1 both ways: how many a second are kept and answered.

The broker, the door and the client are a process each, on the same processors. The broker writes
down what it holds after every change, as the example configuration has it. A claim counts when its
answer has come; callers hand over a hundred in a message, or one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.instrument import alternate, ratios
from bench.intake import Flow, as_message
from bench.mqtt_door import TOPICS
from bench.report import Report, reading
from bench.scale import Scale
from watchtower.judgement.claim import Claim

__all__ = ["measure"]

_CALLERS: Final = 8
_BATCH: Final = 100
_PER_ROUND: Final = 3_200
_SINGLES: Final = 400
_UNDER_WAY: Final = 4
"""Messages of a caller that are not answered yet."""

_CONFIG: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
"""


def measure(scale: Scale) -> Report:
    """Hand over batches in turn with verifying by the library, and with single claims."""
    flow = Flow(ed25519=False)
    with flow.alone(), TemporaryDirectory() as folder, _broker(Path(folder)) as port, _door(port):
        client = _Client(port)
        flow.run(client.until_here())
        sides = {
            "mqtt": lambda: flow.run(client.hand_over(flow.claims(_PER_ROUND), _BATCH)),
            "singles": lambda: flow.run(client.hand_over(flow.claims(_SINGLES), 1)),
            "ceiling": flow.by_the_library,
        }
        found = alternate(scale.rounds, sides)
    return Report(
        readings=(
            reading("intake.mqtt_per_s", "1/s", found["mqtt"]),
            reading("intake.mqtt_over_ceiling", "ratio", ratios(found["mqtt"], found["ceiling"])),
            reading("intake.mqtt_single_per_s", "1/s", found["singles"]),
        )
    )


@contextmanager
def _broker(folder: Path) -> Iterator[int]:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise AssertionError("Mosquitto is missing: apt-get install mosquitto")
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(_CONFIG.format(port=port, folder=folder), encoding="utf-8")
    # Started by root, it becomes somebody else, who has to write there, too.
    folder.chmod(0o777)
    with subprocess.Popen(  # noqa: S603 - our own words
        [program, "-c", str(config)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError("the broker did not start")


@contextmanager
def _door(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.mqtt_door", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as door:  # noqa: S603 - our own words
        yield
        door.communicate()


class _Client:
    """Callers with a connection each."""

    def __init__(self, port: int) -> None:
        """Know where to go."""
        self._port = port

    def _connection(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1",
            self._port,
            protocol=aiomqtt.ProtocolVersion.V5,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def until_here(self) -> None:
        """Wait until the door has said that it is there."""
        async with self._connection() as client:
            await client.subscribe(TOPICS.status, qos=1)
            await anext(aiter(client.messages))

    async def hand_over(self, claims: Sequence[Claim], together: int) -> float:
        """Hand over claims, so many in a message; return how many a second were kept."""
        async with AsyncExitStack() as stack:
            callers = []
            for number in range(_CALLERS):
                client = await stack.enter_async_context(self._connection())
                topic = f"{TOPICS.prefix}/answers/{number}"
                await client.subscribe(topic, qos=1)
                # Each caller has channels of its own, and so never comes too late.
                mine = claims[number::_CALLERS]
                batches = [mine[i : i + together] for i in range(0, len(mine), together)]
                callers.append((client, topic, batches))
            begun = time.perf_counter()
            await asyncio.gather(*(_call(*caller) for caller in callers))
            return len(claims) / (time.perf_counter() - begun)


async def _call(client: aiomqtt.Client, topic: str, batches: Sequence[Sequence[Claim]]) -> None:
    room = asyncio.Semaphore(_UNDER_WAY)

    async def read() -> None:
        answered = 0
        async for message in client.messages:
            if bytes(message.payload).count(b'"kept":true') != len(batches[0]):
                raise AssertionError("a good claim was not kept")
            room.release()
            answered += 1
            if answered == len(batches):
                return

    told = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    told.ResponseTopic = topic
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        for batch in batches:
            await room.acquire()
            body = msgspec.json.encode([as_message(claim) for claim in batch])
            await client.publish(TOPICS.claims, body, qos=1, properties=told)
