"""The link to one server: connected, subscribed and listened to, again and again.

What it guarantees: while `run` runs, the server is connected to whenever it can be, with growing
waits between attempts; every connection is introduced (network, amendment block, history) and
subscribed before it counts; a server that announces no new ledger for a while is given up and
connected to anew. What is heard goes to a ``Journal`` in the order of the connection, and what
goes wrong is said there once. Nothing a server does ends `run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog

from watchtower.errors import (
    LedgerError,
    RequestRefusedError,
    UnreachableError,
    WrongNetworkError,
)
from watchtower.hosts import is_loopback
from watchtower.ledger.backoff import Backoff
from watchtower.ledger.conduct import Conduct
from watchtower.ledger.connection import Connection
from watchtower.ledger.health import (
    HealthEvent,
    ServerAmendmentBlocked,
    ServerRecovered,
    ServerSilent,
    ServerUnreachable,
    Trouble,
    WrongNetworkServed,
)
from watchtower.ledger.ranges import LedgerRanges
from watchtower.ledger.release import Release, release_told
from watchtower.ledger.reputation import Fault
from watchtower.ledger.server_state import ServerState
from watchtower.ledger.socket import Dial, DialSettings
from watchtower.ledger.subscription import subscriptions
from watchtower.ledger.wire import (
    AMENDMENT_BLOCKED,
    announcement_of,
    integer,
    result_of,
    warning_ids,
)
from watchtower.units import Address, LedgerIndex

__all__ = ["Journal", "Link", "LinkSettings"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How a server is dealt with; all times are seconds.

    ``backoff_most`` bounds the wait between two attempts to connect: a ledger or so, since who
    waits longer may sleep through the last three before a channel's end. ``patience`` is how long
    a request waits for any server to be connected at all, ``backoff_thrown_out`` how long a server
    that closed the connection for too many requests is left alone at least: as long as it takes to
    forgive (``pacing.py``). One on this machine is not paced before it warns, unless
    ``paces_loopback``; ``max_message_bytes`` bounds what a server may send at once.
    """

    request_timeout: float = 10.0
    silence: float = 20.0
    backoff_first: float = 0.5
    backoff_most: float = 5.0
    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    backoff_thrown_out: float = 30.0
    close_timeout: float = 2.0
    patience: float = 3.0
    paces_loopback: bool = False
    max_message_bytes: int = 16 * 2**20

    def dialling(self, *, is_local: bool) -> DialSettings:
        """Return what of it opens a connection to a server, one on this host or elsewhere."""
        return DialSettings(
            open_timeout=self.request_timeout,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            close_timeout=self.close_timeout,
            max_message_bytes=self.max_message_bytes,
            is_local=is_local,
        )


class Journal(Protocol):
    """Who writes down, in order and without waiting, what one link hears and suffers."""

    def subscribed(self, server: str, result: Mapping[str, Any]) -> None:
        """The subscription of ``server`` stands, and this was its answer."""
        ...

    def heard(self, server: str, message: Mapping[str, Any]) -> None:
        """A message came from ``server``."""
        ...

    def misheard(self, server: str) -> None:
        """A frame came from ``server`` that could not be read."""
        ...

    def lost(self, server: str) -> None:
        """The subscription of ``server`` ended."""
        ...

    def happened(self, event: HealthEvent) -> None:
        """Something went wrong with a server, or ended going wrong."""
        ...


class _Silence(Exception):  # noqa: N818 - a turn of events inside this module, never raised out
    """The connection stands, and no new ledger is announced."""


