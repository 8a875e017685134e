"""A chain and servers for each test (``scripted.py``), and somebody who watches them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.ledger.scripted import PAYEE, Chain, ScriptedServer
from watchtower.ledger.catchup import StreamSettings
from watchtower.ledger.events import LedgerAccounted
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.sequence import Delivery
from watchtower.ledger.servers import Servers
from watchtower.ledger.stream import Stream
from watchtower.units import Address, ChannelId, LedgerIndex

_QUICK = LinkSettings(
    request_timeout=1.0, silence=30.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2
)
_SOON = StreamSettings(reconcile=600.0, retry=0.05)
_GENEROUS = 20.0


@pytest.fixture
def chain() -> Chain:
    """A chain that begins at ledger 10."""
    return Chain()


@pytest.fixture
async def start(chain: Chain) -> AsyncIterator[Callable[..., Awaitable[ScriptedServer]]]:
    """Start servers of the chain; all are stopped at the end."""

    async def start_one(**faults: Any) -> ScriptedServer:
        server = ScriptedServer(chain, **faults)
        await server.start()
        chain.servers.append(server)
        return server

    yield start_one
    await asyncio.gather(*(server.stop() for server in chain.servers))


async def until(true: Callable[[], object]) -> None:
    """Wait until ``true`` holds."""
    async with asyncio.timeout(_GENEROUS):
        while not true():  # noqa: ASYNC110 - what a server has seen is no event of ours
            await asyncio.sleep(0.01)


class Receiver:
    """Takes deliveries and lets a test wait for one."""

    def __init__(self) -> None:
        self.all: list[Delivery] = []
        self.stream: Stream

    async def receive(self, deliveries: AsyncIterator[Delivery]) -> None:
        """Take deliveries until cancelled."""
        async for delivery in deliveries:
            self.all.append(delivery)

    def of(self, *kinds: type) -> list[Any]:
        """Return the deliveries of some kinds."""
        return [d for d in self.all if isinstance(d, kinds)]

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until ``true`` holds."""
        await until(true)

    async def accounted(self, index: int) -> None:
        """Wait until the cursor reached a ledger."""
        await self.until(lambda: any(d.ledger_index >= index for d in self.of(LedgerAccounted)))

    async def first(self, kind: type) -> Any:
        """Wait for the first delivery of a kind."""
        await self.until(lambda: self.of(kind))
        return self.of(kind)[0]


@asynccontextmanager
async def _watching(
    *servers: ScriptedServer,
    cursor: int | None = 10,
    open_channels: Collection[str] = (),
    settings: LinkSettings = _QUICK,
    stream_settings: StreamSettings = _SOON,
    network_id: int | None = None,
    accounts: Collection[str] = (PAYEE,),
    late: bool = False,
) -> AsyncIterator[tuple[Receiver, Servers]]:
    """Watch a chain through servers."""
    opened = Servers(
        [server.url for server in servers],
        accounts=[Address(account) for account in accounts],
        network_id=network_id,
        settings=settings,
    )
    at = None if cursor is None else LedgerIndex(cursor)
    channels = [ChannelId(channel) for channel in open_channels]
    receiver = Receiver()
    async with opened:
        if late:
            await opened.settle()
        async with opened.stream(
            cursor=at, open_channels=lambda: channels, settings=stream_settings
        ) as receiver.stream:
            task = asyncio.create_task(receiver.receive(receiver.stream.deliveries()))
            try:
                yield receiver, opened
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def watching() -> Callable[..., Any]:
    """Watch a chain through servers, as a context."""
    return _watching


@pytest.fixture
def both_ready() -> Callable[[Servers], Awaitable[None]]:
    """Wait until two servers can be asked."""

    async def wait(servers: Servers) -> None:
        await until(lambda: len(servers.ready()) == 2)

    return wait


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until something holds."""
    return until
