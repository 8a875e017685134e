"""The way between one client and one server, with all that goes wrong on it.

Guarantees that a client without a socket reads the very texts that one on a socket does, that what
is neither dropped nor reordered comes in order, and that no clock is read but the running loop's,
and that one only while the server lags.

What the sandbox's own hand is told (``misbehave``, ``ledger_accept``) is late and hangs with all
else, but is never dropped, doubled or reordered: whoever moves the ledger must be able to.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from watchtower.sandbox.api.dispatch import Charge, answer
from watchtower.sandbox.misbehaviour import Kind
from watchtower.sandbox.node import Node
from watchtower.sandbox.streams import Subscriber

__all__ = ["Line", "connect"]


def connect(
    node: Node,
    receive: Callable[[str], None],
    *,
    on_cut: Callable[[], None] = lambda: None,
    charge: Charge = lambda _command, _error: False,
) -> Line:
    """Return a new client's line to a server.

    Args:
        node: the server.
        receive: is called with each text that comes from the server. It may send, and is answered
            before it is told anything else; and it may close the line.
        on_cut: is called when the server drops the connection.
        charge: is told of each request, as `answer` tells it, and says whether to warn of the load.

    Raises:
        ConnectionRefusedError: the server takes no new clients.
    """
    if node.misbehaviour.refuse_connections:
        raise ConnectionRefusedError("the server takes no new clients")
    return Line(node, receive, on_cut, charge)


class Line:
    """One client's connection; `connect` makes it."""

    def __init__(
        self,
        node: Node,
        receive: Callable[[str], None],
        on_cut: Callable[[], None],
        charge: Charge,
    ) -> None:
        self._node = node
        self._receive = receive
        self._on_cut = on_cut
        self._charge = charge
        self._subscriber = Subscriber(self._tell)
        self._luck = node.network.luck_of(f"server {node.number} line {node.enter(self)}")
        self._is_open = True
        self._held: list[str] = []
        self._held_for_long = False
        self._late: deque[tuple[float, str]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[str] = deque()
        self._asked: deque[str | bytes] = deque()

    def send(self, frame: str | bytes) -> None:
        """Send a request to the server, which answers it at once unless it hangs."""
        if not self._is_open:
            return
        if self._node.misbehaviour.hang:
            self._asked.append(frame)
            return
        told = answer(self._node, self._subscriber, frame, self._charge)
        if told is not None:
            self._tell(*told)

    def close(self) -> None:
        """End the connection; nothing comes any more."""
        self._is_open = False
        self._node.leave(self)
        self._node.streams.forget(self._subscriber)
        if self._timer is not None:
            self._timer.cancel()

    def cut(self) -> None:
        """Lose the connection: what is under way is lost with it."""
        self.close()
        self._on_cut()

    def go_on(self) -> None:
        """Read and tell again after the server has hung: what was to be told first.

        What was held back for a later message is let go if nothing is to be reordered any more.
        """
        if not self._node.misbehaviour.reorder:
            self._let_go()
        while self._waiting and self._is_free:
            self._receive(self._waiting.popleft())
        while self._asked and self._is_free:
            frame = self._asked.popleft()
            told = answer(self._node, self._subscriber, frame, self._charge)
            if told is not None:
                self._tell(*told)

    def ledger_told(self) -> None:
        """Let go of a message that has been held back since before the last ledger."""
        if self._held_for_long:
            self._let_go()
        self._held_for_long = bool(self._held)

    @property
    def _is_free(self) -> bool:
        return self._is_open and not self._node.misbehaviour.hang

    def _tell(self, text: str, kind: Kind | None) -> None:
        """Put a message on its way; None is the kind of what luck leaves alone."""
        if not self._is_open:
            return
        wrong = self._node.misbehaviour
        texts = [text]
        if kind in wrong.only:
            if wrong.drop and self._luck.random() < wrong.drop:
                return
            if wrong.duplicate and self._luck.random() < wrong.duplicate:
                texts = [text, text]
            if wrong.reorder and not self._held and self._luck.random() < wrong.reorder:
                self._held = texts
                self._held_for_long = False
                return
        for each in texts:
            self._pass_on(each)
        self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for text in held:
            self._pass_on(text)

    def _pass_on(self, text: str) -> None:
        """Deliver a message, later if the server lags."""
        lag = self._node.misbehaviour.lag
        if not lag and not self._late:
            self._deliver(text)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + lag
        # Behind those that are late already, also where the lag has shrunk.
        self._late.append((due, text))
        if self._timer is None:
            self._timer = loop.call_at(due, self._deliver_what_is_due)

    def _deliver_what_is_due(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        # The timer may come a hair early by the clock's own grain; what it was set for is due.
        now = max(loop.time(), self._late[0][0])
        while self._late and self._late[0][0] <= now:
            self._deliver(self._late.popleft()[1])
        if self._late and self._is_open:
            self._timer = loop.call_at(self._late[0][0], self._deliver_what_is_due)

    def _deliver(self, text: str) -> None:
        if not self._is_open:
            return
        # Also behind what waits since a hang that is just over.
        if self._node.misbehaviour.hang or self._waiting:
            self._waiting.append(text)
        else:
            self._receive(text)
