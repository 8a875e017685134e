"""The doorway by itself: real sockets, and nobody behind it but an echo."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from watchtower.interfaces.http import doorway
from watchtower.interfaces.http.doorway import Doorway


class Echo(asyncio.Protocol):
    """Says what it hears."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@asynccontextmanager
async def opened(
    welcome: Callable[[], asyncio.Protocol] = Echo,
) -> AsyncIterator[tuple[str, int]]:
    """A doorway that lets in at a port, while the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as at:
        letting_in = asyncio.create_task(Doorway(at, welcome, context=None).let_in())
        yield at.getsockname()
        letting_in.cancel()
        with suppress(asyncio.CancelledError):
            await letting_in


@asynccontextmanager
async def guest(address: tuple[str, int]) -> AsyncIterator[Callable[[], Any]]:
    """Somebody who connects, and can ask whether anybody is there."""
    reader, writer = await asyncio.open_connection(*address)

    async def is_in() -> bool:
        with suppress(ConnectionError):
            writer.write(b"x")
            await writer.drain()
            return await asyncio.wait_for(reader.read(1), 60) == b"x"
        return False

    yield is_in
    writer.transport.abort()


async def test_there_is_an_end_to_how_many_are_in_and_room_when_one_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each holds a file of the daemon's, and files are what everything else needs, too."""
    monkeypatch.setattr(doorway, "_MOST_CONNECTIONS", 2)
    async with opened() as address, guest(address) as first:
        async with guest(address) as second, guest(address) as third:
            assert [await each() for each in (first, second, third)] == [True, True, False]
        for _ in range(400):
            async with guest(address) as late:
                if await late():
                    break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("the place was never free again")
        assert await first()


async def test_a_flood_is_one_line_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator finds out why a platform cannot connect, and strangers fill no disk."""
    monkeypatch.setattr(doorway, "_MOST_OF_ONE", 1)
    monkeypatch.setattr(doorway, "household_of", lambda _address: "192.0.2.7")
    with capture_logs() as lines:
        async with opened() as address, guest(address) as first:
            assert await first()
            for _ in range(20):
                async with guest(address) as late:
                    assert not await late()
    refused = {"event": "connections_refused", "count": 1, "last": "192.0.2.7"}
    assert [line for line in lines if line["log_level"] != "debug"] == [
        {**refused, "log_level": "info"}
    ]


async def test_a_machine_that_has_no_file_left_lets_in_when_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who was just about to come comes a moment later; nothing ends."""
    monkeypatch.setattr(doorway, "_BREATH", 0.01)
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, iter([errno.EMFILE, errno.ECONNABORTED, errno.ENFILE])

    async def accepting(at: socket.socket) -> tuple[socket.socket, Any]:
        if (failure := next(failures, None)) is not None:
            raise OSError(failure, "no")
        return await accept(at)

    monkeypatch.setattr(loop, "sock_accept", accepting)
    async with opened() as address, guest(address) as late:
        assert await late()
    assert next(failures, None) is None


async def test_who_is_in_stays_when_nobody_else_is_let_in() -> None:
    """A daemon that stops finishes what is under way."""
    async with opened() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
    writer.write(b"y")
    assert await asyncio.wait_for(reader.readexactly(1), 60) == b"y"
    writer.transport.abort()


async def test_a_place_is_not_lost_with_a_mistake_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often who should talk with somebody cannot be made."""
    monkeypatch.setattr(doorway, "_MOST_CONNECTIONS", 2)
    mistakes = iter(range(6))
    told: list[str] = []

    def welcome() -> asyncio.Protocol:
        if next(mistakes, None) is not None:
            raise RuntimeError("a mistake")
        return Echo()

    asyncio.get_running_loop().set_exception_handler(lambda _, of: told.append(str(of["message"])))
    async with opened(welcome) as address:
        for _ in range(6):
            async with guest(address) as turned_away:
                assert not await turned_away()
        async with guest(address) as late:
            assert await late()
