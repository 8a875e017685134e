"""A merchant's web server, as a process of its own: articles for claims, guarded by the tower.

python -m tests.merchant.shop SOCKET TOWER FOLDER RECIPIENT PRICE
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from litestar import Litestar, get

from watchtower.client import TowerClient
from watchtower.client.guard import PaymentGuard
from watchtower.client.till import Till
from watchtower.units import Address, Drops

ROOT = Path(__file__).parents[2]


@get("/article")
async def article() -> str:
    """Serve an article."""
    return "Once upon a time"


@get("/")
async def front_page() -> str:
    """Serve what is free."""
    return "Articles!"


def shop(tower_place: str, folder: Path, recipient: Address, price: Drops) -> PaymentGuard:
    """The whole application of a merchant."""
    tower = TowerClient(tower_place, queue=folder / "claims.queue", patience=0.2)

    @asynccontextmanager
    async def with_the_tower(_: Litestar) -> AsyncIterator[None]:
        async with tower:
            yield

    app = Litestar([article, front_page], lifespan=[with_the_tower], logging_config=None)
    return PaymentGuard(
        app,
        tower=tower,
        till=Till(folder / "till"),
        recipient=recipient,
        price=lambda scope: None if scope["path"] == "/" else price,
    )


def main(at: str, tower: str, folder: str, recipient: str, price: str) -> None:
    """Serve until killed."""
    app = shop(tower, Path(folder), Address(recipient), Drops(int(price)))
    uvicorn.run(app, uds=at, log_level="warning", access_log=False)


@asynccontextmanager
async def running(
    at: Path, tower: str, folder: Path, recipient: Address, price: int
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """A merchant's process that serves, and a client of it; killed at the end, if not before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.merchant.shop", str(at), tower, str(folder), recipient, str(price)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    transport = httpx.AsyncHTTPTransport(uds=str(at))
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://shop", timeout=30
        ) as client:
            async with asyncio.timeout(60):
                while not await _serves(client):  # noqa: ASYNC110 - it is asked, it does not call
                    await asyncio.sleep(0.05)
            yield process, client
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _serves(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/")).status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
