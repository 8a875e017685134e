"""Who may look, and what a browser is told when it may not, or when the tower is away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.conftest import Shown, ledgers, shown_on
from tests.interfaces.test_access import token
from watchtower.access.token import Scope

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Guarded:
    """A tower that nobody looks at without a token, and tokens that it knows."""

    shown: Shown
    reads: str
    submits: str
    admin: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Guarded]:
    """A daemon that runs for all tests of the module that need a token."""
    async with shown_on(tmp_path_factory.mktemp("guarded"), browser, require_token=True) as shown:
        made = Guarded(
            shown=shown,
            reads=await token(shown.stage, "who looks", [Scope.READ]),
            submits=await token(shown.stage, "who submits", [Scope.SUBMIT]),
            admin=await token(shown.stage, "an admin", [Scope.ADMIN]),
        )
        async with shown.stage.tower() as daemon:
            await shown.until_ready(daemon)
            yield made


async def show(page: Page, text: str) -> None:
    """Type a token into the form, and send it."""
    await page.get_by_label("Token").fill(text)
    await page.keyboard.press("Enter")


async def test_only_who_shows_a_token_for_it_looks_and_only_while_that_is_good(
    guarded: Guarded,
) -> None:
    """No token, none of ours, one for something else, a good one; and that one, once revoked."""
    shown, path = guarded.shown, "/dashboard/alerts"
    async with shown.looking(path, is_undisturbed=False) as page, ledgers(shown):
        await page.get_by_text("Show a token to see how the tower is.").wait_for()
        await show(page, "wt_nonsense")
        await page.get_by_text("This is no token of this tower").wait_for()
        await show(page, guarded.submits)
        await page.get_by_text("This token does not open the dashboard").wait_for()
        assert await page.context.cookies() == []
        await page.goto(shown.address + path)
        await show(page, guarded.reads)
        await page.wait_for_url("**/dashboard/alerts")
        await page.locator("#live[data-state=live]").wait_for()
        (cookie,) = await page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert cookie["path"] == "/dashboard"
        assert guarded.reads not in cookie["value"]
        async with shown.stage.store() as store, store.write() as work:
            await work.tokens.revoke("who looks")
        await page.get_by_text("You are not logged in any more").wait_for()
        assert await page.get_by_role("heading", name="Alerts").count() == 0


async def test_who_logs_out_is_out(guarded: Guarded) -> None:
    """In this browser, whatever it still remembers."""
    shown = guarded.shown
    async with shown.looking(is_undisturbed=False) as page:
        await show(page, guarded.admin)
        await page.get_by_role("button", name="Log out an admin").click()
        await page.wait_for_url("**/dashboard/login")
        await page.goto(f"{shown.address}/dashboard")
        await page.get_by_label("Token").wait_for()


async def test_tower_that_stops_is_said_and_the_page_goes_on_when_it_is_back(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nobody touches the page: what stands there stays, and is new again when the tower is."""
    async with shown_on(tmp_path_factory.mktemp("stops"), browser) as shown:
        stage = shown.stage
        channel = await stage.channel()
        async with stage.tower() as daemon:
            await shown.until_ready(daemon)
            async with shown.looking(
                f"/dashboard/channels/{channel}", is_undisturbed=False
            ) as page:
                await page.locator("#live[data-state=live]").wait_for()
                await page.evaluate("window.sameOne = true")
                daemon.cancel()
                await page.locator("#live[data-state=lost]").wait_for()
                await page.get_by_role("heading", level=1, name="Settled").wait_for()
                await asyncio.wait([daemon])
                await stage.keep(channel, 5)
                async with stage.tower() as again:
                    await shown.until_ready(again)
                    await page.locator("#live[data-state=live]").wait_for()
                    await page.get_by_role("heading", level=1, name="Watching").wait_for()
                    assert await page.evaluate("window.sameOne === true")


async def test_browser_that_never_reads_holds_up_nobody_who_does(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A hundred connections that ask for the events and read none; the page beside them is live."""
    async with shown_on(tmp_path_factory.mktemp("deaf"), browser) as shown:
        stage = shown.stage
        channel = await stage.channel()
        host, _, port = shown.address.removeprefix("http://").partition(":")
        async with stage.tower() as daemon:
            await shown.until_ready(daemon)
            async with shown.looking(f"/dashboard/channels/{channel}") as page, ledgers(shown):
                await page.locator("#live[data-state=live]").wait_for()
                deaf = [await never_reads(host, int(port)) for _ in range(100)]
                try:
                    await stage.keep(channel, 5)
                    await page.get_by_role("heading", level=1, name="Watching").wait_for()
                finally:
                    for one in deaf:
                        one.close()


async def never_reads(host: str, port: int) -> socket.socket:
    """Ask for the events, with room for hardly any, and read none."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    one.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(one, (host, port))
    asked = f"GET /dashboard/events HTTP/1.1\r\nhost: {host}:{port}\r\naccept: text/event-stream"
    await loop.sock_sendall(one, f"{asked}\r\n\r\n".encode())
    return one
