"""The stage: every frame is kept, in order, and nothing that is under way is missed."""

from __future__ import annotations

import json

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.conformance.stage import Tape, opened

PUBLISHED = 500
"""More frames than arrive in one turn of the event loop."""


class Publisher:
    """A server that publishes a ledger as it closes it, and then says that it is closed."""

    def __init__(self) -> None:
        self._talking: list[ServerConnection] = []

    async def talk(self, connection: ServerConnection) -> None:
        """Answer everything, in order."""
        self._talking.append(connection)
        async for frame in connection:
            request = json.loads(frame)
            if request["command"] == "ledger_accept":
                await self._publish(besides=connection)
            await connection.send(json.dumps({"id": request["id"], "result": {}}))

    async def _publish(self, *, besides: ServerConnection) -> None:
        for number in range(PUBLISHED):
            for connection in self._talking:
                if connection is not besides:
                    await connection.send(json.dumps({"type": "ledgerClosed", "number": number}))


async def test_what_a_ledger_publishes_is_kept_before_the_story_goes_on() -> None:
    """Else the next request would stand before it on the tape, in one run and not in the other."""
    tape = Tape()
    async with (
        serve(Publisher().talk, "127.0.0.1", 0) as server,
        opened(_url(server), tape) as stage,
    ):
        await stage.close_ledger()
        assert [frame["msg"].get("number") for frame in tape.frames] == list(range(PUBLISHED))


async def test_question_whether_that_was_all_is_not_on_the_tape() -> None:
    """The recordings have no such frames, and number their requests without them."""
    tape = Tape()
    async with (
        serve(Publisher().talk, "127.0.0.1", 0) as server,
        opened(_url(server), tape) as stage,
    ):
        await stage.heard()
        await stage.client("fee")
        await stage.heard()
    assert tape.frames == [
        {"dir": "send", "msg": {"id": 1, "command": "fee"}},
        {"dir": "recv", "msg": {"id": 1, "result": {}}},
    ]


async def test_server_that_hangs_up_fails_the_request_under_way() -> None:
    """At once, and not after the time that an answer may take."""

    async def hang_up(connection: ServerConnection) -> None:
        await connection.recv()

    async with (
        serve(hang_up, "127.0.0.1", 0) as server,
        opened(_url(server), Tape()) as stage,
    ):
        with pytest.raises(ConnectionClosed):
            await stage.client("fee")


def _url(server: Server) -> str:
    port = next(iter(server.sockets)).getsockname()[1]
    return f"ws://127.0.0.1:{port}"
