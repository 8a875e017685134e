"""Requests and answers on one connection: every request ends, and frames keep their order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection, serve

from watchtower.errors import RequestRefusedError, RequestTimeoutError, UnreachableError
from watchtower.ledger.connection import Connection
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.websocket import dial

Handler = Callable[[ServerConnection], Awaitable[None]]


class Notes:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard_messages: list[Mapping[str, Any]] = []
        self.misheard_count = 0

    def heard(self, message: Mapping[str, Any]) -> None:
        """Note a message."""
        self.heard_messages.append(message)

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Note nothing."""

    def misheard(self) -> None:
        """Count."""
        self.misheard_count += 1


@asynccontextmanager
async def connected(
    handler: Handler, seconds: float = 5.0
) -> AsyncIterator[tuple[Connection, Notes]]:
    """Serve with ``handler`` and connect to it."""
    notes = Notes()
    async with serve(handler, "127.0.0.1", 0) as server:
        [listening] = server.sockets
        url = f"ws://127.0.0.1:{listening.getsockname()[1]}"
        settings = LinkSettings(close_timeout=0.2).dialling(is_local=True)
        async with dial(url, settings) as socket:
            connection = Connection(socket, server=url, timeout=seconds, listener=notes)
            reading = asyncio.create_task(connection.read())
            yield connection, notes
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def echo(socket: ServerConnection) -> None:
    """Answer every request with its own parameters."""
    async for raw in socket:
        request = json.loads(raw)
        await socket.send(json.dumps({"id": request["id"], "result": request}))


async def test_answers_find_their_requests_in_any_order() -> None:
    """A server answers when it can, not in turn."""

    async def backwards(socket: ServerConnection) -> None:
        requests = [json.loads(await socket.recv()) for _ in range(5)]
        for request in reversed(requests):
            await socket.send(json.dumps({"id": request["id"], "result": {"n": request["n"]}}))

    async with connected(backwards) as (connection, _):
        results = await asyncio.gather(*(connection.request("x", {"n": n}) for n in range(5)))

    assert [result["n"] for result in results] == [0, 1, 2, 3, 4]


async def test_the_death_of_the_link_fails_every_request_at_once() -> None:
    """Nobody waits for a timeout when the connection is gone."""

    async def die(socket: ServerConnection) -> None:
        for _ in range(3):
            await socket.recv()
        socket.transport.abort()

    async with connected(die, seconds=3600) as (connection, _), asyncio.timeout(10):
        results = await asyncio.gather(
            *(connection.request("x", {}) for _ in range(3)), return_exceptions=True
        )
        with pytest.raises(UnreachableError, match="broke"):
            await connection.request("x", {})

    assert [type(result) for result in results] == [UnreachableError] * 3


async def test_a_servers_reason_for_closing_is_told() -> None:
    """The load of an unpaying client: 1008, threshold exceeded (public_server_pushes_back)."""

    async def push_back(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1008, "threshold exceeded")

    async with connected(push_back) as (connection, _):
        with pytest.raises(UnreachableError, match="1008: threshold exceeded"):
            await connection.request("x", {})


async def test_no_answer_is_a_timeout_and_a_late_one_is_nothing() -> None:
    """A late answer neither confuses the next request nor stays in memory."""

    async def late(socket: ServerConnection) -> None:
        first = json.loads(await socket.recv())
        second = json.loads(await socket.recv())
        await socket.send(json.dumps({"id": first["id"], "result": {"for": "first"}}))
        await socket.send(json.dumps({"id": second["id"], "result": {"for": "second"}}))
        await socket.wait_closed()

    async with connected(late, seconds=0.1) as (connection, _):
        with pytest.raises(RequestTimeoutError, match=r"did not answer `x` within 0\.1 s"):
            await connection.request("x", {})
        assert connection._waiting == {}
        assert await connection.request("y", {}) == {"for": "second"}


async def test_a_refusal_carries_the_servers_words() -> None:
    """The caller decides by the error's token."""

    async def refuse(socket: ServerConnection) -> None:
        request = json.loads(await socket.recv())
        answer = {"id": request["id"], "status": "error", "error": "slowDown"}
        await socket.send(json.dumps({**answer, "error_message": "You are placing too much load."}))
        await socket.wait_closed()

    async with connected(refuse) as (connection, _):
        with pytest.raises(RequestRefusedError, match="too much load") as caught:
            await connection.request("x", {})

    assert caught.value.facts["error"] == "slowDown"


async def test_unreadable_frames_are_counted_and_stop_nothing() -> None:
    """Rubbish between frames, answers to nobody and odd ids included."""
    rubbish: list[str | bytes] = [
        "",
        "{",
        "[]",
        "3",
        b"\x00\xff",
        '{"id": 99, "result": {}}',
        '{"id": [1], "result": {}}',
        '{"id": null}',
    ]

    async def spit(socket: ServerConnection) -> None:
        async for raw in socket:
            for frame in rubbish:
                await socket.send(frame)
            await socket.send('{"type": "never heard of"}')
            await socket.send(json.dumps({"id": json.loads(raw)["id"], "result": {"ok": 1}}))

    async with connected(spit) as (connection, notes):
        assert await connection.request("x", {}) == {"ok": 1}

    assert notes.misheard_count == 5
    assert notes.heard_messages == [{"type": "never heard of"}]


async def test_what_follows_an_answer_is_heard_after_it() -> None:
    """A ledger that is announced right behind the subscription belongs to it."""
    order: list[str] = []

    async def subscribe(socket: ServerConnection) -> None:
        request = json.loads(await socket.recv())
        await socket.send(json.dumps({"id": request["id"], "result": {}}))
        await socket.send('{"type": "ledgerClosed"}')
        await socket.wait_closed()

    async with connected(subscribe) as (connection, notes):
        await connection.request(
            "subscribe", {}, then=lambda _: order.append(f"heard {len(notes.heard_messages)}")
        )

    assert order == ["heard 0"]


async def test_ten_thousand_frames_at_once_are_all_heard() -> None:
    """A mass of frames neither blocks the server nor is lost."""

    async def flood(socket: ServerConnection) -> None:
        request = json.loads(await socket.recv())
        for number in range(10_000):
            await socket.send(f'{{"type": "transaction", "n": {number}}}')
        await socket.send(json.dumps({"id": request["id"], "result": {}}))
        await socket.wait_closed()

    async with connected(flood, seconds=60) as (connection, notes):
        await connection.request("x", {})

    assert [message["n"] for message in notes.heard_messages] == list(range(10_000))


async def test_rubbish_does_not_fill_the_log() -> None:
    """A thousand unreadable frames are ten lines."""

    async def spit(socket: ServerConnection) -> None:
        request = json.loads(await socket.recv())
        for _ in range(1_000):
            await socket.send("{")
        await socket.send(json.dumps({"id": request["id"], "result": {}}))
        await socket.wait_closed()

    with capture_logs() as logs:
        async with connected(spit, seconds=60) as (connection, notes):
            await connection.request("x", {})

    times = [log["times"] for log in logs if log["event"] == "unreadable_frame"]
    assert notes.misheard_count == 1_000
    assert times == [2**power for power in range(10)]
