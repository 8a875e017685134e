"""Strangers who change protocols, or leave, at the worst moment: nothing is lost to them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.interfaces.certificates import Authority
from tests.interfaces.streams import path_of
from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import Stage
from watchtower.errors import ListenError
from watchtower.interfaces.http import serve as http_serve
from watchtower.interfaces.http.doorway import Doorway
from watchtower.interfaces.http.serve import listening
from watchtower.places import Place, place_of

UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nhost: door\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def send_for_ever(mute: socket.socket) -> None:
    """Send byte after byte."""
    while True:
        await asyncio.get_running_loop().sock_sendall(mute, b"z")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "header", [b"sec-websocket-protocol: \xe9", b"sec-websocket-version: \xe9"]
)
async def test_a_handshake_that_cannot_be_quoted_takes_no_place(
    stage: Stage, header: bytes
) -> None:
    """Three hundred of them, more than there are places, and the next request is answered."""
    async with stage.tower(), client_of(stage) as client:
        for _ in range(300):
            reader, writer = await asyncio.open_unix_connection(path_of(stage))
            writer.write(UPGRADE + header + b"\r\n\r\n")
            with suppress(ConnectionError):
                await reader.read(16)
            writer.close()
        assert (await client.get("/healthz")).status_code == 200


async def test_who_has_not_read_its_answer_becomes_no_stream(stage: Stage) -> None:
    """Nobody would tell the stream that writing is paused, and its pongs would fill the memory."""
    channel = await stage.channel()
    bad = [wire(stage.claim(channel, 5), channel="12")] * 1_000
    async with stage.tower(), client_of(stage) as client:
        body = client.build_request("POST", "/v1/claims/check", json=bad).content
        mute = socket.socket(socket.AF_UNIX)
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        mute.connect(path_of(stage))
        mute.settimeout(0)
        loop = asyncio.get_running_loop()
        head = (
            b"POST /v1/claims/check HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(body)
        )
        await loop.sock_sendall(mute, head + body)
        pings = b"\x89\x80abcd" * 20_000
        with pytest.raises(ConnectionError):
            await loop.sock_sendall(mute, UPGRADE + b"\r\n" + pings * 20)
        mute.close()


async def test_what_comes_in_crumbs_is_taken_in_pieces(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One read may hold forty thousand chunks; between two pieces everybody else has a turn."""
    sizes: list[int] = []
    before = H11Protocol.data_received

    def received(self: H11Protocol, data: bytes) -> None:
        sizes.append(len(data))
        before(self, data)

    monkeypatch.setattr(H11Protocol, "data_received", received)
    head = b"POST /nowhere HTTP/1.1\r\nhost: door\r\ntransfer-encoding: chunked\r\n\r\n"
    async with stage.tower(), client_of(stage) as client:
        reader, writer = await asyncio.open_unix_connection(path_of(stage))
        writer.write(head + b"1\r\na\r\n" * 30_000)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404")
        assert (await client.get("/healthz")).status_code == 200
        writer.close()
    assert max(sizes) <= 4_096


async def test_what_comes_in_one_piece_with_its_handshake_reaches_the_stream(stage: Stage) -> None:
    """However it is cut."""
    frame = b"\x81\x80abcd"  # an empty message, which is no JSON and is told so
    async with stage.tower(), client_of(stage):
        reader, writer = await asyncio.open_unix_connection(path_of(stage))
        padding = b"x-padding: " + b"p" * (4_096 - len(UPGRADE) - 15) + b"\r\n"
        writer.write(UPGRADE + padding + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(frame)
        assert b"problem" in await reader.readuntil(b"}")
        writer.close()


async def test_what_is_closed_and_never_read_is_let_go(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that fits into the buffers, and then garbage: uvicorn closes, and would wait."""
    monkeypatch.setattr(http_serve, "_PATIENCE", 1.0)
    channel = await stage.channel()
    bad = [wire(stage.claim(channel, 5), channel="12")] * 40
    async with stage.tower(), client_of(stage) as client:
        body = client.build_request("POST", "/v1/claims/check", json=bad).content
        head = (
            b"POST /v1/claims/check HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(body)
        )
        mute = socket.socket(socket.AF_UNIX)
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        mute.connect(path_of(stage))
        mute.settimeout(0)
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            await loop.sock_sendall(mute, (head + body) * 8 + b"garbage\r\n\r\n")
        with pytest.raises(ConnectionError):
            await send_for_ever(mute)
        mute.close()


async def test_who_makes_room_in_the_turn_in_which_it_came_in_leaves_no_file_behind(
    tmp_path: Path,
) -> None:
    """Its number is soon another's: a server's that we listen to, which must not be cut off."""
    authority = Authority(tmp_path)
    pair = authority.pair("tower")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    talking = asyncio.Event()

    class Talker(asyncio.Protocol):
        transport: asyncio.BaseTransport | None = None

        @override
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            assert doorway._make_room()
            talking.set()

    at = socket.create_server(("127.0.0.1", 0))
    doorway = Doorway(at, Talker, context=lambda: context)
    letting_in = asyncio.create_task(doorway.let_in())
    loop = asyncio.get_running_loop()
    came = socket.create_connection(at.getsockname())
    # It hears the goodbye, and says none itself.
    mute = authority.trust().wrap_socket(
        came, server_hostname="127.0.0.1", do_handshake_on_connect=False
    )
    try:
        await asyncio.to_thread(mute.do_handshake)
        await talking.wait()
        while doorway._households.total():  # noqa: ASYNC110 - it takes some turns of the loop
            await asyncio.sleep(0)
        # asyncio refuses a number that it believes to be a transport's.
        again = [socket.socket() for _ in range(8)]
        for one in again:
            one.settimeout(0)
            await loop.sock_connect(one, at.getsockname())
            one.close()
    finally:
        letting_in.cancel()
        mute.close()
        at.close()
        with suppress(asyncio.CancelledError):
            await letting_in
        while doorway._households.total():  # noqa: ASYNC110 - who had come leaves by itself
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)


def test_a_name_of_this_machine_that_leads_elsewhere_is_not_listened_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`localhost` is taken for private by its name, and bound by what a name server says."""

    def elsewhere(_address: Any, **options: Any) -> socket.socket:
        made = socket.socket(options["family"], socket.SOCK_STREAM)
        made.bind(("0.0.0.0", 0))  # noqa: S104 - nobody listens
        return made

    monkeypatch.setattr(socket, "create_server", elsewhere)
    with (
        pytest.raises(ListenError, match="beyond this machine"),
        listening(place_of("localhost:1")),
    ):
        pass


def test_a_name_is_known_however_it_is_written() -> None:
    """Clients ask in small letters."""
    assert "tower.example" in (Place(host="Tower.Example", port=1).hosts)
