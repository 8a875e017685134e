"""Clients of the stream: an honest one, and one that keeps to nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.frames import Frame, Opcode

from tests.tower.conftest import Stage


def path_of(stage: Stage) -> str:
    """Where the daemon listens."""
    return stage.settings.http.listen.removeprefix("unix:")


@asynccontextmanager
async def stream_of(stage: Stage, **options: Any) -> AsyncIterator[ClientConnection]:
    """A stream that is open."""
    async with unix_connect(path_of(stage), uri="ws://door/v1/stream", **options) as stream:
        yield stream


async def heard(stream: ClientConnection) -> dict[str, Any]:
    """The next message."""
    return dict(json.loads(await asyncio.wait_for(stream.recv(), 30)))


async def ask(stream: ClientConnection, **request: Any) -> dict[str, Any]:
    """What a request is answered, on a stream that nothing else is under way on."""
    await stream.send(json.dumps({"id": 1, **request}))
    return await heard(stream)


class Rude:
    """A client that speaks in bytes of its own, and reads only what it wants to."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(0)

    async def open(self, head: bytes = b"GET") -> bytes:
        """Shake hands, and return what is answered first."""
        return await self.open_with(head + b" /v1/stream HTTP/1.1\r\nhost: door\r\n")

    async def open_with(self, head: bytes) -> bytes:
        """Shake hands behind a head of our own."""
        await self.write(
            head + b"upgrade: websocket\r\n"
            b"connection: upgrade\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        return await asyncio.get_running_loop().sock_recv(self.socket, 4_096)

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def frame(self, opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> None:
        """Send a frame."""
        await self.write(Frame(opcode, data, fin=fin).serialize(mask=True))

    async def gone(self) -> bool:
        """Whether the other side has let us go."""
        try:
            await asyncio.wait_for(self.frame(Opcode.PONG), 0.01)
        except TimeoutError:
            return False  # it only does not read
        except ConnectionError:
            return True
        return False

    async def until_end(self) -> bytes:
        """Read until the other side closes; what it said."""
        found = b""
        with suppress(ConnectionError):
            while data := await asyncio.get_running_loop().sock_recv(self.socket, 1 << 16):
                found += data
        return found
