"""A tower that is asked to stop sends what it has written down, and keeps nobody waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.tower.conftest import XRP, Stage
from tests.tower.test_daemon import note
from watchtower.daemon import run
from watchtower.errors import LookStoppedError
from watchtower.ledger.socket import DialSettings, Socket
from watchtower.ledger.websocket import dial
from watchtower.machine import Machine
from watchtower.settings import AlertSettings, TicketSettings
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import ChannelId


class Way:
    """The way to the servers, on which requests with ``holding`` in them can be held up."""

    def __init__(self, holding: str = '"tx_blob"') -> None:
        self.holding = holding
        self.is_free = asyncio.Event()
        self.held = asyncio.Event()
        self.stop = asyncio.Event()

    @asynccontextmanager
    async def dial(self, url: str, how: DialSettings) -> AsyncIterator[Socket]:
        """Open a connection on which submissions wait for a free way."""
        async with dial(url, how) as socket:
            yield _Held(socket, self)

    @contextmanager
    def stopping(self) -> Iterator[asyncio.Event]:
        """What the tower is stopped by."""
        yield self.stop

    @property
    def machine(self) -> Machine:
        """A machine with this way."""
        return Machine(dial=self.dial, stopping=self.stopping)


class _Held:
    def __init__(self, socket: Socket, way: Way) -> None:
        self._socket = socket
        self._way = way

    async def send(self, frame: str, /) -> None:
        if self._way.holding in frame and not self._way.is_free.is_set():
            self._way.held.set()
            await self._way.is_free.wait()
        await self._socket.send(frame)

    def frames(self) -> AsyncIterator[str | bytes]:
        return self._socket.frames()


async def stopped_before_the_first_byte(
    stage: Stage,
) -> tuple[ChannelId, Way, asyncio.Task[Mapping[str, Any]]]:
    """Have a daemon asked to stop between the journal and what would leave by its way."""
    stage.with_settings(tickets=TicketSettings(pool=0, low_water=0))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    way = Way()
    daemon = asyncio.create_task(run(stage.settings, "correct horse", {}, machine=way.machine))
    await stage.until_told(channel, "judged")
    await stage.close_request(channel)
    await asyncio.wait_for(way.held.wait(), 30)
    way.stop.set()
    return channel, way, daemon


async def test_what_was_written_down_leaves_before_the_tower_ends(stage: Stage) -> None:
    """Stopped between the journal and the first byte: the next start may be too late for it."""
    channel, way, daemon = await stopped_before_the_first_byte(stage)
    for _ in range(10):
        # As long as it takes to notice: a tower that ends now has sent nothing.
        await asyncio.to_thread(lambda: None)
    way.is_free.set()
    await asyncio.wait_for(daemon, 30)

    assert [entry.kind for entry in await stage.story(channel)].count("attempt_made") == 1
    await stage.sandbox.accept()
    assert await stage.balance(channel) == 30 * XRP


async def test_way_that_stays_held_up_keeps_no_tower_from_ending_and_the_next_one_pays(
    stage: Stage,
) -> None:
    """What is on disk is left to the next start."""
    channel, _, daemon = await stopped_before_the_first_byte(stage)
    await asyncio.wait_for(daemon, 30)
    assert await stage.balance(channel) == 0

    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)
    assert [entry.kind for entry in await stage.story(channel)].count("attempt_made") == 1


async def test_look_that_is_stopped_says_so_and_the_next_one_pays(stage: Stage) -> None:
    """`--once` promises that everything has its outcome, and does not end well without."""
    stage.with_settings(tickets=TicketSettings(pool=0, low_water=0))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    way = Way()
    look = asyncio.create_task(
        run(stage.settings, "correct horse", {}, once=True, machine=way.machine)
    )
    await asyncio.wait_for(way.held.wait(), 30)
    way.stop.set()
    with pytest.raises(LookStoppedError, match="run `watchtower run --once` again"):
        await asyncio.wait_for(look, 30)
    told = await note(stage, STATUS_NOTE)
    assert told["stopped"] is True

    async with stage.tower(once=True):
        await stage.until_paid(channel, 30 * XRP)
    assert [entry.kind for entry in await stage.story(channel)].count("attempt_made") == 1


async def test_webhook_that_hangs_keeps_no_tower_from_ending(stage: Stage) -> None:
    """It has its five seconds, and that nobody guards any more is written before them."""
    asked = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        stage.with_settings(alerts=AlertSettings(webhook=f"http://{host}:{port}"))
        way = Way()
        daemon = asyncio.create_task(run(stage.settings, "correct horse", {}, machine=way.machine))
        await asyncio.wait_for(asked.wait(), 30)
        way.stop.set()

        async def says_so() -> bool:
            told = await note(stage, STATUS_NOTE)
            return bool(told) and told.get("stopped") is True

        await stage.until(says_so, closing=False)
        assert not daemon.done()
        await asyncio.wait_for(daemon, 30)
