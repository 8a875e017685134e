"""A server between the tower and the sandbox that answers some requests in its own way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

__all__ = ["HANGS", "Answer", "proxy"]

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""What is answered to a request: fields of the answer, or None to let the sandbox answer it."""

HANGS: Mapping[str, Any] = {}
"""No answer at all."""


@asynccontextmanager
async def proxy(url: str, answer: Answer) -> AsyncIterator[str]:
    """Serve what ``url`` serves, but for what ``answer`` answers; give the own address."""

    async def talk(client: ServerConnection) -> None:
        async with connect(url, proxy=None) as server:

            async def back() -> None:
                async for frame in server:
                    await client.send(frame)

            backwards = asyncio.create_task(back())
            async for frame in client:
                request = json.loads(frame)
                own = answer(request)
                if own is None:
                    await server.send(frame)
                elif own:
                    told = {"id": request["id"], "type": "response", "request": request}
                    await client.send(json.dumps({**told, **own}))
            backwards.cancel()
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await backwards

    async with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as served:
        yield f"ws://127.0.0.1:{next(iter(served.sockets)).getsockname()[1]}"
