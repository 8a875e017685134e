"""Notices are told in the background, most urgent first, and cost the tower nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog

from tests.alerts.conftest import HttpServer
from watchtower.alerts.deliver import ATTEMPTS, Deliverer
from watchtower.alerts.routes import Route, WebhookRoute
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity


def notice(subject: str, severity: Severity = Severity.WARNING) -> Notice:
    """Return a notice about ``subject``."""
    alarm = Alarm(name="x", subject=subject, severity=severity, sentence="It is so. Look.")
    return Notice(kind=NoticeKind.RAISED, alarm=alarm)


@asynccontextmanager
async def delivering(routes: Sequence[Route], limit: int = 100) -> AsyncIterator[Deliverer]:
    """Run a deliverer whose retries do not wait long."""
    deliverer = Deliverer(routes, limit=limit, first_wait=0.001)
    running = asyncio.create_task(deliverer.run())
    yield deliverer
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def subjects(http_server: HttpServer) -> list[str]:
    """Return whom the requests were about, in order."""
    return [json.loads(request.body)["subject"] for request in http_server.received]


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.INFO, "info"), (Severity.WARNING, "warning"), (Severity.URGENT, "warning")],
)
async def test_every_notice_is_logged_and_never_as_an_error(severity: Severity, level: str) -> None:
    """The level ``error`` is for bugs of ours, and an outsider can cause an alarm."""
    with structlog.testing.capture_logs() as logs:
        Deliverer([]).tell(notice("C1", severity))

    (line,) = logs
    assert (line["event"], line["log_level"], line["subject"]) == ("alarm", level, "C1")
    assert line["sentence"] == "It is so. Look."


async def test_a_notice_reaches_every_route(http_server: HttpServer) -> None:
    """Two routes, one notice each."""
    routes = [WebhookRoute(f"{http_server.url}/{n}", timeout=30) for n in "ab"]
    async with delivering(routes) as deliverer:
        deliverer.tell(notice("C1"))
        assert await deliverer.drained(within=30)

    assert sorted(request.path for request in http_server.received) == ["/a", "/b"]


async def test_a_failed_delivery_is_tried_again(http_server: HttpServer) -> None:
    """A webhook that stumbles twice gets the notice at the third try, and only once."""
    http_server.answers = [500, 503, 200]
    async with delivering([WebhookRoute(http_server.url, timeout=30)]) as deliverer:
        with structlog.testing.capture_logs() as logs:
            deliverer.tell(notice("C1"))
            assert await deliverer.drained(within=30)

    assert subjects(http_server) == ["C1"] * 3
    failures = [line for line in logs if line["event"] == "notice_not_delivered"]
    assert [(line["attempt"], line["given_up"]) for line in failures] == [(1, False), (2, False)]


async def test_a_dead_webhook_is_given_up_loudly_and_the_next_notice_goes_on(
    http_server: HttpServer,
) -> None:
    """After a few tries the log says so; what comes behind it is delivered."""
    http_server.answers = [500] * ATTEMPTS
    async with delivering([WebhookRoute(http_server.url, timeout=30)]) as deliverer:
        with structlog.testing.capture_logs() as logs:
            deliverer.tell(notice("C1"))
            deliverer.tell(notice("C2"))
            assert await deliverer.drained(within=30)

    assert subjects(http_server) == ["C1"] * ATTEMPTS + ["C2"]
    assert any(line.get("given_up") for line in logs)
    assert {line["log_level"] for line in logs} == {"warning"}


async def test_a_route_that_hangs_does_not_hold_up_the_other(http_server: HttpServer) -> None:
    """Each route has its own worker."""
    http_server.answers = [None]
    hanging = WebhookRoute(f"{http_server.url}/hangs", timeout=600)
    async with delivering([hanging]) as deliverer:
        deliverer.tell(notice("C1"))
        await http_server.count(1)

        async with delivering([hanging, WebhookRoute(f"{http_server.url}/works", timeout=30)]):
            pass
        assert not await deliverer.drained(within=0.05)

    http_server.received.clear()
    http_server.answers = []
    works = WebhookRoute(f"{http_server.url}/works", timeout=30)
    async with delivering([Hanging(), works]) as deliverer:
        deliverer.tell(notice("C2"))
        await http_server.count(1)

    assert [request.path for request in http_server.received] == ["/works"]


class Hanging:
    """A route that never comes back."""

    name = "hanging"

    async def hand_over(self, report: bytes) -> str | None:
        """Wait for ever."""
        await asyncio.Event().wait()
        return f"unreachable {len(report)}"


async def test_the_most_urgent_goes_first_and_survives_a_flood(http_server: HttpServer) -> None:
    """A thousand cheap alarms neither delay a dear one nor push it out."""
    deliverer = Deliverer([WebhookRoute(http_server.url, timeout=30)], limit=3)
    with structlog.testing.capture_logs() as logs:
        for number in range(5):
            deliverer.tell(notice(f"cheap{number}", Severity.INFO))
        deliverer.tell(notice("dear", Severity.URGENT))
        deliverer.tell(notice("cheap5", Severity.INFO))

    running = asyncio.create_task(deliverer.run())
    assert await deliverer.drained(within=30)
    running.cancel()

    assert subjects(http_server) == ["dear", "cheap0", "cheap1"]
    assert len([line for line in logs if line["event"] == "notice_dropped"]) == 4
