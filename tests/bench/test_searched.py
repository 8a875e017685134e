"""Searching at small scale: pages are really made, and close requests are answered beside them."""

from __future__ import annotations

import socket
from contextlib import closing

from bench.reaction import post
from bench.searching import searching
from watchtower.http_settings import HttpSettings


async def test_tower_that_is_searched_without_pause_answers_a_close_request() -> None:
    """And each search is a page, told with what it took."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    took: list[float] = []
    async with post(2, http=HttpSettings(listen=f"127.0.0.1:{port}")) as station:
        station.is_busy = True
        async with searching(port, took):
            seen = await station.react(station.world.units[0])
        assert seen.seconds is not None
        assert station.world.unpaid() == 1
    assert took
    assert all(seconds > 0 for seconds in took)
