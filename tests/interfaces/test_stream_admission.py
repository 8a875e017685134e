"""Who may open the stream: by the handshake alone, before a word is said."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import InvalidStatus

from tests.interfaces.streams import Rude, ask, heard, path_of, stream_of
from tests.interfaces.test_http import client_of
from tests.tower.conftest import Stage
from watchtower.access.gate import Gate
from watchtower.access.token import RANDOM_BYTES, Scope, Token, mint
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.http import serve as http_serve
from watchtower.interfaces.http import stream as http_stream
from watchtower.places import place_of
from watchtower.settings import HttpSettings
from watchtower.units import LedgerIndex


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://[", 403), ("http://door", 101)],
)
async def test_a_page_of_a_stranger_does_not_open_it(
    stage: Stage, origin: str, status: int
) -> None:
    """Cross-site WebSocket hijacking: a browser asks nobody before it connects."""
    async with stage.tower(), client_of(stage):
        if status == 101:
            async with stream_of(stage, origin=origin) as stream:
                assert (await ask(stream, claims=[]))["answers"] == []
            return
        with pytest.raises(InvalidStatus) as refused:
            async with stream_of(stage, origin=origin):
                pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"")["type"] == "wrong_origin"


async def test_a_page_without_a_name_does_not_open_it_by_naming_no_host(
    stage: Stage, rude: Callable[[], Rude]
) -> None:
    """No name is not the name of this place."""
    async with stage.tower(), client_of(stage):
        head = b"GET /v1/stream HTTP/1.1\r\nhost:\r\norigin: null\r\n"
        answer = await rude().open_with(head)
    assert answer.startswith(b"HTTP/1.1 403")


async def test_another_host_is_refused(stage: Stage) -> None:
    """A page whose own name leads to this machine comes with that name (DNS rebinding)."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    stage.with_settings(http=HttpSettings(listen=f"127.0.0.1:{port}"))
    async with stage.tower(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await until_alive(client)
        async with connect(f"ws://127.0.0.1:{port}/v1/stream") as stream:
            assert (await ask(stream, claims=[]))["answers"] == []
        with pytest.raises(InvalidStatus) as refused:
            async with connect("ws://evil.example/v1/stream", host="127.0.0.1", port=port):
                pass
    assert refused.value.response.status_code == 421
    assert json.loads(refused.value.response.body or b"")["type"] == "wrong_host"


async def test_a_request_without_an_upgrade_is_told_so(stage: Stage) -> None:
    """426, as RFC 9110 has it, and not a page that hangs."""
    async with stage.tower(), client_of(stage) as client:
        for method in ("GET", "POST"):
            told = await client.request(method, "/v1/stream")
            assert (told.status_code, told.json()["type"]) == (426, "upgrade_required")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST", b"426"),
        (b"GET /v1/stream HTTP/1.1\r\nx: " + b"x" * 9_000 + b"\r\ny:", b"400"),
        (b"GET /v1/stream HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"y:", b"400"),
        (b"GET /v1/stream HTTP/1.1\r\nsec-websocket-key: x\r\ny:", b"400"),
    ],
)
async def test_what_is_no_handshake_is_refused(
    stage: Stage,
    head: bytes,
    status: bytes,
    rude: Callable[[], Rude],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The two that read it, one after the other, do not agree on what may be in one."""
    async with stage.tower(), client_of(stage) as client:
        answer = await rude().open(head)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert (await client.get("/healthz")).status_code == 200
    assert "Traceback" not in "".join(capsys.readouterr())


async def test_another_path_is_no_stream(stage: Stage) -> None:
    """There is one, and whoever mistypes it is not left hanging."""
    async with stage.tower(), client_of(stage):
        with pytest.raises(InvalidStatus) as refused:
            async with unix_connect(path_of(stage), uri="ws://door/v1/streams"):
                pass
    assert refused.value.response.status_code == 403


async def until_alive(client: httpx.AsyncClient) -> None:
    """Wait until the daemon answers."""
    for _ in range(400):
        try:
            await client.get("/healthz")
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the daemon never answered")


@asynccontextmanager
async def served(
    path: Path, gate: Gate, feed: Feed, clock: Callable[[], float]
) -> AsyncIterator[None]:
    """A stream alone, at a unix socket."""
    door = cast("Any", None)
    app = Litestar([http_stream.stream_of(door, feed, gate, clock=clock)], logging_config=None)
    with http_serve.listening(place_of(f"unix:{path}")) as at:
        serving = asyncio.create_task(http_serve.serve(app, at))
        yield
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def token(*scopes: Scope, expires: int | None = None) -> tuple[Token, dict[str, str]]:
    """A token, and the header that shows it."""
    kept, text = mint("a", scopes, random=os.urandom(RANDOM_BYTES), now=0, expires=expires)
    return kept, {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({}, "token_missing"),
        ({"authorization": "Basic YTph"}, "token_missing"),
        (token(Scope.READ)[1], "token_invalid"),
        ({"authorization": "Bearer nothing of ours"}, "token_invalid"),
    ],
)
async def test_without_a_token_the_handshake_is_refused(
    tmp_path: Path, headers: dict[str, str], word: str
) -> None:
    """Before a word is said; with the problem and the challenge of every other refusal."""
    path = tmp_path / "door.sock"
    async with served(path, Gate(is_required=True), Feed(lambda: None), lambda: 5.0):
        with pytest.raises(InvalidStatus) as refused:
            await unix_connect(str(path), uri="ws://door/v1/stream", additional_headers=headers)
    response = refused.value.response
    assert (response.status_code, json.loads(response.body or b"")["type"]) == (401, word)
    assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_a_token_is_good_for_what_it_says_and_for_as_long(tmp_path: Path) -> None:
    """Who follows is told nothing more once the token is over, however long ago it came in."""
    path, now = tmp_path / "door.sock", [5.0]
    kept, headers = token(Scope.READ, expires=9)
    gate, feed = Gate(is_required=True), Feed(lambda: None)
    gate.hold([kept])
    async with (
        served(path, gate, feed, lambda: now[0]),
        unix_connect(str(path), uri="ws://door/v1/stream", additional_headers=headers) as stream,
    ):
        assert (await ask(stream, claims=[]))["problem"]["type"] == "scope_missing"
        assert (await ask(stream, follow={}))["following"] is True
        feed.tell([("paid", None, LedgerIndex(1), {})])
        assert (await heard(stream))["event"]["ledger"] == 1
        now[0] = 10.0
        feed.tell([("paid", None, LedgerIndex(2), {})])
        told = await heard(stream)
        assert (told["id"], told["problem"]["type"]) == (None, "token_expired")
        assert (await ask(stream, follow={}))["problem"]["type"] == "token_expired"
        now[0] = 5.0
        gate.hold([])
        assert (await ask(stream, follow={}))["problem"]["type"] == "token_invalid"
