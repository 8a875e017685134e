"""The dead man's switch is fed while ledgers advance, and not otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from tests.alerts.conftest import HttpServer
from watchtower.alerts.heartbeat import Heartbeat


async def test_beats_between_two_requests_are_one_request(http_server: HttpServer) -> None:
    """Many ledgers in one interval feed it once; a beat in the next interval feeds it again."""
    heart = Heartbeat.of_url(f"{http_server.url}/ping", every=0.01)
    for _ in range(100):
        heart.beat()
    running = asyncio.create_task(heart.run())
    await http_server.count(1)
    heart.beat()
    await http_server.count(2)
    running.cancel()

    assert [request.path for request in http_server.received] == ["/ping", "/ping"]
    assert {request.method for request in http_server.received} == {"GET"}


async def test_without_a_ledger_nothing_is_sent(http_server: HttpServer) -> None:
    """A tower that is up and goes blind falls silent, and the service outside raises the alarm."""
    blinded = Heartbeat.of_url(f"{http_server.url}/blinded", every=0.001)
    seeing = Heartbeat.of_url(f"{http_server.url}/seeing", every=0.001)
    running = [asyncio.create_task(heart.run()) for heart in (blinded, seeing)]
    blinded.beat()
    await http_server.count(1)
    for wanted in range(2, 12):
        seeing.beat()
        await http_server.count(wanted)
    for task in running:
        task.cancel()

    assert [request.path for request in http_server.received] == ["/blinded"] + ["/seeing"] * 10


async def test_a_failure_is_logged_without_the_address_and_the_next_beat_goes_on(
    http_server: HttpServer,
) -> None:
    """The address is a secret of the operator's; the failure is a warning, never a crash."""
    http_server.answers = [500]
    heart = Heartbeat.of_url(f"{http_server.url}/T0KEN", every=0.001)
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(heart.run())
        heart.beat()
        await http_server.count(1)
        heart.beat()
        await http_server.count(2)
        running.cancel()

    (line,) = logs
    assert (line["event"], line["log_level"], line["why"]) == (
        "heartbeat_failed",
        "warning",
        "answered 500",
    )
    assert "T0KEN" not in str(logs)


async def test_a_service_that_wants_a_post_gets_one(http_server: HttpServer) -> None:
    """Some dead man's switches take nothing else."""
    heart = Heartbeat.of_url(f"{http_server.url}/ping", every=0.001, method="POST")
    running = asyncio.create_task(heart.run())
    heart.beat()
    await http_server.count(1)
    running.cancel()

    assert [request.method for request in http_server.received] == ["POST"]


async def test_a_sign_of_life_that_does_not_arrive_is_seen_in_the_report() -> None:
    """Since when, and why; and that it is well again once one arrives."""
    answers: list[str | None] = ["answered 500", "answered 503", None]
    reports: list[dict[str, Any]] = []
    given = asyncio.Condition()
    wall = iter(range(100, 200))

    async def feed() -> str | None:
        async with given:
            reports.append(heart.report())
            given.notify_all()
        return answers.pop(0) if answers else None

    heart = Heartbeat(feed, name="x", every=0.0, wall=lambda: next(wall))
    running = asyncio.create_task(heart.run())
    async with asyncio.timeout(30), given:
        while len(reports) < 4:
            heart.beat()
            await given.wait()
    running.cancel()

    failing = [(each["failing_since"], each["why"], each["attempts"]) for each in reports]
    assert failing == [
        (None, None, 0),
        (100, "answered 500", 1),
        (100, "answered 503", 2),
        (None, None, 0),
    ]
    assert [each["last_delivered"] for each in reports] == [None, None, None, 101]
    assert [(each["delivered"], each["failed"]) for each in reports[:4]] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 2),
    ]
