"""A browser as far as the dashboard sees one: what it sends along, and what it keeps."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interfaces.test_access import token
from tests.interfaces.test_http import client_of
from tests.tower.conftest import Stage, stage_on
from watchtower.access.token import Scope
from watchtower.settings import HttpSettings

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {**PAGE, "origin": "http://door"}


@asynccontextmanager
async def browser_of(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the daemon's door, once that answers; it follows nobody by itself."""
    async with client_of(stage):
        transport = httpx.AsyncHTTPTransport(uds=stage.settings.http.listen.removeprefix("unix:"))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://door", headers=PAGE
        ) as browser:
            yield browser


@asynccontextmanager
async def tower_at_a_port(folder: Path) -> AsyncIterator[tuple[int, httpx.AsyncClient]]:
    """A tower that listens at a port of this machine, once it is ready, and who asks there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with stage_on(folder) as stage:
        stage.with_settings(http=HttpSettings(listen=f"127.0.0.1:{port}"))
        async with stage.tower(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await until_ready(stage, client)
            yield port, client


async def log_in(browser: httpx.AsyncClient, text: str, **more: str) -> httpx.Response:
    """Send the form, again and again until the daemon knows a token that was just made."""
    for _ in range(400):
        told = await browser.post("/dashboard/login", data={"token": text, **more}, headers=OWN)
        if told.status_code != 401:
            return told
    pytest.fail("the token was never known")


async def until_out(browser: httpx.AsyncClient) -> httpx.Response:
    """Ask for the overview until it is refused."""
    for _ in range(1_000):
        seen = await browser.get("/dashboard")
        if seen.status_code == 401:
            return seen
        await asyncio.sleep(0.02)
    pytest.fail("the session never ended")


async def logged_in(stage: Stage, browser: httpx.AsyncClient, *scopes: Scope) -> str:
    """Log in with a new token of these scopes, of `read` if none are named; return the token."""
    text = await token(stage, "operator", scopes or [Scope.READ])
    told = await log_in(browser, text)
    assert told.status_code == 303, told.text
    return text


def has_inline(page: str) -> list[Any]:
    """Return what of a page the policy would keep from working."""
    return re.findall(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", page)


def socket_of(stage: Stage) -> Path:
    """Return where the daemon listens."""
    return Path(stage.settings.http.listen.removeprefix("unix:"))


async def until_ready(stage: Stage, client: httpx.AsyncClient) -> None:
    """Wait until the daemon answers."""
    for _ in range(400):
        with suppress(httpx.TransportError):
            if (await client.get("/readyz")).status_code == 200:
                return
        await stage.sandbox.accept()
        await asyncio.sleep(0.05)
    pytest.fail("the daemon never became ready")
