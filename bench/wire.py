"""The network as the daemon has it, without sockets: servers in this process, and a stopwatch.

Every frame is one of the WebSocket API. A frame has arrived when the daemon is handed it, and has
left when the daemon hands it over; what a server needs of the processor in between is told apart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from watchtower.ledger.socket import DialSettings, Socket
from watchtower.sandbox.line import Line, connect
from watchtower.sandbox.node import Node
from watchtower.units import ChannelId

__all__ = ["Reaction", "Wire"]

_PORT: Final = 6_006
"""Where nobody listens: nothing is dialled but through `Wire`."""


@dataclass(slots=True, kw_only=True)
class Reaction:
    """What was seen of one channel's way from close request to submission.

    ``arrived`` and ``left`` are seconds of the performance counter, ``asked`` the requests that
    left in between, and ``servers`` the seconds for which servers were busy with them; ``work`` is
    the processor time that the daemon, with its threads, took in between.
    """

    channel: ChannelId
    arrived: float | None = None
    left: float | None = None
    asked: int = 0
    servers: float = 0.0
    work: float = 0.0

    @property
    def seconds(self) -> float | None:
        """From the arrival to the leaving; None if it is not over."""
        return None if self.arrived is None or self.left is None else self.left - self.arrived


class Wire:
    """Dials nodes by the addresses that it gives them.

    ``moved`` counts the frames that came and went; ``seconds`` is the processor time that servers
    took to answer; ``asked`` is set once anything was asked.
    """

    def __init__(self, *nodes: Node) -> None:
        """Give each node an address."""
        # On this machine, as far as the daemon can tell: a server elsewhere is asked no faster than
        # it forgives (``ledger/pacing.py``), and so many close requests would wait for that.
        self._nodes = {f"ws://127.0.0.1:{_PORT + n}": node for n, node in enumerate(nodes)}
        self.moved = 0
        self.seconds = 0.0
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()
        self._reaction: Reaction | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses."""
        return tuple(self._nodes)

    @asynccontextmanager
    async def dial(self, url: str, _settings: DialSettings) -> AsyncIterator[Socket]:
        """Connect to the node at ``url``."""
        socket = _Socket(self, self._nodes[url])
        try:
            yield socket
        finally:
            socket.line.close()

    def expect(self, channel: ChannelId) -> Reaction:
        """Time the next reaction to what comes about ``channel``; `answered` is set at its end."""
        self.answered.clear()
        self._reaction = Reaction(channel=channel)
        return self._reaction

    def came(self, frame: str) -> None:
        """Take note that the daemon is handed a frame."""
        self.moved += 1
        reaction = self._reaction
        if reaction is None or reaction.arrived is not None:
            return
        # The validated transaction names its channel; an answer that does so has an id.
        if '"type":"transaction"' in frame and reaction.channel in frame:
            reaction.arrived = time.perf_counter()
            reaction.work = -time.process_time()

    def went(self, frame: str) -> None:
        """Take note that the daemon hands over a frame."""
        self.moved += 1
        self.asked.set()
        reaction = self._reaction
        if reaction is None or reaction.arrived is None:
            return
        # Its own transaction has the channel's id in its bytes.
        if '"submit"' in frame and reaction.channel in frame:
            reaction.left = time.perf_counter()
            reaction.work += time.process_time()
            self._reaction = None
            self.answered.set()
        else:
            reaction.asked += 1

    def worked(self, seconds: float, by_the_clock: float) -> None:
        """Take note of the processor time, and the time, that a server took to answer."""
        self.seconds += seconds
        if self._reaction is not None and self._reaction.arrived is not None:
            self._reaction.servers += by_the_clock
            self._reaction.work -= seconds


class _Socket:
    """A `Socket` onto one node."""

    def __init__(self, wire: Wire, node: Node) -> None:
        self._wire = wire
        self._come: asyncio.Queue[str] = asyncio.Queue()
        self.line: Line = connect(node, self._come.put_nowait)

    async def send(self, frame: str) -> None:
        self._wire.went(frame)
        begun, clock = time.thread_time(), time.perf_counter()
        self.line.send(frame)
        self._wire.worked(time.thread_time() - begun, time.perf_counter() - clock)

    async def frames(self) -> AsyncIterator[str | bytes]:
        while True:
            frame = await self._come.get()
            self._wire.came(frame)
            yield frame
