"""What a link needs of a connection to a server: frames out, frames in, and why it ended.

The one door between the house and the network. `websocket.py` opens it onto a real one; whoever
plays the network opens it onto something else, and everything above is the same code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Dial", "DialSettings", "Socket", "SocketClosed"]


class SocketClosed(Exception):  # noqa: N818 - what happened, and never leaves the room
    """The connection ended; ``threw_us_out`` says that it was for asking too much (1008)."""

    def __init__(self, why: str, *, threw_us_out: bool = False) -> None:
        """Take why, as a clause."""
        super().__init__(why)
        self.why = why
        self.threw_us_out = threw_us_out


class Socket(Protocol):
    """An open connection to one server."""

    async def send(self, frame: str, /) -> None:
        """Send one text frame.

        Raises:
            SocketClosed: the connection has ended.
        """
        ...

    def frames(self) -> AsyncIterator[str | bytes]:
        """Return what comes, in order, until the connection is closed as it should be.

        Raises:
            SocketClosed: it ended in another way.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DialSettings:
    """How a connection is opened and kept; times are seconds.

    ``max_message_bytes`` bounds what a server may send at once; ``is_local`` says that the server
    is on this host.
    """

    open_timeout: float
    ping_interval: float
    ping_timeout: float
    close_timeout: float
    max_message_bytes: int
    is_local: bool


Dial = Callable[[str, DialSettings], AbstractAsyncContextManager[Socket]]
"""Opens a connection to an address, as a context; raises `UnreachableError` where it cannot."""
