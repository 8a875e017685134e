"""The real network: one WebSocket to one server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from watchtower.errors import UnreachableError
from watchtower.ledger.socket import DialSettings, Socket, SocketClosed

__all__ = ["dial"]

_TOO_MUCH: Final = 1008
"""The close code of a server that was asked too much: policy violation (RFC 6455 section 7.4.1)."""

_MAX_QUEUE: Final = 1024
"""Frames that are read ahead of us."""


@asynccontextmanager
async def dial(url: str, settings: DialSettings) -> AsyncIterator[Socket]:
    """Connect to ``url``; the connection is closed when the context is left.

    Raises:
        UnreachableError: it could not be opened.
    """
    async with AsyncExitStack() as stack:
        connecting = connect(
            url,
            open_timeout=settings.open_timeout,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            close_timeout=settings.close_timeout,
            max_size=settings.max_message_bytes,
            max_queue=_MAX_QUEUE,
            # A server on this host is never behind the proxy that the environment names.
            proxy=None if settings.is_local else True,
        )
        try:
            client = await stack.enter_async_context(connecting)
        except (OSError, RuntimeError, WebSocketException, EOFError, ImportError) as trouble:
            # ImportError: the environment names a SOCKS proxy, and what speaks to it is missing.
            # RuntimeError: asyncio holds the file's number for that of a connection that has gone.
            why = str(trouble) or type(trouble).__name__
            raise UnreachableError(servers=url, why=why) from trouble
        yield _WebSocket(client)


class _WebSocket:
    """A `Socket` of the websockets library."""

    def __init__(self, client: ClientConnection) -> None:
        self._client = client

    async def send(self, frame: str) -> None:
        try:
            await self._client.send(frame)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def frames(self) -> AsyncIterator[str | bytes]:
        try:
            async for frame in self._client:
                yield frame
        except ConnectionClosed as closed:
            raise _closed(closed) from None


def _closed(closed: ConnectionClosed) -> SocketClosed:
    threw_us_out = closed.rcvd is not None and closed.rcvd.code == _TOO_MUCH
    return SocketClosed(_reason(closed), threw_us_out=threw_us_out)


def _reason(closed: ConnectionClosed) -> str:
    """Return why a connection ended, in the server's words or ours when there are any."""
    if closed.rcvd is not None:
        words = f": {closed.rcvd.reason}" if closed.rcvd.reason else ""
        return f"the server closed the connection ({closed.rcvd.code}{words})"
    if closed.sent is not None and closed.sent.reason:
        return f"the connection was given up ({closed.sent.reason})"
    return "the connection broke"