class Link:
    """One server, kept connected.

    ``ready`` is set while it can be asked, ``settled`` once it was ready or failed for the first
    time; ``history`` and ``validated`` are what the server last told of itself; ``conduct`` is
    how it behaves, and how fast it is asked.
    """

    def __init__(
        self,
        url: str,
        *,
        accounts: Collection[Address],
        journal: Journal,
        network: Callable[[int | None], int | None],
        settings: LinkSettings,
        dial: Dial,
        luck: Callable[[], float] | None = None,
    ) -> None:
        """Prepare; nothing is sent before `run`.

        Args:
            url: the server's ``ws://`` or ``wss://`` address.
            accounts: whose transactions to subscribe to.
            journal: where everything heard goes.
            network: given the network id a server tells (None if it tells none), returns the one
                that is guarded.
            settings: times and limits.
            dial: opens connections.
            luck: numbers in [0, 1) for the jitter; the system's own if not given.
        """
        self.url = url
        self.history = LedgerRanges()
        self.validated: LedgerIndex | None = None
        self.amendment_blocked = False
        self.ready = asyncio.Event()
        self.settled = asyncio.Event()
        self.trouble: LedgerError | None = None
        self._release: Release | None = None
        self._connections = 0
        self.why_not_ready = "it has not answered yet"
        self._accounts = accounts
        self._journal = journal
        self._network = network
        self._settings = settings
        self._dial = dial
        self._backoff = Backoff(
            first=settings.backoff_first,
            most=settings.backoff_most,
            luck=luck or SystemRandom().random,
        )
        self._is_local = is_loopback(urlsplit(url).hostname or "")
        self._is_ours = self._is_local and not settings.paces_loopback
        self.conduct = Conduct(url, exempt=self._is_ours)
        self._connection: Connection | None = None
        self._heard_at = 0.0
        self._troubles: dict[Trouble, HealthEvent] = {}
        self._stands = False
        self._left_alone = 0.0
        self._last_announced: Mapping[str, Any] | None = None

    async def run(self) -> None:
        """Keep the server connected until cancelled."""
        while True:
            try:
                await self._serve()
            except (LedgerError, _Silence) as trouble:
                self._account_for(trouble)
            wait = self._backoff.next_wait(least=self._left_alone)
            _log.info("reconnecting", server=self.url, seconds=round(wait, 3))
            await asyncio.sleep(wait)

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Ask this server, as fast as it may be asked, and return its result.

        Raises:
            UnreachableError: there is no connection, or it ended.
            RequestTimeoutError: no answer in time.
            RequestRefusedError: the answer is an error.
        """
        await self.conduct.turn(command)
        if self._connection is None or not self.ready.is_set():
            raise UnreachableError(servers=self.url, why=self.why_not_ready)
        try:
            return await self._connection.request(command, params)
        except LedgerError as failure:
            self.conduct.failed(failure)
            raise

    @property
    def state(self) -> ServerState:
        """How the server is doing now."""
        return ServerState(
            server=self.url,
            connected=(is_ready := self.ready.is_set()),
            is_silent=Trouble.SILENT in self._troubles,
            validated=self.validated,
            amendment_blocked=self.amendment_blocked,
            rank=self.conduct.rank,
            why=self.conduct.fault if is_ready else self.why_not_ready,
            release=self._release,
            reconnects=max(0, self._connections - 1),
        )

    def tell_again(self) -> None:
        """Write down once more how things stand, for who begins to read only now."""
        for event in self._troubles.values():
            self._journal.happened(event)
        if self._stands and self._last_announced is not None:
            self._journal.subscribed(self.url, self._last_announced)

    def heard(self, message: Mapping[str, Any]) -> None:
        """Take a message of the connection (`Listener`).

        What comes before the subscription stands is left out: it may have holes, and what was
        missed is read from history anyway.
        """
        if not self._stands:
            return
        if message.get("type") == "ledgerClosed":
            self._note_ledger(message)
        self._journal.heard(self.url, message)

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Look at an answer's warnings (`Listener`)."""
        self.conduct.answered(answer)
        warnings = warning_ids(answer) | warning_ids(result_of(answer))
        if AMENDMENT_BLOCKED in warnings:
            self._block()

    def misheard(self) -> None:
        """A frame could not be read (`Listener`)."""
        self.conduct.blame(Fault.TOLD_ODDLY)
        self._journal.misheard(self.url)

    async def _serve(self) -> None:
        """Connect once, and listen until the connection ends; always ends with an exception."""
        settings = self._settings
        self._left_alone = 0.0
        async with self._dial(self.url, settings.dialling(is_local=self._is_local)) as socket:
            connection = self._connection = Connection(
                socket, server=self.url, timeout=settings.request_timeout, listener=self
            )
            reading = asyncio.create_task(connection.read(), name=f"read {self.url}")
            try:
                await self._introduce(connection)
                await self._subscribe(connection)
                await self._listen(reading, connection)
            finally:
                if connection.threw_us_out:
                    self._left_alone = 0.0 if self._is_ours else settings.backoff_thrown_out
                    self.conduct.blame(Fault.THREW_US_OUT)
                self._leave()
                reading.cancel()
                # Not awaited itself: its cancellation must not be mistaken for ours, which a stop
                # would then wait for in vain.
                await asyncio.wait({reading})
                if not reading.cancelled() and (defect := reading.exception()) is not None:
                    raise defect

    async def _introduce(self, connection: Connection) -> None:
        """Learn what server this is; one of another network is refused."""
        self.amendment_blocked = False
        try:
            info = (await connection.request("server_info", {})).get("info")
        except RequestRefusedError as refused:
            _log.warning("server_info_refused", server=self.url, error=refused.facts["error"])
            return
        if not isinstance(info, Mapping):
            return
        self._check_network(integer(info, "network_id"))
        self.history = LedgerRanges.parse(info.get("complete_ledgers"))
        self._release = release_told(info)
        if info.get("amendment_blocked") is True:
            self._block()
        elif not self.amendment_blocked:
            self._recover(Trouble.AMENDMENT_BLOCKED)

    async def _subscribe(self, connection: Connection) -> None:
        for params in subscriptions(self._accounts):
            then = self._stand if "streams" in params else None
            result = await connection.request("subscribe", params, then=then)
            self._check_network(integer(result, "network_id"))
        self._connections += 1
        self.ready.set()
        self.settled.set()

    def _stand(self, result: Mapping[str, Any]) -> None:
        """The subscription stands, from before anything that is heard from here on."""
        if self._is_foreign(integer(result, "network_id")):
            return
        self._stands = True
        self._last_announced = result
        self._note_ledger(result)
        self._journal.subscribed(self.url, result)

    async def _listen(self, reading: asyncio.Task[None], connection: Connection) -> None:
        """Return never: raise when the connection ends or falls silent."""
        self._recover(Trouble.UNREACHABLE)
        self._recover(Trouble.WRONG_NETWORK)
        clock = asyncio.get_running_loop().time
        self._heard_at = clock()
        # Asleep until it may have fallen silent: nobody is woken for each ledger.
        while (left := self._heard_at + self._settings.silence - clock()) > 0:
            await asyncio.wait({reading}, timeout=left)
            if reading.done():
                raise UnreachableError(servers=self.url, why=connection.closed_because)
        raise _Silence

    def _note_ledger(self, message: Mapping[str, Any]) -> None:
        announcement = announcement_of(message)
        if announcement is None:
            return
        index = announcement.closed.ledger_index
        if announcement.validated_ledgers is not None:
            self.history = LedgerRanges.parse(announcement.validated_ledgers)
        if message.get("type") == "ledgerClosed" and index > (self.validated or 0):
            # Only a new ledger breaks the silence: a server may repeat itself for ever.
            self._backoff.reset()
            self._recover(Trouble.SILENT)
            self._heard_at = asyncio.get_running_loop().time()
        self.validated = index
        self._last_announced = message

    def _is_foreign(self, found: int | None) -> bool:
        return found is not None and self._network(found) != found

    def _check_network(self, found: int | None) -> None:
        wanted = self._network(found)
        if found is not None and wanted is not None and found != wanted:
            served = WrongNetworkServed(server=self.url, found=found, wanted=wanted)
            self._complain(Trouble.WRONG_NETWORK, served)
            raise WrongNetworkError(server=self.url, found=found, wanted=wanted)

    def _leave(self) -> None:
        self.ready.clear()
        self._stands = False
        self._connection = None
        self.history = LedgerRanges()
        self._journal.lost(self.url)

    def _account_for(self, trouble: Exception) -> None:
        """Remember, and say once, why the connection ended."""
        self.trouble = trouble if isinstance(trouble, LedgerError) else None
        self.settled.set()
        if isinstance(trouble, WrongNetworkError):
            self.why_not_ready = str(trouble)
        elif isinstance(trouble, _Silence):
            # It answers, so asking it again soon costs little; a long wait would be deaf time.
            self._backoff.reset()
            self.why_not_ready = "it announces no ledger"
            silence = self._settings.silence
            self.conduct.blame(Fault.WENT_SILENT)
            self._complain(
                Trouble.SILENT,
                ServerSilent(server=self.url, seconds=silence, ledger_index=self.validated),
            )
        else:
            self.conduct.blame(Fault.BROKE_OFF)
            why = trouble.facts["why"] if isinstance(trouble, UnreachableError) else trouble
            self.why_not_ready = str(why)
            self._complain(
                Trouble.UNREACHABLE, ServerUnreachable(server=self.url, why=self.why_not_ready)
            )

    def _block(self) -> None:
        self.amendment_blocked = True
        self._complain(Trouble.AMENDMENT_BLOCKED, ServerAmendmentBlocked(server=self.url))

    def _complain(self, trouble: Trouble, event: HealthEvent) -> None:
        if trouble not in self._troubles:
            self._troubles[trouble] = event
            self._journal.happened(event)

    def _recover(self, trouble: Trouble) -> None:
        if self._troubles.pop(trouble, None) is not None:
            self._journal.happened(ServerRecovered(server=self.url, trouble=trouble))
