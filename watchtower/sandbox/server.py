"""The sandbox: a server on a loopback socket, with a clock, that misbehaves when it is told to.

Guarantees that it listens on 127.0.0.1 and nowhere else, that a client reads answers and stream
messages in the order in which they came about unless it was told to misbehave in just that, and
that nothing outlives the ``async with``.
"""

from __future__ import annotations

import asyncio
import http
import time
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request as Handshake
from websockets.http11 import Response

from watchtower.sandbox.clock import NEW_YEAR, Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.history import FIRST_LEDGER
from watchtower.sandbox.late_log import LateLogger
from watchtower.sandbox.line import Line
from watchtower.sandbox.misbehaviour import Misbehaviour
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.throttle import Charges

__all__ = ["Clock", "Sandbox"]

_log = LateLogger(__name__)

_HOST: Final = "127.0.0.1"
_LARGEST_FRAME: Final = 16 * 2**20
"""Bytes that are read at all; a request above the server's own limit is answered with an error."""


class Sandbox:
    """A ledger in a box.

    Args:
        clock: how time passes.
        port: where to listen; 0 takes a free one.
        rules: fees, reserves and amendments.
        queue: how many transactions fit a ledger, and how many wait.
        close_every: seconds between ledgers, where the clock is the host's.
        close_time_resolution: seconds that close times are rounded to; a frozen clock is exact.
        throttle: warn who asks too much, and drop who goes on.
        start: the ledger time at which a frozen clock begins.
        seed: where all luck begins: the same seed and the same requests, the same messages.
        beside: another sandbox, whose ledger this one serves too; that one closes the ledgers, and
            its clock, rules, queue and seed hold.
    """

    def __init__(
        self,
        *,
        clock: Clock = Clock.FROZEN,
        port: int = 0,
        rules: Rules | None = None,
        queue: QueueSettings | None = None,
        close_every: float | None = None,
        close_time_resolution: int | None = None,
        throttle: bool = False,
        start: int = NEW_YEAR,
        seed: int = 0,
        beside: Sandbox | None = None,
    ) -> None:
        self._throttles = throttle
        # All clients come from one address, and a real server adds up by address.
        self._charges = Charges()
        if beside is None:
            pace = Pace.of(
                clock, close_every=close_every, resolution=close_time_resolution, start=start
            )
            network = Network(rules or Rules(), pace, queue or QueueSettings(), seed)
            self._node = Node(network)
            self._interval = pace.interval
        else:
            self._node = beside.node.add_server()
            self._interval = None
        self._node.on_change = self._change
        self._port = port
        self._server: Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._clients: set[_Client] = set()
        self._answering = asyncio.Event()
        self._answering.set()

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._talk,
            _HOST,
            self._port,
            process_request=self._greet,
            compression=None,
            max_size=_LARGEST_FRAME,
            ping_interval=None,
            close_timeout=1,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        if self._interval is not None:
            self._ticking = asyncio.create_task(self._tick(self._interval), name="ledgers")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.resume()
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where to connect: ``ws://127.0.0.1:…``."""
        return f"ws://{_HOST}:{self._port}"

    @property
    def node(self) -> Node:
        """The server behind the socket."""
        return self._node

    @property
    def network(self) -> Network:
        """The ledger, which it may share with other servers."""
        return self._node.network

    @property
    def ledger_index(self) -> int:
        """The network's last validated ledger, wherever this server is."""
        return self.network.chain.validated.index

    @property
    def close_time(self) -> int:
        """When the network's last validated ledger closed, as ledger time."""
        return self.network.chain.validated.close_time

    async def accept(self) -> int:
        """Close one ledger, let clients hear of it, and return its index."""
        index = self.network.accept().index
        await self._flush()
        return index

    async def advance(self, seconds: int) -> int:
        """Close ledgers, one after the other, until ``seconds`` have passed; return the last."""
        until = self.close_time + seconds
        while self.close_time < until:
            await self.accept()
        return self.ledger_index

    def misbehave(self, *, behave: bool = False, **members: Any) -> Misbehaviour:
        """Misbehave in some ways from now on; return all that holds then.

        Args:
            behave: cease everything else.
            members: those of `Misbehaviour` to set; None, False or 0 is the truth again.

        Raises:
            ValueError: one is unknown, of another type or out of range; nothing has changed.
        """
        return self._node.misbehave(behave=behave, **members)

    def cut(self) -> None:
        """Drop every connection, without a goodbye."""
        self._node.cut()

    def hang(self) -> None:
        """Stop reading, answering and telling, with all connections open."""
        self.misbehave(hang=True)

    def resume(self) -> None:
        """Answer again, and deliver what has gathered meanwhile."""
        self.misbehave(hang=False)

    def refuse_connections(self, refuse: bool) -> None:  # noqa: FBT001 - reads as a sentence
        """Refuse new connections from now on, or no longer."""
        self.misbehave(refuse_connections=refuse)

    def forget(self, first: int, last: int) -> None:
        """Forget the ledgers from ``first`` to ``last``, and transactions in them."""
        self._node.forget(first, last)

    def forget_before(self, ledger_index: int) -> None:
        """Forget all ledgers, and transactions in them, before ``ledger_index``."""
        self._node.forget(FIRST_LEDGER, ledger_index - 1)

    def refuse_submissions(self, count: int, engine_result: str) -> None:
        """Refuse the next ``count`` submissions with a result, whatever they are."""
        self.misbehave(submissions={"count": count, "answer": engine_result})

    def swallow_submissions(self, count: int) -> None:
        """Answer success to the next ``count`` submissions, and never apply them."""
        self.misbehave(submissions={"count": count, "answer": "tesSUCCESS"})

    async def _tick(self, interval: float) -> None:
        """Close a ledger every ``interval`` seconds, on a schedule that does not drift."""
        loop = asyncio.get_running_loop()
        due = loop.time() + interval
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.network.accept()
            due = max(due + interval, loop.time())

    def _change(self) -> None:
        """Stop or go on reading from sockets, as the server hangs or does not."""
        if self._node.misbehaviour.hang:
            self._answering.clear()
            for client in self._clients:
                client.pause()
        elif not self._answering.is_set():
            self._answering.set()
            for client in self._clients:
                client.resume()

    async def _greet(self, connection: ServerConnection, _: Handshake) -> Response | None:
        await self._answering.wait()
        if self._node.misbehaviour.refuse_connections:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "No.\n")
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        client = _Client(connection)
        charge = self._charge if self._throttles else _free
        line = Line(self._node, client.send, client.cut, charge)
        self._clients.add(client)
        writing = asyncio.create_task(client.write(), name="write to a client")
        try:
            async for frame in connection:
                await self._answering.wait()
                if self._throttles and self._charges.is_over(time.monotonic()):
                    await client.written()
                    await connection.close(CloseCode.POLICY_VIOLATION, "threshold exceeded")
                    return
                line.send(frame)
        except ConnectionClosed:
            _log.debug("sandbox_client_dropped")
        finally:
            line.close()
            self._clients.discard(client)
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing

    def _charge(self, command: str | None, error: str | None) -> bool:
        """Charge the clients' address for a request; return whether to warn."""
        return self._charges.charge(command, time.monotonic(), error)

    async def _flush(self) -> None:
        """Give every client's writer a turn."""
        await asyncio.sleep(0)
        if self._answering.is_set():
            for client in list(self._clients):
                await client.written()


def _free(_command: str | None, _error: str | None) -> bool:
    return False


class _Client:
    """One connection, and what waits to be written to it."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def send(self, text: str) -> None:
        """Let a message be written, after those that wait."""
        self._waiting.append(text)
        self._idle.clear()
        self._wake.set()

    async def write(self) -> None:
        """Write what waits, in order, until the connection ends."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._connection.send(self._waiting.popleft())
                self._idle.set()
        except ConnectionClosed:
            _log.debug("sandbox_client_gone")
        finally:
            self._idle.set()

    async def written(self) -> None:
        """Wait until nothing waits to be written."""
        await self._idle.wait()

    def cut(self) -> None:
        """End the connection as a broken cable does."""
        self._connection.transport.abort()

    def pause(self) -> None:
        """Read nothing any more, not even pings."""
        self._connection.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._connection.transport.resume_reading()
