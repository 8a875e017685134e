"""All that goes wrong around a tower at once, in a process of its own, so that only the tower pays.

``python -m bench.trouble`` prints the address of a webhook, reads the port of a tower's HTTP
interface from standard input, and makes trouble until its standard input ends: a webhook that
answers 500, and one path of it that never answers; those who follow the stream and never read, by
server-sent events and by WebSocket; and somebody who asks how the tower is ten times a second.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from bench.beside import beside, never_read
from watchtower.alerts.message import message_of
from watchtower.alerts.record import Kept
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity
from watchtower.http_settings import HttpSettings
from watchtower.mqtt_settings import MqttSettings
from watchtower.settings import AlertSettings
from watchtower.tower.route_watch import ALERTS_NOTE

__all__ = ["FULL", "Trouble", "trouble"]

FULL: Final = 1_000
"""Messages that may wait for one route (`watchtower.alerts.deliver.Deliverer`)."""

_FOLLOWERS: Final = 20
"""Of each kind."""

_SCRAPED_EVERY: Final = 0.1
_ROOT: Final = Path(__file__).parents[1]

_SOCKET: Final = (
    "GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_EVENTS: Final = (
    "GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
)
_STATUS: Final = "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What a tower is told to live with; in ``notes`` of its store its lists of alarms are full.

    All that waits there is urgent, so that whatever comes on top has to find its place among it,
    and pushes something out.
    """

    http: HttpSettings
    mqtt: MqttSettings
    alerts: AlertSettings
    notes: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Struct]:
        """The sections of its settings."""
        return {"http": self.http, "mqtt": self.mqtt, "alerts": self.alerts}

    async def routes(self) -> list[Mapping[str, Any]]:
        """Return how the routes for alarms are doing, by the tower's own status."""
        port = int(self.http.listen.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_STATUS.format(port=port).encode())
        _, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        found: list[Mapping[str, Any]] = msgspec.json.decode(body)["routes"]
        return [route for route in found if route["kind"] != "heartbeat"]


@asynccontextmanager
async def trouble() -> AsyncIterator[Trouble]:
    """Make trouble for the tower that is told to live with it, while the context lasts."""
    async with beside("bench.trouble") as maker:
        webhook = await maker.line()
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        maker.tell(str(port))
        yield Trouble(
            http=HttpSettings(listen=f"127.0.0.1:{port}"),
            # Nobody listens there (RFC 6335: port 1 is tcpmux, which no system has any more).
            mqtt=MqttSettings(broker="mqtt://127.0.0.1:1"),
            alerts=AlertSettings(
                webhook=webhook,
                command=("sleep", "3600"),
                heartbeat_url=f"{webhook}/never",
                heartbeat_seconds=0.1,
            ),
            notes={ALERTS_NOTE: _waiting("webhook 127.0.0.1", "command sleep")},
        )


def _waiting(*routes: str) -> Any:
    """Return the record of a tower whose every route had more to tell than it has room for."""
    now = time.time()
    alarms = (
        Alarm(
            name="lost",
            subject=f"{number:064X}",
            severity=Severity.URGENT,
            sentence="Nobody could be told.",
        )
        for number in range(FULL + 1)
    )
    waiting = [
        message_of(Notice(kind=NoticeKind.HAPPENED, alarm=alarm), name=f"msg_{number}", at=now)
        for number, alarm in enumerate(alarms)
    ]
    return msgspec.to_builtins(Kept(waiting=dict.fromkeys(routes, waiting)))


async def _make_trouble() -> None:
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        tower = int(await reader.readline())
        async with asyncio.TaskGroup() as tasks:
            making = [
                tasks.create_task(never_read(tower, request))
                for request in (_EVENTS, _SOCKET)
                for _ in range(_FOLLOWERS)
            ]
            making.append(tasks.create_task(_scrape(tower)))
            # Until nobody is there any more to make trouble for.
            await reader.read()
            for task in making:
                task.cancel()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/never" in head.partition(b"\r\n")[0]:
            await reader.read()
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
    writer.close()


async def _scrape(port: int) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_STATUS.format(port=port).encode())
            await reader.read()
            writer.close()
        await asyncio.sleep(_SCRAPED_EVERY)


if __name__ == "__main__":
    asyncio.run(_make_trouble())
