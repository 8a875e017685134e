"""Trouble at small scale: it is really had, and every close request is answered in it."""

from __future__ import annotations

import asyncio

from bench.reaction import post
from bench.trouble import trouble


async def test_tower_in_trouble_answers_every_close_request_and_is_paid() -> None:
    """With those around who never read, and nobody at the broker.

    It takes as long as a tower that stops gives a webhook that fails.
    """
    async with (
        trouble() as made,
        post(2, http=made.http, mqtt=made.mqtt, alerts=made.alerts) as station,
    ):
        port = int(made.http.listen.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b" 200 " in await reader.readline()
        writer.close()
        await station.react(station.world.units[0])

        assert station.world.unpaid() == 1
