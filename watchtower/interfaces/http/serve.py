"""The socket that the HTTP interface listens at, and how much patience there is with clients.

What it guarantees: whoever is slow, in sending a request or in reading its answer, is let go after
some seconds, and can hold neither memory nor a place for long; who comes when all places are taken
is told so (503). Who may connect at all is for `doorway.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import h11
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from watchtower.errors import ListenError
from watchtower.hosts import is_loopback
from watchtower.interfaces.dashboard.events import STREAM
from watchtower.interfaces.http.doorway import Doorway
from watchtower.interfaces.http.patience import Patience
from watchtower.interfaces.http.refusal import refuse
from watchtower.interfaces.http.stream_socket import (
    MOST_BYTES,
    PING_EVERY,
    PONG_WITHIN,
    StreamSocket,
    are_too_many,
)
from watchtower.places import Place

__all__ = ["listening", "serve"]

_PLACES: Final = 256
"""Connections at a time; the next ones are answered 503."""

_PATIENCE: Final = 20.0
"""Seconds for a whole request and its answer."""

_HEAD: Final = 5.0
"""Seconds for the head of a request, from its first byte or from the connection on."""

_KEEP_ALIVE: Final = 30
_PIECE: Final = 4_096
"""Bytes of a request that are read before others have a turn."""

_HEAD_BYTES: Final = 16_384
_BACKLOG: Final = 128
_GRACE: Final = 5
"""Seconds for requests that are under way when the tower stops."""

_SOCKET_MODE: Final = 0o660


@contextmanager
def listening(place: Place) -> Iterator[socket.socket]:
    """Listen at a place; a unix socket is for its owner and its group, and goes away afterwards.

    Raises:
        ListenError: nobody can listen there.
    """
    try:
        made = _tcp(place) if place.path is None else _unix(Path(place.path))
    except OSError as problem:
        raise ListenError(place=place.text, why=problem.strerror or problem) from None
    try:
        with made:
            yield made
    finally:
        if place.path is not None:
            Path(place.path).unlink(missing_ok=True)


def _tcp(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    made = socket.create_server((place.host, place.port), family=family, backlog=_BACKLOG)
    if place.is_private and not is_loopback(made.getsockname()[0]):
        # A name that ought to be this machine's, by a name server that says otherwise.
        made.close()
        raise OSError(0, "the name leads beyond this machine")
    return made


def _unix(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        # Of a daemon that was killed; what is no socket is somebody's file, and stays.
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~_SOCKET_MODE)
    try:
        made.bind(str(path))
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return made


async def serve(
    app: Any,
    at: socket.socket,
    *,
    answers_to: Callable[[str], bool] = lambda _host: True,
    context: Callable[[], ssl.SSLContext] | None = None,
    stopping: Callable[[], object] = lambda: None,
) -> None:
    """Serve ``app`` at a listening socket until cancelled; what is under way is finished first.

    Args:
        app: the application.
        at: where to.
        answers_to: says whether it answers who asks for a host. A page whose own name leads to this
            machine would otherwise read our channels (DNS rebinding).
        context: returns what the next TLS handshake is made with; None for plain text.
        stopping: called when it ends, for what goes on answering to end as well.
    """
    logging.getLogger("uvicorn").disabled = True
    logging.getLogger("uvicorn.error").disabled = True
    server = _Server(_config(_Hurried(_AtHome(app, answers_to))))
    server.config.load()
    doorway = Doorway(at, server.welcome, context=context)
    letting_in = asyncio.create_task(doorway.let_in())
    serving = asyncio.create_task(server.serve([at]))
    try:
        await asyncio.wait({letting_in, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        letting_in.cancel()
        stopping()
        server.should_exit = True
        await asyncio.gather(serving, _ended(letting_in))


async def _ended(task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        await task


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Impatient,
        ws=StreamSocket,
        ws_max_size=MOST_BYTES,
        ws_ping_interval=PING_EVERY,
        ws_ping_timeout=PONG_WITHIN,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_PLACES,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
        h11_max_incomplete_event_size=_HEAD_BYTES,
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to the daemon."""

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; who connects comes through the doorway."""
        self.servers: list[asyncio.Server] = []
        self.started = True

    def welcome(self) -> asyncio.Protocol:
        """Return who talks with somebody who has connected."""
        return _Impatient(self.config, self.server_state, {})


class _Impatient(H11Protocol):
    """A connection that has to begin with a request soon, and to read what it is answered.

    What is closed waits until its answer has been read, which whoever reads nothing never does; so
    everything here ends with `abort`, after some seconds.

    Attributes:
        is_stream: whether its answer goes on and on, as a stream's; it has a stream's place then.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app = _Placed(self.app, self._become_stream)
        self.is_stream = False
        self._patience = Patience(self.loop, self._end)
        self._rest = bytearray()
        self._is_taking = False

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience.wait_for("head", _HEAD)

    def _become_stream(self) -> bool:
        """Take the place of a stream; say whether there was one."""
        self.is_stream = True
        self.is_stream = not are_too_many(self.connections)
        return self.is_stream

    @override
    def data_received(self, data: bytes) -> None:
        """Take a piece now, and the rest when others have had their turn.

        One read may bring forty thousand chunks of a byte each, from somebody without a token.
        """
        self._rest += data
        if self._rest and not self._is_taking:
            self._take_next()

    def _take_next(self) -> None:
        self._is_taking = False
        if self.transport.is_closing():
            self._rest.clear()
            return
        talker, piece = self.transport.get_protocol(), bytes(self._rest[:_PIECE])
        del self._rest[:_PIECE]
        if self._rest:
            self._is_taking = True
            self.transport.pause_reading()
            self.loop.call_soon(self._take_next)
        if talker is self:
            self._take(piece)
        elif isinstance(talker, StreamSocket):
            talker.data_received(piece)  # what it has become meanwhile
        is_held_up = self.flow.read_paused if talker is self else not _takes_more(talker)
        if not (self._is_taking or is_held_up):
            self.transport.resume_reading()

    def _take(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except h11.LocalProtocolError:
            # It was answered already, and what came behind that is nothing that can be answered.
            self.transport.abort()
            return
        if self.transport.is_closing():
            self._patience.wait_for("answer", _PATIENCE)
        if self.conn.their_state is not h11.SEND_BODY:
            self._patience.came("body")
        if self.conn.their_state is h11.IDLE:
            self._patience.wait_for("head", _HEAD)
        else:
            self._patience.came("head")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.is_over()
        super().connection_lost(exc)

    @override
    def on_response_complete(self) -> None:
        self.is_stream = False
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            # It was answered before it had sent everything, and may never do so. Closing at once
            # would take the answer from whoever is just about to.
            self._patience.wait_for("body", _HEAD)
        if self.transport.is_closing():
            self._patience.wait_for("answer", _PATIENCE)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._patience.wait_for("answer", _PATIENCE)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._patience.came("answer")

    @override
    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._patience.is_over()
        if self.flow.write_paused:
            # It has not read what it was answered before, and nobody would tell the new protocol,
            # which would write without end.
            self.transport.abort()
            return
        super().handle_websocket_upgrade(event)

    @override
    def _should_upgrade(self) -> bool:
        # Whatever else asks for it would be no handshake (RFC 6455, section 4.1; RFC 9110, 5.5).
        return bool(
            self.scope["method"] == "GET"
            and all(value.isascii() for _, value in self.scope["headers"])
            and super()._should_upgrade()
        )

    @override
    def timeout_keep_alive_handler(self) -> None:
        self._end()

    def _end(self) -> None:
        self.transport.abort()


def _takes_more(talker: object) -> bool:
    return isinstance(talker, StreamSocket) and not talker.read_paused and talker.writable.is_set()


class _Placed:
    """An application that can ask for the place of a stream, for what it goes on answering."""

    def __init__(self, app: Any, become_stream: Callable[[], bool]) -> None:
        self._app = app
        self._become_stream = become_stream

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        extensions = {**(scope.get("extensions") or {}), STREAM: self._become_stream}
        await self._app({**scope, "extensions": extensions}, receive, send)


class _Hurried:
    """An application that has only so much time for each request.

    A conversation takes its own, and so does an answer that has the place of a stream.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or let the client go."""
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(_PATIENCE) as hurry:
                await self._app(_unhurried(scope, hurry), receive, send)
        except TimeoutError:
            with suppress(Exception):
                await asyncio.wait_for(refuse(scope, send, "too_slow"), 1.0)


def _unhurried(scope: Any, hurry: asyncio.Timeout) -> Any:
    """Return the scope in which taking the place of a stream ends the hurry."""
    extensions = scope.get("extensions") or {}
    take_place = extensions.get(STREAM)
    if take_place is None:
        return scope

    def take() -> bool:
        is_taken: bool = take_place()
        if is_taken:
            hurry.reschedule(None)
        return is_taken

    return {**scope, "extensions": {**extensions, STREAM: take}}


class _AtHome:
    """An application that answers to its own names alone."""

    def __init__(self, app: Any, answers_to: Callable[[str], bool]) -> None:
        self._app = app
        self._answers_to = answers_to

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, unless it is somebody else who was asked for."""
        given = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        try:
            is_ours = self._answers_to(urlsplit(f"//{given}").hostname or "")
        except ValueError:
            is_ours = False
        if is_ours:
            await self._app(scope, receive, send)
        else:
            await refuse(scope, send, "wrong_host")
