"""Trouble at small scale: it is really had, and every close request is answered in it."""

from __future__ import annotations

import asyncio

from bench.reaction import post
from bench.trouble import FULL, trouble


async def test_tower_in_trouble_answers_every_close_request_and_is_paid() -> None:
    """With those around who never read, nobody at the broker, and full lists of alarms.

    It takes as long as a tower that stops gives a webhook that fails.
    """
    async with (
        trouble() as made,
        post(2, notes=made.notes, **made.settings) as station,
    ):
        port = int(made.http.listen.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b" 200 " in await reader.readline()
        writer.close()
        before = {route["route"]: route for route in await made.routes()}
        await station.react(station.world.units[0])

        assert station.world.unpaid() == 1
        # What is just being tried is on no list.
        assert {name: FULL - route["waiting"] in {0, 1} for name, route in before.items()} == {
            "command sleep": True,
            "webhook 127.0.0.1": True,
        }
        assert all(route["dropped"] for route in before.values())
