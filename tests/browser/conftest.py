"""A real browser that looks at a real daemon over the sandbox ledger."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    async_playwright,
)
from playwright.async_api import Request as Asked

from tests.tower.conftest import Stage, stage_on
from watchtower.settings import HttpSettings

PATIENCE: Final = 60_000
"""Milliseconds until a browser gives up waiting: long, for nothing here is about how fast it is."""

PHONE: Final = ViewportSize(width=320, height=640)
DESKTOP: Final = ViewportSize(width=1280, height=900)

_CHROMIUM: Final = shutil.which("chromium") or "/usr/bin/chromium"
_FLAGS: Final = ["--no-sandbox", "--disable-gpu"]
"""A browser in a container has no sandbox of its own; it sees our pages alone."""

_OVERHEARD: Final = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


@dataclass
class Looks:
    """What a browser did while it looked: what its console said, and what it asked for."""

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        """Listen to all pages of a context."""
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.said.append(f"uncaught: {error.error}"))
        context.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.said.append(message.text)

    def _see(self, request: Asked) -> None:
        self.asked.append(request.url)


@dataclass
class Shown:
    """A daemon that is looked at: its stage, where its pages are, and a browser."""

    stage: Stage
    browser: Browser
    address: str

    @asynccontextmanager
    async def looking(
        self,
        path: str = "/dashboard",
        *,
        is_dark: bool = False,
        is_undisturbed: bool = True,
        screen: ViewportSize = DESKTOP,
        **more: Any,
    ) -> AsyncIterator[Page]:
        """Look at a page in a browser that has seen nothing before.

        In the end nothing was asked of anybody else, no policy was violated and, unless it is not
        ``is_undisturbed``, the console has nothing to complain of.
        """
        context = await self.browser.new_context(
            viewport=screen, color_scheme="dark" if is_dark else "light", **more
        )
        context.set_default_timeout(PATIENCE)
        looks = Looks()
        looks.listen(context)
        await context.add_init_script(_OVERHEARD)
        try:
            page = await context.new_page()
            await page.goto(self.address + path)
            yield page
            if more.get("java_script_enabled", True):
                assert await page.evaluate("window.violations") == []
        finally:
            await context.close()
        assert [url for url in looks.asked if not url.startswith(self.address)] == []
        if is_undisturbed:
            assert looks.said == []

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Let ledgers close until a page, say, shows what was waited for."""
        await self.stage.until(condition)

    async def until_ready(self, daemon: asyncio.Task[Any]) -> None:
        """Let ledgers close until the daemon is ready, so that pages show what there is."""
        await self._until_ok(daemon, "/readyz")

    async def until_alive(self, daemon: asyncio.Task[Any]) -> None:
        """Wait until the daemon answers, whether or not it has heard of a ledger."""
        await self._until_ok(daemon, "/healthz")

    async def _until_ok(self, daemon: asyncio.Task[Any], path: str) -> None:
        async with httpx.AsyncClient(base_url=self.address) as client:

            async def ready() -> bool:
                if daemon.done():
                    await daemon
                with suppress(httpx.TransportError):
                    return (await client.get(path)).status_code == 200
                return False

            await self.until(ready)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@asynccontextmanager
async def shown_on(folder: Path, browser: Browser, **settings: Any) -> AsyncIterator[Shown]:
    """A stage whose tower listens at a port of this machine; it is not started yet."""
    async with stage_on(folder) as stage:
        port = free_port()
        http = HttpSettings(listen=f"127.0.0.1:{port}", **settings)
        stage.with_settings(http=http)
        yield Shown(stage=stage, browser=browser, address=f"http://127.0.0.1:{port}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for a module's tests, each of which has a context of its own."""
    async with chromium() as launched:
        yield launched


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    """A daemon that runs for all tests of a module, which make channels of their own."""
    async with (
        shown_on(tmp_path_factory.mktemp("shown"), browser) as made,
        made.stage.tower() as daemon,
    ):
        await made.until_ready(daemon)
        yield made


@asynccontextmanager
async def ledgers(shown: Shown) -> AsyncIterator[None]:
    """Let ledgers close by themselves meanwhile, as they do everywhere."""

    async def close() -> None:
        while True:
            await shown.stage.sandbox.accept()
            await asyncio.sleep(shown.stage.pace)

    closing = asyncio.create_task(close())
    try:
        yield
    finally:
        closing.cancel()
        with suppress(asyncio.CancelledError):
            await closing
