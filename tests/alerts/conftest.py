"""A small HTTP server that remembers what it was sent, and answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Received:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpServer:
    """Answers ``answers`` one after the other, then 200.

    None hangs until the end of the test; 0 drips a byte now and then, and never ends.
    """

    url: str = ""
    answers: list[int | None] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    serving: list[tuple[asyncio.StreamWriter, asyncio.Task[None]]] = field(default_factory=list)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task that the end of the test waits for."""
        self.serving.append((writer, asyncio.create_task(self.serve(reader, writer))))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, remember it, answer it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
            method, path, _ = head[0].split(" ")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = self.answers.pop(0) if self.answers else 200
            async with self.arrived:
                self.received.append(Received(method, path, headers, body))
                self.arrived.notify_all()
            if answer is None:
                await reader.read()
            elif answer == 0:
                writer.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            else:
                writer.write(
                    f"HTTP/1.1 {answer} X\r\nLocation: {self.url}/elsewhere\r\n"
                    "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                await writer.drain()
        writer.close()

    async def count(self, wanted: int) -> None:
        """Wait until ``wanted`` requests have arrived."""
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= wanted)


@pytest.fixture
async def http_server() -> AsyncIterator[HttpServer]:
    """Serve on a free port until the test ends."""
    http = HttpServer()
    server = await asyncio.start_server(http.accept, "127.0.0.1", 0)
    http.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield http
    server.close()
    await server.wait_closed()
    for writer, task in http.serving:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await task
