"""The tower's door behind a real nginx, by the example in config/: TLS, claims, the stream."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.interfaces.certificates import Authority
from tests.interfaces.proxy import Proxy, proxy_to
from tests.interfaces.streams import ask
from tests.interfaces.test_access import token
from tests.interfaces.test_http import client_of, wire
from tests.interfaces.test_stream import until_event
from tests.tower.conftest import Stage, stage_on
from watchtower.access.token import Scope
from watchtower.settings import HttpSettings


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower is set up as the example says: a unix socket, and tokens."""
    async with stage_on(tmp_path) as made:
        listen = f"unix:{tmp_path / 'door.sock'}"
        made.with_settings(http=HttpSettings(listen=listen, require_token=True))
        yield made


class Outside:
    """Somebody who comes through the proxy, with a token of both scopes."""

    def __init__(self, proxy: Proxy, trusting: ssl.SSLContext, shown: str) -> None:
        self.proxy, self.trusting, self.shown = proxy, trusting, shown
        self.where = f"localhost:{proxy.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What shows the token."""
        return {"authorization": f"Bearer {self.shown}"}

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of HTTP."""
        async with httpx.AsyncClient(
            base_url=f"https://{self.where}", verify=self.trusting, headers=self.headers
        ) as client:
            yield client

    @asynccontextmanager
    async def stream(self, origin: str | None = None) -> AsyncIterator[ClientConnection]:
        """A stream that is open."""
        async with connect(
            f"wss://{self.where}/v1/stream",
            ssl=self.trusting,
            additional_headers=self.headers,
            origin=origin,  # type: ignore[arg-type] # a plain string to us, a name of its own there
        ) as stream:
            yield stream


@asynccontextmanager
async def outside(stage: Stage, folder: Path, **changes: str) -> AsyncIterator[Outside]:
    """Open the proxy in front of the tower's door."""
    authority = Authority(folder)
    trusting = ssl.create_default_context(cafile=str(authority.path))
    shown = await token(stage, "shop", [Scope.SUBMIT, Scope.READ])
    door = Path(stage.settings.http.listen.removeprefix("unix:"))
    pair = authority.pair("tower")
    async with proxy_to(door, pair, folder / "nginx", changes) as proxy:
        yield Outside(proxy, trusting, shown)


async def test_a_claim_comes_through_and_without_a_token_nothing_does(
    stage: Stage, tmp_path: Path
) -> None:
    """By TLS, with the answer that the door gives; whoever is at the proxy seems to be local."""
    channel = await stage.channel()
    async with (
        outside(stage, tmp_path) as shop,
        stage.tower(),
        client_of(stage),
        shop.client() as client,
    ):
        kept = await client.post("/v1/claims", json=wire(stage.claim(channel, 5)))
        without = await client.get("/v1/channels", headers={"authorization": ""})
        ready = await client.get("/readyz", headers={"authorization": ""})
    assert (kept.status_code, kept.json()["kept"]) == (200, True)
    assert (without.status_code, without.json()["type"]) == (401, "token_missing")
    assert ready.status_code == 200
    assert shop.shown not in shop.proxy.log


async def test_the_stream_goes_both_ways_and_tells_at_once(stage: Stage, tmp_path: Path) -> None:
    """The WebSocket's upgrade, claims, and an event that nobody asked for at that moment."""
    channel = await stage.channel()
    async with (
        outside(stage, tmp_path) as shop,
        stage.tower(),
        client_of(stage),
        shop.stream() as stream,
    ):
        answers = (await ask(stream, claims=[wire(stage.claim(channel, 5))]))["answers"]
        assert [one["kept"] for one in answers] == [True]
        await ask(stream, follow={"kinds": ["close_requested"]})
        await stage.close_request(channel)
        event = await until_event(stage, stream, "close_requested", channel)
    assert event["facts"]["expiration"] > 0


async def test_a_page_of_the_tower_may_open_the_stream_and_one_of_others_may_not(
    stage: Stage, tmp_path: Path
) -> None:
    """The name that the browser came by is handed on, or nobody's origin would ever fit."""
    async with outside(stage, tmp_path) as shop, stage.tower(), client_of(stage):
        async with shop.stream(origin=f"https://{shop.where}") as stream:
            assert (await ask(stream, follow={}))["following"]
        with pytest.raises(InvalidStatus) as refused:
            async with shop.stream(origin="https://elsewhere.example"):
                pass
    assert refused.value.response.status_code == 403


