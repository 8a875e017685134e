"""A WebSocket's bytes: whatever comes, in whatever pieces, is answered or ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final

import uvicorn
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from watchtower.interfaces.http.stream_socket import StreamSocket

HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nhost: door\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT: Final = st.binary(max_size=130) | st.just(b"\xff") | st.just(b"{}")
FRAMES: Final = st.builds(
    lambda opcode, data, fin: Frame(opcode, data, fin=fin).serialize(mask=True),
    st.sampled_from([Opcode.TEXT, Opcode.TEXT, Opcode.CONT, Opcode.BINARY]),
    TEXT,
    st.booleans(),
) | st.builds(
    lambda opcode, data: Frame(opcode, data).serialize(mask=True),
    st.sampled_from([Opcode.PING, Opcode.PONG, Opcode.CLOSE]),
    st.sampled_from([b"", b"x" * 20, b"\x03\xe8", b"\x03\xe9bye", b"\x03", b"\x03\xed\xff"]),
)
NO_UTF8: Final = Frame(Opcode.TEXT, b"\xff").serialize(mask=True)
GOODBYE: Final = Frame(Opcode.CLOSE, b"").serialize(mask=True)
BYTES: Final = st.lists(FRAMES | st.binary(max_size=12), max_size=6).map(b"".join)
CUTS: Final = st.lists(st.integers(0, 200), max_size=4)


class Line(asyncio.Transport):
    """A transport in memory, which takes everything that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_over = False

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    @override
    def is_closing(self) -> bool:
        return self.is_over

    @override
    def close(self) -> None:
        self.is_over = True

    abort = close

    @override
    def pause_reading(self) -> None: ...

    @override
    def resume_reading(self) -> None: ...


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    """Send back what comes, until it ends or is more than text."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") is None:
            await send({"type": "websocket.close", "code": 1003})
            return
        await send({"type": "websocket.send", "text": message["text"]})


CONFIG: Final = uvicorn.Config(
    echo, ws=StreamSocket, lifespan="off", log_config=None, limit_concurrency=9
)
CONFIG.load()


@contextmanager
def no_complaints() -> Iterator[None]:
    """See that nothing went wrong where nobody would see it."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield
    assert complaints == []


async def play(pieces: Sequence[bytes]) -> Line:
    """Have pieces of bytes come behind a handshake."""
    line = Line()
    with no_complaints():
        socket = StreamSocket(CONFIG, ServerState(), {})
        socket.connection_made(line)
        for piece in (HANDSHAKE, *pieces):
            if not line.is_over:
                socket.data_received(piece)
            for _ in range(6):
                await asyncio.sleep(0)
        socket.connection_lost(None)
        for _ in range(6):
            await asyncio.sleep(0)
    assert not socket.tasks
    return line


@given(BYTES, CUTS)
@example(NO_UTF8 + GOODBYE, [])
@example(GOODBYE + NO_UTF8, [])
def test_whatever_bytes_come_nothing_is_raised_and_nothing_goes_on(
    data: bytes, cuts: list[int]
) -> None:
    """A mistake in here would be told at `error`, in the outsider's name; and nothing is left."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[first:last] for first, last in pairwise(places)]
    line = asyncio.run(play(pieces))
    assert line.written.startswith(b"HTTP/1.1 101")
