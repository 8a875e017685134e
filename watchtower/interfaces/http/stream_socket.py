"""How much patience there is with a WebSocket, and how much it can hold.

What it guarantees: a place for those who come with a request stays free, however many follow; a
message is small, comes soon once it has begun, and comes in pieces that are worth their frames;
who does not read is read from no more, and let go after some seconds; who is gone without a word
is missed within a minute or two; and when the server stops, the conversation is told so, and says
goodbye itself.

uvicorn speaks the protocol (its part over ``websockets``' own, without compression: a small
message cannot grow), and has no patience of its own but for pings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from watchtower.interfaces.http.patience import Patience
from watchtower.interfaces.http.refusal import refuse

__all__ = [
    "MOST_BYTES",
    "PING_EVERY",
    "PONG_WITHIN",
    "StreamSocket",
    "are_too_many",
]

MOST_BYTES: Final = 1 << 20
"""Of a message, as of a request's body."""

PING_EVERY: Final = 20.0
PONG_WITHIN: Final = 40.0
"""Seconds; more than a request may take, for which we may not read what comes behind it."""

_PLACES: Final = 192
"""WebSockets, and answers that go on and on, at a time; the other places are for requests."""

_MESSAGE: Final = 20.0
"""Seconds for a message, from its first byte on."""

_UNREAD: Final = 20.0
"""Seconds for reading something of what was sent, and everything once we are closing."""

_GOODBYE: Final = 3.0
"""Seconds that we wait for the other's goodbye."""

_MESSAGES: Final = 1_024
"""Messages that may wait: what one read of the socket can bring of claims, and more."""

_FRAMES: Final = 1_024
"""Pieces of one message: an empty one costs its sender six bytes, and us an entry of a list."""

_POLICY: Final = 1008


def are_too_many(connections: Iterable[object]) -> bool:
    """Return whether more of these connections are streams than there are places for."""
    return sum(bool(getattr(one, "is_stream", False)) for one in connections) > _PLACES


class StreamSocket(WebSocketsSansIOProtocol):
    """A WebSocket with patience that ends."""

    is_stream: Final = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.close_timeout = _GOODBYE
        self._patience = Patience(self.loop, self._end)
        self._was_heard = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        places = self.config.limit_concurrency or 0
        if are_too_many(self.connections) or len(self.connections) > places:
            self.app = _crowded

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.is_over()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        self._was_heard = True
        try:
            super().data_received(data)
        except (InvalidState, ValueError):
            # It said goodbye in the same breath as what cannot be answered without one, or what
            # ``websockets`` refuses is nothing that it can quote. Raised any further, this would be
            # told at `error`, in an outsider's name, and a place would be lost for good.
            self.transport.abort()
            return
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # What h11 took for a handshake is none, for ``websockets`` allows less in one. It is
            # waited for by nobody: uvicorn answers nothing.
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
            self.transport.close()
        if self.queue.qsize() > _MESSAGES or len(self.frames) > _FRAMES:
            self._let_go()
        self._look()

    @override
    def send_receive_event_to_app(self) -> None:
        self._patience.came("message")
        super().send_receive_event_to_app()

    @override
    def keepalive_timeout(self) -> None:
        if self.read_paused or self._was_heard:
            # Its pong may stand behind what we have not read yet.
            self._was_heard = False
            self.pong_timer = self.loop.call_later(PONG_WITHIN, self.keepalive_timeout)
        else:
            super().keepalive_timeout()
            self._look()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        # Every ping is answered at once: who sends them and reads nothing would fill our memory.
        self.transport.pause_reading()
        self._patience.wait_for("answer", _UNREAD)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._patience.came("answer")
        if not self.read_paused:
            self.transport.resume_reading()

    @override
    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent:
            self.stop_keepalive()
            told: Any = {"type": "websocket.disconnect", "code": 1001, "is_stopping": True}
            self.queue.put_nowait(told)
        else:
            super().shutdown()
            self._look()

    @override
    async def send(self, message: Any) -> None:
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        self._look()

    @override
    async def receive(self) -> Any:
        message = await super().receive()
        if not self.writable.is_set():
            self.transport.pause_reading()
        self._look()
        return message

    def _end(self) -> None:
        self.transport.abort()

    def _let_go(self) -> None:
        """End it for what nobody sends who means well."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.frames.clear()
        if not self.close_sent and self.conn.close_sent is None:
            self.conn.fail(_POLICY, "too many messages, or pieces of one")
            self.handle_parser_exception()

    def _look(self) -> None:
        """Have patience only for so long, with what has begun and not ended."""
        if self.close_sent or self.transport.is_closing():
            self._patience.wait_for("end", _UNREAD)
        is_begun = self.conn.cur_size is not None or len(self.conn.reader.buffer) > 0
        if is_begun and not self.read_paused:
            self._patience.wait_for("message", _MESSAGE)
        else:
            self._patience.came("message")


async def _crowded(scope: Any, _receive: Any, send: Any) -> None:
    await refuse(scope, send, "crowded")