async def test_what_is_too_large_is_refused_before_it_reaches_the_tower(
    stage: Stage, tmp_path: Path
) -> None:
    """In the tower's own words, so that a client sends less and not the same again."""
    async with (
        outside(stage, tmp_path) as shop,
        stage.tower(),
        client_of(stage),
        shop.client() as client,
    ):
        large = await client.post("/v1/claims", content=b" " * ((1 << 20) + 1))
        fits = await client.post("/v1/claims", content=b" " * (1 << 20))
    assert (large.status_code, large.json()["type"]) == (413, "too_large")
    assert large.headers["content-type"] == "application/problem+json"
    assert fits.json()["type"] != "too_large"


async def test_one_address_cannot_ask_without_end(stage: Stage, tmp_path: Path) -> None:
    """Whoever floods is told to wait, and the tower has the rest of its time."""
    changes = {"rate=50r/s": "rate=1r/m", "burst=100": "burst=3"}
    async with (
        outside(stage, tmp_path, **changes) as shop,
        stage.tower(),
        client_of(stage),
        shop.client() as client,
    ):
        answers = [await client.get("/v1/channels") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert answers[-1].json()["type"] == "too_many"


async def test_while_the_tower_is_away_nobody_is_told_to_serve(
    stage: Stage, tmp_path: Path
) -> None:
    """A problem that says to try again, as the tower's own 503 does."""
    async with outside(stage, tmp_path) as shop, shop.client() as client:
        away = await client.post("/v1/claims", json={})
    assert (away.status_code, away.json()["type"]) == (503, "away")


async def test_what_is_of_this_machine_stays_on_it(stage: Stage, tmp_path: Path) -> None:
    """Nothing but the interface is let through, and nothing without TLS."""
    async with outside(stage, tmp_path) as shop, stage.tower(), client_of(stage):
        async with shop.client() as client:
            hidden = [await client.get(path) for path in ("/", "/healthz", "/metrics", "/schema")]
        async with httpx.AsyncClient() as plain:
            in_plain_text = await plain.get(f"http://{shop.where}/readyz")
    assert [answer.status_code for answer in hidden] == [404] * 4
    assert in_plain_text.status_code == 400


async def test_streams_at_once_do_not_get_into_each_other(stage: Stage, tmp_path: Path) -> None:
    """Connections to the tower are kept open and used again; each answer goes to who asked."""
    channel = await stage.channel()
    async with outside(stage, tmp_path) as shop, stage.tower(), client_of(stage):

        async def one(drops: int) -> str:
            async with shop.stream() as stream:
                told = await ask(stream, claims=[wire(stage.claim(channel, drops))])
                return str(json.dumps(told["answers"][0]["amount"]))

        told = await asyncio.gather(*(one(drops) for drops in range(1, 9)))
    assert told == [f'"{drops}"' for drops in range(1, 9)]


async def test_the_dashboard_comes_through_with_its_events_at_once(
    stage: Stage, tmp_path: Path
) -> None:
    """A browser logs in at the proxy, keeps its cookie for TLS alone, and is told of a change."""
    channel = await stage.channel()
    async with (
        outside(stage, tmp_path) as shop,
        stage.tower(),
        client_of(stage),
        httpx.AsyncClient(base_url=f"https://{shop.where}", verify=shop.trusting) as browser,
    ):
        own = {"accept": "text/html", "origin": f"https://{shop.where}"}
        form = {"token": shop.shown}
        told = await browser.post("/dashboard/login", data=form, headers=own)
        assert told.status_code == 303
        assert "__Secure-watchtower=" in told.headers["set-cookie"]
        assert (await browser.get("/dashboard", headers=own)).status_code == 200
        async with browser.stream("GET", "/dashboard/events", timeout=60) as answer:
            lines = answer.aiter_lines()
            await until_line(lines, "event: hello")
            await stage.keep(channel, 5)
            await until_line(lines, "event: changed")
    assert shop.shown not in shop.proxy.log


async def until_line(lines: AsyncIterator[str], wanted: str) -> None:
    """Read on until a line comes."""
    async for line in lines:
        if line == wanted:
            return
    pytest.fail(f"it ended before {wanted}")
