"""The network between one host and the servers: connections without sockets, and what breaks them.

Guarantees that each direction of a connection keeps its order, that a frame takes its time, and
that what is under way when a connection ends is lost with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Final

from simulation.disk import Step, Steps
from watchtower.errors import UnreachableError
from watchtower.ledger.socket import Dial, DialSettings, Socket, SocketClosed
from watchtower.sandbox.line import Line, connect
from watchtower.sandbox.node import Node
from watchtower.sandbox.throttle import Charges

__all__ = ["Network", "Wire"]

_QUICKEST: Final = 0.002
_SLOWEST: Final = 0.4
"""Seconds that a frame takes."""

_SENT_AGAIN: Final = 1.0
"""Seconds after which what did not get through is sent again, by TCP."""

_GRAIN: Final = 1e-6
"""Seconds by which a timer may come early: the grain of numbers."""

_THROWN_OUT: Final = "the server closed the connection (1008: threshold exceeded)"


class Network:
    """The way from a host to every server.

    ``is_cut`` says that nothing gets through and every connection breaks, ``is_deaf`` that frames
    do not arrive, while connections seem to stand; they come when it is over, as TCP has it.
    """

    sent: list[str]
    """Every submission that has left, as it was framed."""

    def __init__(
        self, nodes: Mapping[str, Node], luck: Random, throttled: Collection[str] = ()
    ) -> None:
        """Begin whole; ``nodes`` by their addresses, of which some throttle their clients."""
        self.nodes = nodes
        self.sent = []
        self.is_deaf = False
        self._throttled = frozenset(throttled)
        self._is_cut = False
        self._luck = luck
        self._charges = {url: Charges() for url in nodes}
        self._sockets: dict[_Socket, None] = {}

    @property
    def is_cut(self) -> bool:
        """Whether nothing gets through."""
        return self._is_cut

    def cut(self, *, whole: bool = False) -> None:
        """Break every connection; no other comes about until the network is ``whole`` again."""
        self._is_cut = not whole
        if self._is_cut:
            for socket in [*self._sockets]:
                socket.end("the connection broke")

    def wire(self, steps: Steps) -> Wire:
        """Return the way of one process into the network."""
        return Wire(self, steps)

    def enter(self, socket: _Socket) -> float:
        """Take a connection in; return the seconds that a frame takes on it."""
        self._sockets[socket] = None
        return self._luck.uniform(_QUICKEST, _SLOWEST) ** 2 / _SLOWEST

    def leave(self, socket: _Socket) -> None:
        """Let a connection go."""
        self._sockets.pop(socket, None)

    def is_over(self, url: str) -> bool:
        """Return whether a server throws us out for asking too much."""
        now = asyncio.get_running_loop().time()
        return url in self._throttled and self._charges[url].is_over(now)

    def charge(self, url: str) -> Callable[[str | None, str | None], bool]:
        """Return what charges a server's clients."""

        def charged(command: str | None, error: str | None) -> bool:
            if url not in self._throttled:
                return False
            return self._charges[url].charge(command, asyncio.get_running_loop().time(), error)

        return charged


class Wire:
    """The connections of one process."""

    def __init__(self, network: Network, steps: Steps) -> None:
        """Begin with none."""
        self._network = network
        self._steps = steps
        self._sockets: dict[_Socket, None] = {}
        self._is_dead = False

    @property
    def dial(self) -> Dial:
        """What opens connections (`ledger.socket.Dial`)."""
        return self._dial

    def kill(self) -> None:
        """Let everything fall."""
        self._is_dead = True
        for socket in [*self._sockets]:
            socket.end("the process is dead")

    def _dial(self, url: str, settings: DialSettings) -> AbstractAsyncContextManager[Socket]:
        return self._connected(url, settings)

    @asynccontextmanager
    async def _connected(self, url: str, settings: DialSettings) -> AsyncIterator[Socket]:
        network, node = self._network, self._network.nodes[url]
        await asyncio.sleep(_SLOWEST)
        tries = 0
        while node.misbehaviour.hang or network.is_deaf:
            if tries * _SENT_AGAIN >= settings.open_timeout:
                raise UnreachableError(servers=url, why="timed out during opening handshake")
            tries += 1
            await asyncio.sleep(_SENT_AGAIN)
        if self._is_dead or network.is_cut or node.misbehaviour.refuse_connections:
            raise UnreachableError(servers=url, why="Connect call failed")
        socket = _Socket(network, url, self._steps)
        self._sockets[socket] = None
        try:
            yield socket
        finally:
            self._sockets.pop(socket, None)
            socket.end("the connection was closed")


class _Socket:
    """One connection (`ledger.socket.Socket`)."""

    def __init__(self, network: Network, url: str, steps: Steps) -> None:
        self._network = network
        self._url = url
        self._steps = steps
        self._ended: SocketClosed | None = None
        self._heard: deque[str] = deque()
        self._stirred = asyncio.Event()
        seconds = network.enter(self)
        self._outwards = _Pipe(network, seconds, self._arrive)
        self._inwards = _Pipe(network, seconds, self._hear)
        self._line: Line = connect(
            network.nodes[url],
            self._inwards.put,
            on_cut=lambda: self.end("the connection broke"),
            charge=network.charge(url),
        )

    async def send(self, frame: str) -> None:
        if self._ended is not None:
            raise self._ended
        is_submission = '"submit"' in frame
        if is_submission:
            self._steps(Step.BEFORE_FRAME)
        if self._ended is not None:
            raise self._ended
        self._outwards.put(frame)
        if is_submission:
            self._network.sent.append(frame)
            self._steps(Step.AFTER_FRAME)

    async def frames(self) -> AsyncIterator[str | bytes]:
        while True:
            while self._heard:
                yield self._heard.popleft()
            if self._ended is not None:
                raise self._ended
            self._stirred.clear()
            await self._stirred.wait()

    def end(self, why: str, *, threw_us_out: bool = False) -> None:
        """End, whoever does it."""
        if self._ended is None:
            self._ended = SocketClosed(why, threw_us_out=threw_us_out)
            self._network.leave(self)
            self._line.close()
            self._outwards.close()
            self._inwards.close()
            self._stirred.set()

    def _arrive(self, frame: str) -> None:
        """Have the server read a frame."""
        if self._network.is_over(self._url):
            self.end(_THROWN_OUT, threw_us_out=True)
        else:
            self._line.send(frame)

    def _hear(self, text: str) -> None:
        self._heard.append(text)
        self._stirred.set()


class _Pipe:
    """One direction: what goes in comes out some time later, in order."""

    def __init__(self, network: Network, seconds: float, arrive: Callable[[str], None]) -> None:
        self._network = network
        self._seconds = seconds
        self._arrive = arrive
        self._under_way: deque[tuple[float, str]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, frame: str) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._seconds
        self._under_way.append((due, frame))
        if self._timer is None:
            self._timer = loop.call_at(due, self._deliver)

    def close(self) -> None:
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _deliver(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._network.is_deaf:
            self._timer = loop.call_later(_SENT_AGAIN, self._deliver)
            return
        now = loop.time() + _GRAIN
        while self._under_way and self._under_way[0][0] <= now:
            self._arrive(self._under_way.popleft()[1])
        if self._under_way:
            self._timer = loop.call_at(self._under_way[0][0], self._deliver)
