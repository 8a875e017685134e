"""The doorway: whoever connects is counted before anything is said, and shakes hands in time.

What it guarantees: there is an end to how many connections there are, those that have not finished
their handshake among them, and to how many one address beyond this machine has, so that no single
stranger can take all places. Whoever is slow at the handshake is let go, and the slowest first
where room is short: an honest client needs a moment for it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

import structlog
from typing_extensions import override

from watchtower.hosts import is_loopback

__all__ = ["Doorway", "household_of"]

_log = structlog.get_logger(__name__)

_MOST_CONNECTIONS: Final = 384
"""Connections from which the next one is not even answered: each holds a file of the daemon's."""

_MOST_OF_ONE: Final = 64
"""Connections that one address beyond this machine may have: a quarter of all places."""

_HANDSHAKE: Final = 5.0
"""Seconds for a TLS handshake, which takes a few turns of the network."""

_FAREWELL: Final = 5.0
"""Seconds that a client has to say that it has heard that the connection ends."""

_BREATH: Final = 0.5
"""Seconds to wait when the machine has no room for another connection."""

_SILENCE: Final = 60.0
"""Seconds between two lines in the log about connections that were refused."""

_NOBODY: Final = ""


class Doorway:
    """Lets those in who connect to a listening socket."""

    def __init__(
        self,
        at: socket.socket,
        welcome: Callable[[], asyncio.Protocol],
        *,
        context: Callable[[], ssl.SSLContext] | None,
    ) -> None:
        """Let nobody in yet.

        Args:
            at: where they connect.
            welcome: makes who talks with one of them.
            context: returns what the next handshake is made with; None for none.
        """
        self._at = at
        self._welcome = welcome
        self._context = context
        self._households: Counter[str] = Counter()
        self._entering: dict[_Guest, asyncio.Task[None]] = {}
        self._turned_away = 0
        self._told_again = 0.0

    async def let_in(self) -> None:
        """Let people in until cancelled; those who are in stay."""
        self._at.settimeout(0)
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    came, address = await loop.sock_accept(self._at)
                except OSError:
                    # Gone again, or no file is left for it: the next one may be luckier.
                    await asyncio.sleep(_BREATH)
                    continue
                self._meet(came, household_of(address))
                # Whoever was met has begun before the next one comes, and the daemon has its turn.
                await asyncio.sleep(0)
        finally:
            for entering in self._entering.values():
                entering.cancel()

    def _meet(self, came: socket.socket, household: str) -> None:
        is_one_too_many = household and self._households[household] >= _MOST_OF_ONE
        is_full = self._households.total() >= _MOST_CONNECTIONS
        if is_one_too_many or (is_full and not self._make_room()):
            came.close()
            self._refused(household)
            return
        self._households[household] += 1
        guest = _Guest(came, lambda: self._leave(guest, household))
        entering = asyncio.get_running_loop().create_task(self._enter(guest))
        self._entering[guest] = entering

    def _refused(self, household: str) -> None:
        """Say that somebody was turned away, but not for each of a flood."""
        self._turned_away += 1
        now = asyncio.get_running_loop().time()
        if now >= self._told_again:
            _log.info("connections_refused", count=self._turned_away, last=household)
            self._turned_away, self._told_again = 0, now + _SILENCE

    def _make_room(self) -> bool:
        """Let go who has been at its handshake for the longest; say whether there was somebody."""
        slowest = next(iter(self._entering), None)
        if slowest is None or self._context is None:
            return False
        self._entering.pop(slowest).cancel()
        return True

    async def _enter(self, guest: _Guest) -> None:
        loop, options = asyncio.get_running_loop(), dict[str, Any]()
        if self._context is not None:
            options = {
                "ssl": self._context(),
                "ssl_handshake_timeout": _HANDSHAKE,
                "ssl_shutdown_timeout": _FAREWELL,
            }
        talker: asyncio.Protocol | None = None
        try:
            talker = welcomed = self._welcome()
            await loop.connect_accepted_socket(lambda: welcomed, guest, **options)
        except OSError:
            # What goes wrong in a handshake is nobody's business but theirs.
            _let_go(guest, talker)
        except BaseException:
            _let_go(guest, talker)
            raise
        finally:
            self._entering.pop(guest, None)

    def _leave(self, guest: _Guest, household: str) -> None:
        self._entering.pop(guest, None)
        self._households[household] -= 1
        if self._households[household] <= 0:
            del self._households[household]


class _Guest(socket.socket):
    """A connection that says when it is closed, whoever closes it, and whoever talks with it."""

    def __init__(self, came: socket.socket, left: Callable[[], None]) -> None:
        super().__init__(came.family, came.type, came.proto, fileno=came.detach())
        self._left: Callable[[], None] | None = left

    @override
    def close(self) -> None:
        super().close()
        if (left := self._left) is not None:
            self._left = None
            left()


def _let_go(guest: _Guest, talker: asyncio.Protocol | None) -> None:
    """Close a connection, which may be in by this very turn.

    Its transport has to go first: it would look after the number of a file that is somebody else's
    by then, be it a server's that we listen to.
    """
    transport = getattr(talker, "transport", None)
    if isinstance(transport, asyncio.Transport):
        transport.abort()
    guest.close()


def household_of(address: Any) -> str:
    """Return what the connections of one stranger share; nothing for who is on this machine.

    Args:
        address: of the other end, as a socket tells it. An IPv6 address stands for its /64: that
            is what a single household is given (RFC 6177).
    """
    if not isinstance(address, tuple) or is_loopback(host := str(address[0])):
        return _NOBODY
    found = ip_address(host.partition("%")[0])
    if isinstance(found, IPv6Address):
        if (mapped := found.ipv4_mapped) is not None:
            return _NOBODY if mapped.is_loopback else str(mapped)
        return str(ip_network((found, 64), strict=False))
    return str(found)
