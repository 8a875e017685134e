"""The sign of life may be another one while the tower runs, or none."""

from __future__ import annotations

import asyncio

from tests.alerts.conftest import HttpServer
from watchtower.alerts.heart import Heart
from watchtower.alerts.heartbeat import Heartbeat


def heartbeat(url: str) -> Heartbeat:
    """Return one that is given as often as anybody beats."""
    return Heartbeat.of_url(url, every=0.001)


async def test_heart_beats_where_it_was_told_last(http_server: HttpServer) -> None:
    """From nowhere to one address, and to another; nobody is fed who was replaced."""
    heart = Heart()
    running = asyncio.create_task(heart.run())
    heart.beat()
    for place, count in (("one", 1), ("two", 2)):
        heart.replace([heartbeat(f"{http_server.url}/{place}")])
        heart.beat()
        await http_server.count(count)
    heart.replace([])
    heart.beat()
    running.cancel()

    assert [request.path for request in http_server.received] == ["/one", "/two"]


async def test_beat_that_was_not_carried_yet_is_carried_by_whoever_replaces(
    http_server: HttpServer,
) -> None:
    """Whoever waits for a sign outside must not be woken by settings that are read again."""
    heart = Heart([heartbeat(f"{http_server.url}/one")])
    heart.beat()
    heart.replace([heartbeat(f"{http_server.url}/two")])
    running = asyncio.create_task(heart.run())
    await http_server.count(1)
    running.cancel()

    assert [request.path for request in http_server.received] == ["/two"]


async def test_how_a_sign_of_life_did_is_remembered_by_its_name(http_server: HttpServer) -> None:
    """The status must not say that none was ever given, because a file was read again."""
    heart = Heart([heartbeat(http_server.url)])
    running = asyncio.create_task(heart.run())
    heart.beat()
    async with asyncio.timeout(30):
        while not heart.report()[0]["delivered"]:  # noqa: ASYNC110 - some turns of the loop
            await asyncio.sleep(0)
    heart.replace([heartbeat(http_server.url)])
    (report,) = heart.report()
    running.cancel()

    assert report["delivered"] == 1
    assert report["last_delivered"] is not None
