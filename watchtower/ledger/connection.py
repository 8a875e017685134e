"""One WebSocket connection to one server: requests matched to answers, everything else handed on.

What it guarantees: a request ends with a result, a refusal, a timeout or, at once, with the end
of the connection; it never hangs. Reading only sorts frames, so that a slow reader behind it can
never make the server drop us as "client is too slow" (docs/ledger-rules.md, Servers). A frame that
cannot be read is handed on as such and stops nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
import structlog

from watchtower.errors import RequestRefusedError, RequestTimeoutError, UnreachableError
from watchtower.ledger.socket import Socket, SocketClosed
from watchtower.ledger.wire import refusal_of, result_of

__all__ = ["API_VERSION", "Connection", "Listener"]

_log = structlog.get_logger(__name__)

API_VERSION: Final = 2
"""The newest stable version of the API; answers in version 1 are understood all the same."""


class Listener(Protocol):
    """Who takes what a connection hears, in the order in which it came, without waiting."""

    def heard(self, message: Mapping[str, Any]) -> None:
        """Take a message that answers no request."""
        ...

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Look at an answer on its way to whoever asked."""
        ...

    def misheard(self) -> None:
        """A frame came that could not be read."""
        ...


class Connection:
    """An open connection; `read` must run for as long as it is used.

    ``threw_us_out`` says that the server closed it with 1008, for asking too much
    (docs/ledger-rules.md, Servers).
    """

    def __init__(self, socket: Socket, *, server: str, timeout: float, listener: Listener) -> None:
        """Use ``socket``, an open connection to ``server``; requests wait ``timeout`` seconds."""
        self._socket = socket
        self._server = server
        self._timeout = timeout
        self._listener = listener
        self._waiting: dict[int, _Waiting] = {}
        self._last_id = 0
        self._unreadable = _Counter("unreadable_frame", server)
        self._unasked = _Counter("answer_to_no_request", server)
        self._closed_because: str | None = None
        self.threw_us_out = False

    async def read(self) -> None:
        """Sort frames until the connection ends, then fail every request that still waits."""
        try:
            async for frame in self._socket.frames():
                self._sort(frame)
        except SocketClosed as closed:
            self._note_end(closed)
        finally:
            self._note_end()
            for waiting in self._waiting.values():
                waiting.fail(self._gone())
            self._waiting.clear()

    @property
    def closed_because(self) -> str | None:
        """Why the connection ended; None while it stands."""
        return self._closed_because

    async def request(
        self,
        command: str,
        params: Mapping[str, Any],
        *,
        then: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Mapping[str, Any]:
        """Ask the server and return the result.

        Args:
            command: the method, in the words of the XRPL API.
            params: its parameters.
            then: called with the result before any later frame is looked at.

        Raises:
            RequestTimeoutError: no answer in time.
            RequestRefusedError: the answer is an error; ``facts`` hold ``error``, ``message``
                and the ``answer`` itself.
            UnreachableError: the connection ended before the answer came.
        """
        if self._closed_because is not None:
            raise self._gone()
        self._last_id += 1
        number = self._last_id
        waiting = self._waiting[number] = _Waiting(then)
        frame = msgspec.json.encode(
            {**params, "id": number, "command": command, "api_version": API_VERSION}
        )
        try:
            async with asyncio.timeout(self._timeout):
                await self._socket.send(frame.decode())
                answer = await waiting.answer
        except TimeoutError:
            raise RequestTimeoutError(
                server=self._server, command=command, seconds=self._timeout
            ) from None
        except SocketClosed as closed:
            self._note_end(closed)
            raise self._gone() from None
        finally:
            self._waiting.pop(number, None)
            waiting.answer.cancel()
        if refusal := refusal_of(answer):
            raise RequestRefusedError(
                server=self._server,
                command=command,
                error=refusal.error,
                message=refusal.message,
                answer=answer,
            )
        return result_of(answer)

    def _sort(self, frame: str | bytes) -> None:
        try:
            message = msgspec.json.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # A thousand brackets in one frame are no reason to hang up, or to fall over.
            message = None
        if not isinstance(message, dict):
            self._unreadable.happened(size=len(frame))
            self._listener.misheard()
        elif "id" not in message or message.get("type", "response") != "response":
            self._listener.heard(message)
        else:
            self._listener.answered(message)
            number = message["id"]
            if isinstance(number, int) and (waiting := self._waiting.pop(number, None)):
                waiting.fulfil(message)
            else:
                self._unasked.happened()

    def _note_end(self, closed: SocketClosed | None = None) -> None:
        if self._closed_because is not None:
            return
        if closed is None:
            self._closed_because = "the connection was closed"
        else:
            self._closed_because = closed.why
            self.threw_us_out = closed.threw_us_out

    def _gone(self) -> UnreachableError:
        return UnreachableError(servers=self._server, why=self._closed_because)


class _Waiting:
    """A request under way."""

    def __init__(self, then: Callable[[Mapping[str, Any]], None] | None) -> None:
        self.answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._then = then

    def fulfil(self, answer: Mapping[str, Any]) -> None:
        if self.answer.done():
            return
        if self._then is not None and refusal_of(answer) is None:
            self._then(result_of(answer))
        self.answer.set_result(answer)

    def fail(self, error: UnreachableError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class _Counter:
    """Counts what a server does wrong, and logs it at 1, 2, 4, 8 … times: no server fills a log."""

    def __init__(self, event: str, server: str) -> None:
        self._event = event
        self._server = server
        self._times = 0

    def happened(self, **facts: int) -> None:
        self._times += 1
        if self._times & (self._times - 1) == 0:
            _log.warning(self._event, server=self._server, times=self._times, **facts)
