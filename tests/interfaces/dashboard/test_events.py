"""What pages are told of changes: the daemon's own events, over a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interfaces.dashboard.browsers import (
    OWN,
    browser_of,
    logged_in,
    tower_at_a_port,
)
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.interfaces.dashboard import events, sessions
from watchtower.interfaces.http import serve as http_serve
from watchtower.interfaces.http import stream_socket
from watchtower.settings import HttpSettings

Told = tuple[str, dict[str, Any]]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket and wants tokens."""
    async with stage_on(tmp_path) as made:
        listen = f"unix:{tmp_path / 'door.sock'}"
        made.with_settings(http=HttpSettings(listen=listen, require_token=True))
        yield made


@pytest.fixture
async def open_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower lets everybody in who may open its socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


class Page:
    """A page that listens, as a browser's EventSource does."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.lines = answer.aiter_lines()

    async def next(self) -> Told:
        """Return the next event: its kind and its data; ("", {}) at the end."""
        kind = ""
        async with asyncio.timeout(60):
            async for line in self.lines:
                field, _, value = line.partition(": ")
                if field == "event":
                    kind = value
                elif field == "data":
                    return kind, json.loads(value)
        return "", {}

    async def until(self, kind: str, part: str = "") -> Told:
        """Return the next event of a kind, and of a part."""
        while True:
            told = await self.next()
            assert told[0] or not kind, f"it ended before {kind}"
            if told[0] == kind and (not part or part in told[1]["parts"]):
                return told


@asynccontextmanager
async def page_of(browser: httpx.AsyncClient, query: str = "") -> AsyncIterator[Page]:
    """Open the events, as a page does; they have begun."""
    headers = {"accept": "text/event-stream"}
    async with browser.stream(
        "GET", f"/dashboard/events{query}", headers=headers, timeout=60
    ) as answer:
        assert answer.status_code == 200, await answer.aread()
        page = Page(answer)
        assert (await page.next())[0] == "hello"
        yield page


async def test_a_page_is_told_which_parts_have_changed(open_stage: Stage) -> None:
    """A claim is kept, its channel is closed by the payer, and redeemed: each changes the page."""
    stage = open_stage
    channel, other = await stage.channel(), await stage.channel()
    async with (
        stage.tower(),
        browser_of(stage) as browser,
        page_of(browser) as page,
        browser_of(stage) as second,
        page_of(second, f"?channel={channel}") as of_channel,
        browser_of(stage) as third,
        page_of(third, f"?channel={other}") as of_other,
    ):
        assert page.answer.headers["cache-control"] == "no-store"
        assert page.answer.headers["content-type"].startswith("text/event-stream")
        await stage.keep(channel, 5 * XRP)
        await page.until("changed", "stakes")
        await stage.close_request(channel)
        await page.until("changed", "channels")
        await of_channel.until("changed", "channel")
        await stage.until_paid(channel, 5 * XRP)
        await stage.close_request(other)
        _, told = await of_other.until("changed", "channel")
        assert "channels" not in told["parts"]


async def test_the_events_are_for_whom_the_pages_are_for(stage: Stage) -> None:
    """No token, no events; and a browser's library is told so in a status, not in a page."""
    async with stage.tower(), browser_of(stage) as browser:
        headers = {"accept": "text/event-stream"}
        told = await browser.get("/dashboard/events", headers=headers)
        assert (told.status_code, told.json()["type"]) == (401, "token_missing")
        await logged_in(stage, browser)
        async with page_of(browser):
            pass


async def test_who_is_revoked_hears_nothing_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is open all night is asked again all night."""
    monkeypatch.setattr(events, "_EVERY", 0.02)
    async with stage.tower(), browser_of(stage) as browser:
        await logged_in(stage, browser)
        async with page_of(browser) as page:
            async with stage.store() as store, store.write() as work:
                await work.tokens.revoke("operator")
            await page.until("ended")
            assert (await page.next())[0] == ""


@pytest.mark.parametrize("how", ["logged out elsewhere", "twelve hours"])
async def test_events_end_with_their_session(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A page that is open keeps its session from being idle, and from nothing else."""
    monkeypatch.setattr(events, "_EVERY", 0.02)
    async with stage.tower(), browser_of(stage) as browser:
        await logged_in(stage, browser)
        async with page_of(browser) as page:
            if how == "twelve hours":
                monkeypatch.setattr(sessions, "LONGEST", 0.0)
            else:
                left = await browser.post("/dashboard/logout", headers=OWN)
                assert left.status_code == 303
            async with asyncio.timeout(60):
                await page.until("ended")
            assert (await page.next())[0] == ""


