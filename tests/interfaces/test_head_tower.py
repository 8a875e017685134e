"""A head at another tower that may be anything: it is asked within a time, and never believed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interfaces.certificates import Authority
from tests.store import make
from tests.store.heads import STORE, head_of
from watchtower.errors import ConfigError
from watchtower.heads import head_keeper
from watchtower.interfaces.http.head import HeadTower, KeepingTower
from watchtower.store.head import MOST_BYTES, Finding
from watchtower.store.head_keeping import HeadUnreachable

TOKEN = "xwt_0123456789abcdef_" + "A" * 43


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file that says so."""
    path.write_text(text)
    path.chmod(mode)
    return path


async def store_name() -> bytes:
    """The identity of a store."""
    return STORE


def answer(
    body: bytes, status: str = "200 OK", headers: str = "", length: int | None = None
) -> bytes:
    """An answer over HTTP, byte for byte."""
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{headers}\r\n".encode() + body


@asynccontextmanager
async def told(
    folder: Path, *answers: bytes, patience: float = 20.0, hangs: bool = False
) -> AsyncIterator[tuple[HeadTower, list[bytes]]]:
    """What a server is asked that answers so, each request with the next of the answers."""
    asked: list[bytes] = []
    coming = iter(answers)

    served: list[asyncio.Task[object]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())  # type: ignore[arg-type]  # this one
        with suppress(ConnectionError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(next(coming, b""))
            if hangs:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = KeepingTower(
        url=f"http://127.0.0.1:{port}", token=written(folder / "token", f"{TOKEN}\n")
    )
    tower = HeadTower(place, store_name, patience=patience)
    try:
        yield tower, asked
    finally:
        await tower.close()
        server.close()
        await asyncio.gather(*served)


async def test_what_is_kept_is_asked_for_by_the_stores_name_and_our_token(tmp_path: Path) -> None:
    """Nothing is asked for packed, and what comes is handed on as it is."""
    head = head_of(5).encoded()
    async with told(tmp_path, answer(head), answer(b"", "204 No Content")) as (tower, asked):
        assert await tower.read() == head
        await tower.write(head)
    assert asked[0].startswith(f"GET /v1/heads/{STORE.hex()} HTTP/1.1\r\n".encode())
    assert asked[1].startswith(f"PUT /v1/heads/{STORE.hex()} HTTP/1.1\r\n".encode())
    for request in asked:
        assert f"authorization: bearer {TOKEN}".lower().encode() in request.lower()
        assert b"accept-encoding: identity" in request.lower()


UNKNOWN = b'{"type":"unknown_head","detail":"No head of it is kept for this token."}'
OLDER = b'{"type":"head_older","detail":"The head that is kept has seen more."}'
REASONS: dict[str, tuple[bytes, str]] = {
    "another 404": (answer(b"{}", "404 Not Found"), "it said 404, and no reason"),
    "a page": (answer(b"<html>", "502 Bad Gateway"), "it said 502, and no reason"),
    "a problem": (
        answer(OLDER, "409 Conflict"),
        "it said 409: The head that is kept has seen more",
    ),
    "packed": (
        answer(b"x", headers="content-encoding: gzip\r\n"),
        "its answer is packed, which it was asked not to do",
    ),
    "no HTTP": (b"hello\r\n\r\n", ""),
    "nothing": (b"", ""),
}


@pytest.mark.parametrize("how", REASONS)
async def test_what_is_no_answer_is_unreachable_and_said_why(tmp_path: Path, how: str) -> None:
    """It says nothing about the store, and so raises no alarm about it."""
    text, why = REASONS[how]
    async with told(tmp_path, text, text) as (tower, _):
        with pytest.raises(HeadUnreachable) as away:
            await tower.read()
        assert why in str(away.value)
        with pytest.raises(HeadUnreachable):
            await tower.write(head_of(5).encoded())


async def test_a_tower_that_keeps_nothing_for_us_says_so(tmp_path: Path) -> None:
    """Which is alarming only where a head was kept before."""
    async with told(tmp_path, answer(UNKNOWN, "404 Not Found")) as (tower, _):
        assert await tower.read() is None


async def test_a_redirect_takes_our_token_nowhere(tmp_path: Path) -> None:
    """Not even to the same machine."""
    async with (
        told(tmp_path) as (_, elsewhere),
        told(tmp_path) as (target, _),
    ):
        there = answer(b"", "307 Temporary Redirect", f"location: {target.name}/\r\n")
        async with told(tmp_path, there) as (tower, _):
            with pytest.raises(HeadUnreachable, match="307"):
                await tower.read()
    assert elsewhere == []


async def test_no_proxy_of_the_environment_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would read our token, and answer in the tower's place."""
    async with told(tmp_path, answer(b"proxy")) as (proxy, asked):
        monkeypatch.setenv("http_proxy", proxy.name)
        monkeypatch.setenv("all_proxy", proxy.name)
        async with told(tmp_path, answer(UNKNOWN, "404 Not Found")) as (tower, _):
            assert await tower.read() is None
    assert asked == []


async def test_an_answer_without_end_is_cut_off_and_no_head(tmp_path: Path) -> None:
    """It is told as what it is, and fills no memory."""
    flood = answer(b"{" * MOST_BYTES * 4, length=1 << 40)
    async with told(tmp_path, flood, flood, hangs=True) as (tower, _):
        found = await tower.read()
        assert found is not None
        assert len(found) == MOST_BYTES + 1
        async with await make.store(tmp_path / "w.db") as store:
            assert (await head_keeper(store, [tower]).look(tower)).finding is Finding.TAMPERED


async def test_who_hangs_is_not_waited_for_any_longer_than_agreed(tmp_path: Path) -> None:
    """A byte now and then would hold up each read for ever; the whole answer has its time."""
    begun = answer(b"{", length=100)
    async with told(tmp_path, begun, hangs=True, patience=0.2) as (tower, _):
        with pytest.raises(HeadUnreachable, match=r"nothing came within 0\.2 s"):
            await tower.read()


async def test_a_token_that_was_exchanged_is_shown_from_then_on(tmp_path: Path) -> None:
    """The daemon need not be restarted; one that others can read is not shown."""
    gone = answer(UNKNOWN, "404 Not Found")
    async with told(tmp_path, gone, gone) as (tower, asked):
        written(tmp_path / "token", TOKEN.replace("A", "B"))
        await tower.read()
        assert b"_" + b"B" * 43 in asked[0]
        (tmp_path / "token").chmod(0o644)
        with pytest.raises(HeadUnreachable, match="chmod 600"):
            await tower.read()
        assert len(asked) == 1


BROKEN: dict[str, Callable[[Path], KeepingTower]] = {
    "no token": lambda here: KeepingTower(url="http://localhost:1", token=here / "none"),
    "a token for all": lambda here: KeepingTower(
        url="http://localhost:1", token=written(here / "token", TOKEN, 0o640)
    ),
    "no authority": lambda here: KeepingTower(
        url="https://localhost:1", token=written(here / "token", TOKEN), authority=here / "none"
    ),
    "a key for all": lambda here: KeepingTower(
        url="https://localhost:1",
        token=written(here / "token", TOKEN),
        authority=Authority(here).path,
        certificate=written(here / "c.pem", ""),
        key=written(here / "c.key", "", 0o640),
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_shows_who_we_are_is_looked_at_before_anything_begins(
    tmp_path: Path, how: str
) -> None:
    """A file that is missing, or that others can read."""
    with pytest.raises(ConfigError):
        HeadTower(BROKEN[how](tmp_path), store_name)


async def test_only_who_shows_the_certificate_that_we_named_learns_our_token(
    tmp_path: Path,
) -> None:
    """And we show ours, where one is wanted."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "a stranger")
    ours = authority.pair("ours", for_client=True)
    own = authority.pair("own")
    asked: list[bytes] = []
    served: list[asyncio.Task[object]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())  # type: ignore[arg-type]  # this one
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer(UNKNOWN, "404 Not Found"))
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own.certificate, own.key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        token = written(tmp_path / "token", TOKEN)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        good = KeepingTower(
            url=url,
            token=token,
            authority=authority.path,
            certificate=ours.certificate,
            key=ours.key,
        )
        for place in (
            replace(good, authority=stranger.path),
            replace(good, certificate=None, key=None),
        ):
            tower = HeadTower(place, store_name)
            with pytest.raises(HeadUnreachable):
                await tower.read()
            await tower.close()
        assert asked == []
        tower = HeadTower(good, store_name)
        assert await tower.read() is None
        await tower.close()
    await asyncio.gather(*served)
    assert len(asked) == 1
