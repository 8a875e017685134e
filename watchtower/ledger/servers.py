"""All configured servers, connected to at once: what the rest of the house asks of the ledger.

Opened as a context, it keeps every server connected until it is left::

    async with Servers(urls, accounts=accounts, network_id=0) as servers:
        async with servers.stream(cursor=cursor, open_channels=open_channels) as stream:
            async for delivery in stream.deliveries():
                ...

and for one look, by the command line::

    async with Servers.connected(urls) as servers:
        fact = await servers.read_channel(channel)

No request hangs; a question fails over from server to server, and a transaction goes to all.
Servers of another network than the pinned one (or than the first that told its network) are not
used. Nothing about money is decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Self, TypeVar

from watchtower.errors import RequestRefusedError, WrongNetworkError
from watchtower.ledger.amendments import agreed, read_amendments
from watchtower.ledger.answers import (
    Fees,
    SubmitAnswer,
    read_account_field,
    read_fees,
    read_submission,
)
from watchtower.ledger.asking import (
    ask_all,
    ask_any,
    by_preference,
    failure_among,
    good,
    nobody,
)
from watchtower.ledger.catchup import StreamSettings
from watchtower.ledger.conduct import fault_told_by
from watchtower.ledger.crosscheck import Listing, in_the_middle
from watchtower.ledger.events import (
    AccountFact,
    AmendmentsRead,
    ChannelChanged,
    ChannelMissing,
)
from watchtower.ledger.health import HealthEvent
from watchtower.ledger.inbox import Inbox
from watchtower.ledger.link import Link, LinkSettings
from watchtower.ledger.reputation import Fault
from watchtower.ledger.second_opinion import account_by_two, channel_by_two, channels_by_two
from watchtower.ledger.server_state import ServerState
from watchtower.ledger.socket import Dial
from watchtower.ledger.stream import Stream, opened
from watchtower.ledger.websocket import dial
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["Fees", "Servers", "SubmitAnswer"]

_T = TypeVar("_T")

_GRACE: Final = 1.0
"""Seconds that servers have to tell of prices and sequences once one of them has."""


class Servers:
    """Every configured server.

    ``network_id`` is the network that is guarded: the pinned one, or else the first that a server
    told; None before that.
    """

    def __init__(
        self,
        urls: Iterable[str],
        *,
        accounts: Collection[Address] = (),
        delegate: Address | None = None,
        network_id: int | None = None,
        settings: LinkSettings | None = None,
        dial: Dial = dial,
        luck: Callable[[], float] | None = None,
    ) -> None:
        """Prepare links to ``urls`` that watch ``accounts``; nothing is sent before entering.

        Args:
            urls: ``ws://`` or ``wss://`` addresses.
            accounts: whose transactions the stream tells.
            delegate: whose permissions to send for accounts are read, too; told like one of them.
            network_id: the pinned network, None to take the first that is told.
            settings: times and limits.
            dial: opens connections.
            luck: numbers in [0, 1) for the jitter of reconnects.
        """
        self.network_id = network_id
        self._delegate = delegate
        self._settings = settings or LinkSettings()
        self._accounts = frozenset((*accounts, *((delegate,) if delegate else ())))
        self._inbox = Inbox()
        self.newest: Callable[[], LedgerIndex | None] = lambda: None
        self._links = [
            Link(
                url,
                accounts=self._accounts,
                journal=self._inbox,
                network=self._network,
                settings=self._settings,
                dial=dial,
                luck=luck,
            )
            for url in dict.fromkeys(urls)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        urls: Iterable[str],
        timeout: float = 10.0,  # noqa: ASYNC109 - the caller's patience, told in the error
        *,
        network_id: int | None = None,
        settings: LinkSettings | None = None,
    ) -> AsyncIterator[Self]:
        """Open servers for a few questions: enter once any of them answers.

        Raises:
            UnreachableError: none answers within ``timeout`` seconds, or all failed before.
            WrongNetworkError: those that answer serve another network than ``network_id``.
        """
        async with cls(urls, network_id=network_id, settings=settings) as servers:
            await servers.wait_until_ready(timeout)
            yield servers

    async def __aenter__(self) -> Self:
        """Start connecting to every server."""
        self._tasks = [
            asyncio.create_task(link.run(), name=f"link {link.url}") for link in self._links
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection.

        Raises:
            Exception: what ended a link before; that is a defect, and must not stay unseen.
        """
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def wait_until_ready(self, timeout: float) -> None:  # noqa: ASYNC109 - see `connected`
        """Wait until any server is ready, or every one has failed once.

        Raises:
            UnreachableError: none is ready by then.
            WrongNetworkError: those that answer serve another network.
        """
        waits = [asyncio.create_task(link.settled.wait()) for link in self._links]
        try:
            async with asyncio.timeout(timeout):
                for settled in asyncio.as_completed(waits):
                    await settled
                    if self.ready():
                        return
        except TimeoutError:
            pass
        finally:
            for wait in waits:
                wait.cancel()
        for link in self._links:
            if isinstance(link.trouble, WrongNetworkError):
                raise link.trouble
        raise nobody(self._links)

    async def settle(self, within: float | None = None) -> None:
        """Wait until every server is ready, or has failed to be, for so many seconds at most."""
        settled = (link.settled for link in self._links)
        await self._wait_for(settled, asyncio.ALL_COMPLETED, within)

    def stream(
        self,
        *,
        cursor: LedgerIndex | None,
        open_channels: Callable[[], Collection[ChannelId]],
        settings: StreamSettings | None = None,
    ) -> AbstractAsyncContextManager[Stream]:
        """Open the one stream of everything that happens after ledger ``cursor``.

        Args:
            cursor: the last ledger accounted for; None to begin with the present one.
            open_channels: the channels to read anew whenever something may have been missed.
            settings: times and limits.
        """
        self._inbox.open()
        for link in self._links:
            link.tell_again()
        return opened(
            servers=self,
            inbox=self._inbox,
            accounts=self._accounts,
            cursor=cursor,
            open_channels=open_channels,
            settings=settings or StreamSettings(),
            links=self._tasks,
        )

    def note(self, event: HealthEvent) -> None:
        """Rank down the servers that an event speaks against."""
        for link in self._links:
            if (fault := fault_told_by(event, link.url)) is not None:
                link.conduct.blame(fault)

    def misjudged(self, server: str) -> None:
        """Rank down a server that refused for good what the ledger then took."""
        for link in self._links:
            if link.url == server:
                link.conduct.blame(Fault.MISJUDGED)

    def wrong_network(self) -> WrongNetworkError | None:
        """Return why nobody can be used if every server serves another network; None otherwise."""
        troubles = [link.trouble for link in self._links]
        wrong = [trouble for trouble in troubles if isinstance(trouble, WrongNetworkError)]
        return wrong[0] if len(wrong) == len(troubles) else None

    def ready(self) -> list[Link]:
        """Return the links that can be asked, best first."""
        return by_preference(self._links)

    def states(self) -> list[ServerState]:
        """Return how each server is doing."""
        return [link.state for link in self._links]

    async def ask(self, command: str, **params: object) -> Mapping[str, Any]:
        """Ask any server, one after another, and return the result.

        Raises:
            RequestRefusedError: every server that answered refused.
            RequestTimeoutError: the last server asked did not answer in time.
            UnreachableError: no server is connected.
        """
        await self._be_patient()
        return await ask_any(self._links, lambda link: link.request(command, **params))

    async def submit(self, blob: str) -> list[SubmitAnswer]:
        """Send a signed transaction to every server at once; one answer each, never raising."""
        await self._be_patient()
        answers = await ask_all(self._links, lambda link: link.request("submit", tx_blob=blob))
        return [read_submission(link.url, answer) for link, answer in answers]

    async def read_channel(
        self, channel: ChannelId, *, vouched: bool = False
    ) -> ChannelChanged | ChannelMissing:
        """Return a channel's state in a validated ledger, as two servers tell it.

        Where they contradict each other the reading that threatens the payee more is returned
        (``crosscheck.py``). A server that has the channel and is a few ledgers behind one that
        has not leaves the question open: asking again soon will tell.

        Args:
            channel: whose.
            vouched: raise where servers contradict each other, for who would serve against it.

        Raises:
            LedgerError: no server could tell, or they contradict each other.
        """
        await self._be_patient()
        return await channel_by_two(self._links, channel, vouched=vouched, newest=self.newest)

    async def find_channels(self, account: Address) -> Listing:
        """Return every channel from or to ``account``, as the validated ledgers of two servers say.

        Raises:
            LedgerError: no server could tell.
        """
        await self._be_patient()
        return await channels_by_two(self._links, account, newest=self.newest)

    async def read_account(self, account: Address) -> tuple[AccountFact, ...]:
        """Return what an account has of its own, as the validated ledgers of two servers say.

        Raises:
            LedgerError: no server could tell.
        """
        await self._be_patient()
        return await account_by_two(self._links, account, self._delegate)

    async def read_amendments(self) -> AmendmentsRead:
        """Return the amendments that are enabled, as far as all servers that answer agree.

        Raises:
            LedgerError: no server could tell.
        """
        return agreed(await self._ask_each(read_amendments))

    async def account_sequences(self, account: Address) -> tuple[int, ...]:
        """Return the next sequence of ``account`` in the open ledger, as servers tell it.

        One number if they agree; else each that was told, the highest first: a server that is
        behind tells too little, and one that tells too much is wrong or lies.

        Raises:
            RequestRefusedError: there is no such account (``actNotFound``), or all refused.
            LedgerError: no server could tell.
        """

        async def ask(link: Link) -> int:
            result = await link.request("account_info", account=account, ledger_index="current")
            return read_account_field(link.url, result, "Sequence")

        return tuple(sorted(set(await self._ask_each(ask)), reverse=True))

    async def account_exists(self, account: Address) -> bool:
        """Say whether any server's validated ledger has ``account``.

        Raises:
            LedgerError: no server could tell.
        """
        try:
            await self.ask("account_info", account=account, ledger_index="validated")
        except RequestRefusedError as refused:
            if refused.facts["error"] != "actNotFound":
                raise
            return False
        return True

    async def fee(self) -> Fees:
        """Return what transactions cost now, as the server in the middle tells it.

        Raises:
            LedgerError: no server could tell.
        """

        async def ask(link: Link) -> Fees:
            return read_fees(link.url, await link.request("fee"))

        return in_the_middle(await self._ask_each(ask))

    async def _ask_each(self, question: Callable[[Link], Awaitable[_T]]) -> list[_T]:
        """Return the answers of all servers that gave one; raise when none did."""
        await self._be_patient()
        answers = await ask_all(self.ready(), question, grace=_GRACE)
        if told := good(answers):
            return list(told.values())
        raise failure_among(answers) or nobody(self._links)

    async def _be_patient(self) -> None:
        """Give a server that is just being connected to a moment."""
        if not self.ready():
            await self._wait_for((link.ready for link in self._links), asyncio.FIRST_COMPLETED)

    async def _wait_for(
        self, events: Iterable[asyncio.Event], how_many: str, within: float | None = None
    ) -> None:
        waits = [asyncio.create_task(event.wait()) for event in events]
        patience = self._settings.patience if within is None else within
        try:
            await asyncio.wait(waits, timeout=patience, return_when=how_many)
        finally:
            for wait in waits:
                wait.cancel()

    def _network(self, found: int | None) -> int | None:
        if self.network_id is None:
            self.network_id = found
        return self.network_id