async def test_a_page_that_nothing_happens_on_hears_that_the_tower_is_there(
    open_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence would mean that the connection is lost, and a page says so."""
    monkeypatch.setattr(events, "_EVERY", 0.02)
    monkeypatch.setattr(events, "_BEAT", 0.05)
    async with open_stage.tower(), browser_of(open_stage) as browser, page_of(browser) as page:
        _, told = await page.until("beat")
        assert told["time"].endswith(" UTC")


@pytest.mark.parametrize("query", ["?channel=12", "?channel=" + "é", "?" + "a=b&" * 9])
async def test_what_is_asked_wrongly_is_refused(open_stage: Stage, query: str) -> None:
    """Before anything is followed."""
    async with open_stage.tower(), browser_of(open_stage) as browser:
        headers = {"accept": "text/event-stream"}
        told = await browser.get(f"/dashboard/events{query}", headers=headers)
        assert (told.status_code, told.json()["type"]) == (400, "malformed")
        told = await browser.post("/dashboard/events", headers=headers)
        assert told.status_code == 405


async def test_the_events_end_when_the_daemon_stops(open_stage: Stage) -> None:
    """They hold nothing up, and the page is told why it hears nothing more."""
    stage = open_stage
    async with stage.tower() as daemon, browser_of(stage) as browser, page_of(browser) as page:
        daemon.cancel()
        await page.until("stopping")
        assert (await page.next())[0] == ""
        async with asyncio.timeout(60):
            with suppress(asyncio.CancelledError):
                await daemon


async def test_pages_have_an_end_and_leave_places_for_claims(
    open_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next page is told so, and one that closes makes room for it."""
    monkeypatch.setattr(events, "_MOST", 2)
    stage = open_stage
    async with stage.tower(), browser_of(stage) as browser, page_of(browser):
        async with page_of(browser):
            headers = {"accept": "text/event-stream"}
            told = await browser.get("/dashboard/events", headers=headers)
            assert (told.status_code, told.json()["type"]) == (503, "crowded")
            seen = await browser.get("/dashboard")
            assert seen.status_code == 200
        for _ in range(200):
            with suppress(AssertionError):
                async with page_of(browser):
                    return
        pytest.fail("the place was never free again")


async def test_pages_count_among_the_places_of_streams(
    open_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is open, there are places left for who comes with a request."""
    monkeypatch.setattr(stream_socket, "_PLACES", 1)
    stage = open_stage
    async with stage.tower(), browser_of(stage) as browser, page_of(browser):
        told = await browser.get("/dashboard/events", headers={"accept": "text/event-stream"})
        assert (told.status_code, told.json()["type"]) == (503, "crowded")


async def test_who_never_reads_is_let_go_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket whose owner went away with the lid of a laptop, or means ill.

    It takes some seconds to fill what the kernel and the loop keep for it, sixty bytes at a time.
    """
    monkeypatch.setattr(events, "_EVERY", 0.0005)
    monkeypatch.setattr(events, "_BEAT", 0.0)
    monkeypatch.setattr(events, "_MOST", 1)
    monkeypatch.setattr(http_serve, "_PATIENCE", 1.0)
    tcp = http_serve._tcp

    def narrow(place: Any) -> socket.socket:
        made = tcp(place)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        return made

    monkeypatch.setattr(http_serve, "_tcp", narrow)
    async with tower_at_a_port(tmp_path) as (port, client):
        loop = asyncio.get_running_loop()
        mute = socket.socket()
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        mute.settimeout(0)
        with mute:
            await loop.sock_connect(mute, ("127.0.0.1", port))
            request = f"GET /dashboard/events HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n"
            await loop.sock_sendall(mute, request.encode())
            assert await loop.sock_recv(mute, 1)  # it has its place, and reads nothing more
            assert (await client.get("/dashboard")).status_code == 200
            headers, statuses = {"accept": "text/event-stream"}, set[int]()
            for _ in range(1_000):
                async with client.stream("GET", "/dashboard/events", headers=headers) as told:
                    statuses.add(told.status_code)
                if 200 in statuses:
                    assert statuses == {503, 200}
                    return
                await asyncio.sleep(0.1)
            pytest.fail("it was never let go")
