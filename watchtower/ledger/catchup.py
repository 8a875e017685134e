"""Catching up: reading what was missed from history, and everything open from its present state.

What it guarantees: after a start, a gap, and on a timer, the channels from and to our accounts
are listed with ``account_objects``; every open one that no list has, or that two lists tell
differently, is read with ``ledger_entry``, so that what presses among a hundred thousand is known
after a few hundred requests. The accounts themselves and the amendments are read, too (those again
behind each flag ledger). Missed ledgers are read from whichever servers have them, piece by piece,
and a piece counts when it is complete.
What fails is tried again, for as long as it takes, and said once (``HistoryMissing``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from watchtower.errors import HistoryMissingError, LedgerError
from watchtower.ledger.amendments import amendment_period
from watchtower.ledger.backfill import HistoryServer, read_facts
from watchtower.ledger.crosscheck import Listing
from watchtower.ledger.events import (
    AccountFact,
    AmendmentsRead,
    ChannelChanged,
    ChannelMissing,
    Fact,
)
from watchtower.ledger.health import (
    HealthEvent,
    HistoryMissing,
    HistoryRecovered,
    StateReconciled,
)
from watchtower.ledger.outbox import Outbox
from watchtower.ledger.sequence import Delivery, Gap
from watchtower.ledger.sequence import Sequence as LedgerSequence
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["CatchUp", "Sources", "StreamSettings"]

_log = structlog.get_logger(__name__)

_PIECE: Final = 2_000
"""Ledgers read from history in one go, about two hours: bounds what is held in memory."""

_AT_ONCE: Final = 8
"""Channels read at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """How often to read everything anew, and how soon to try again what failed; in seconds."""

    reconcile: float = 600.0
    retry: float = 5.0


class Sources(Protocol):
    """The servers, as far as catching up asks them.

    ``newest`` tells them which ledger counts, so that nobody tells of one that is yet to come.
    """

    newest: Callable[[], LedgerIndex | None]

    async def settle(self) -> None:
        """Wait a moment until every server is ready, or has failed to be."""
        ...

    def ready(self) -> Sequence[HistoryServer]:
        """Return the servers that can be asked, best first."""
        ...

    def note(self, event: HealthEvent) -> None:
        """Take note of what speaks against a server."""
        ...

    async def read_channel(self, channel: ChannelId) -> ChannelChanged | ChannelMissing:
        """Return one channel's validated state."""
        ...

    async def find_channels(self, account: Address) -> Listing:
        """Return all channels from and to ``account``, and which of them are beyond doubt."""
        ...

    async def read_account(self, account: Address) -> tuple[AccountFact, ...]:
        """Return what ``account`` has of its own."""
        ...

    async def read_amendments(self) -> AmendmentsRead:
        """Return the amendments that are enabled."""
        ...


class CatchUp:
    """The reading side of one stream."""

    def __init__(
        self,
        *,
        servers: Sources,
        accounts: Collection[Address],
        sequence: LedgerSequence,
        outbox: Outbox,
        open_channels: Callable[[], Collection[ChannelId]],
        settings: StreamSettings,
    ) -> None:
        """Prepare; nothing is asked before `run`."""
        self._servers = servers
        self._accounts = sorted(accounts)
        self._sequence = sequence
        self._outbox = outbox
        self._open_channels = open_channels
        self._settings = settings
        self._attention = asyncio.Event()
        self._due = 0.0
        self._failures = 0
        self._doubts = 0
        self._in_doubt_to: int = 0
        self._read_at: int = -1
        self._amended_in: int | None = None
        self._missing: HistoryMissing | None = None
        self._last_failure: Gap | None = None

    def attend(self, *, reconcile: bool = False) -> None:
        """Look at once whether something is missing, and read everything anew if told so."""
        if reconcile:
            self._due = 0.0
        self._attention.set()

    @property
    def rules_due(self) -> bool:
        """Whether amendments may have been enabled since they were read last."""
        newest = self._sequence.newest
        if newest is None or self._amended_in is None:
            return False
        return amendment_period(newest) != self._amended_in

    async def run(self) -> None:
        """Catch up, now and whenever something is missing, until cancelled."""
        while self._sequence.newest is None:
            await self._wait(None)
        # The first to answer may be a server that is stuck in the past.
        await self._servers.settle()
        start = self._sequence.newest
        clock = asyncio.get_running_loop().time
        while True:
            all_filled = await self._fill_gaps()
            if self._read_at < self._in_doubt_to or clock() >= self._due:
                await self._reconcile()
            elif self.rules_due:
                await self._read_amendments()
            is_read = self._read_at >= self._in_doubt_to and clock() < self._due
            if is_read and self._sequence.accounted is None:
                await self._outbox.put_all(lambda: self._sequence.begin(start))
            elif is_read and all_filled:
                await self._wait(self._due - clock())
            else:
                await self._wait(self._retry_wait())

    def _retry_wait(self) -> float:
        """Return how long to wait before what failed is tried again."""
        return _doubled(self._settings.retry, self._failures, self._settings.reconcile)

    async def _wait(self, seconds: float | None) -> None:
        """Wait for attention, at most ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._attention.wait()
        except TimeoutError:
            pass
        self._attention.clear()

    async def _fill_gaps(self) -> bool:
        """Read every gap that some server can fill; say whether none is left."""
        unfilled: list[HistoryMissing] = []
        gap = self._sequence.gap()
        while gap is not None:
            # What is missing in between is in doubt until the channels were read behind it.
            self._in_doubt_to = max(self._in_doubt_to, gap.last)
            piece, servers = self._piece_of(gap)
            try:
                facts = await self._read_piece(piece, servers)
            except LedgerError as failed:
                unfilled.append(HistoryMissing(first=piece.first, last=piece.last, why=str(failed)))
                gap = self._sequence.gap_after(piece)
            else:
                await self._accept(piece, facts)
                gap = self._sequence.gap_after(piece)
        await self._report(unfilled)
        return not unfilled

    async def _accept(self, piece: Gap, facts: Sequence[Fact]) -> None:
        _log.info("history_read", first=piece.first, last=piece.last, facts=len(facts))
        await self._outbox.put_all(lambda: self._sequence.backfilled(piece, facts))

    def _piece_of(self, gap: Gap) -> tuple[Gap, list[HistoryServer]]:
        """Return the longest beginning of ``gap`` that one server has, and all that have it.

        When no server has its first ledger, the piece ends before the first that one has.
        """
        ends = [
            (end, server)
            for server in self._servers.ready()
            if (end := server.history.end_of_run(gap.first)) is not None
        ]
        if ends:
            last = min(gap.last, gap.first + _PIECE - 1, max(end for end, _ in ends))
            piece = Gap(gap.first, LedgerIndex(last))
            return piece, [server for end, server in ends if end >= last]
        starts = [server.history.next_member(gap.first) for server in self._servers.ready()]
        known = min((start for start in starts if start is not None), default=gap.last + 1)
        return Gap(gap.first, LedgerIndex(min(gap.last, known - 1))), []

    async def _read_piece(self, piece: Gap, servers: Sequence[HistoryServer]) -> Sequence[Fact]:
        """Return the facts of ``piece`` from the first server that can be relied on."""
        failure: LedgerError = HistoryMissingError(first=piece.first, last=piece.last)
        for server in servers:
            try:
                return await read_facts(server, piece, self._accounts)
            except LedgerError as failed:
                _log.warning("history_not_read", server=server.url, why=str(failed))
                failure = failed
        raise failure

    async def _report(self, unfilled: Sequence[HistoryMissing]) -> None:
        """Say once that history is missing, and once that it is there again.

        It takes a second look that finds the same: a server that is only a ledger behind, or just
        being connected to, is not worth an alarm.
        """
        if not unfilled:
            self._last_failure = None
            if self._missing is not None and (last := self._sequence.accounted) is not None:
                self._missing = None
                await self._tell(HistoryRecovered(last=last))
            return
        first = unfilled[0]
        again = self._last_failure is not None and self._last_failure.first == first.first
        self._last_failure = Gap(first.first, first.last)
        if again and self._missing is None and self._servers.ready():
            self._missing = first
            _log.warning("history_missing", first=first.first, last=first.last, why=first.why)
            await self._tell(first)

    async def _reconcile(self) -> None:
        """Read every account and its channels, as of the newest ledger."""
        newest = self._sequence.newest
        if newest is None or not self._servers.ready():
            return
        limit = asyncio.Semaphore(_AT_ONCE)
        listings: list[Listing] = []
        doubted: Mapping[ChannelId, ChannelChanged] = {}

        async def deliver(
            read: Callable[[], Awaitable[Sequence[Fact]]],
            instead: ChannelChanged | None = None,
            *,
            is_list: bool = False,
        ) -> bool:
            async with limit:
                try:
                    facts = await read()
                except LedgerError as failed:
                    _log.warning("state_not_read", why=str(failed))
                    if instead is not None:
                        # What presses must not be lost, because somebody contradicts it.
                        await self._outbox.put_all(lambda: (instead,))
                    return False
            await self._outbox.put_all(lambda: facts)
            # What one list alone has may be of long ago, or invented: it must hold up nothing.
            return is_list or all(fact.at.ledger_index >= newest for fact in facts)

        async def deliver_all(reads: Iterable[Callable[[], Awaitable[Sequence[Fact]]]]) -> bool:
            return all(await asyncio.gather(*(deliver(read) for read in reads)))

        async def deliver_channels(channels: Iterable[ChannelId]) -> bool:
            reads = (deliver(self._reading(name), doubted.get(name)) for name in channels)
            return all(await asyncio.gather(*reads))

        visits = deliver_all(self._visiting(account) for account in self._accounts)
        lists = asyncio.gather(
            *(deliver(self._finding(account, listings), is_list=True) for account in self._accounts)
        )
        are_visited, are_listed, _ = await asyncio.gather(visits, lists, self._read_amendments())
        are_read = are_visited and all(are_listed)
        are_read &= all(_is_of(listing, newest) for listing in listings)
        known = frozenset[ChannelId]().union(*(listing.agreed for listing in listings))
        doubted = {f.entry.channel: f for one in listings for f in one.channels if _unlike(f, one)}
        left = sorted(channel for channel in self._open_channels() if channel not in known)
        if await deliver_channels(left) and are_read:
            self._failures = 0
            self._doubts = self._doubts + 1 if doubted else 0
            self._read_at = newest
            self._due = asyncio.get_running_loop().time() + self._until_next()
            await self._tell(StateReconciled(ledger_index=newest))
        else:
            self._failures += 1

    def _reading(self, channel: ChannelId) -> Callable[[], Awaitable[Sequence[Fact]]]:
        async def read() -> Sequence[Fact]:
            return (await self._servers.read_channel(channel),)

        return read

    def _finding(
        self, account: Address, listings: list[Listing]
    ) -> Callable[[], Awaitable[Sequence[Fact]]]:
        """Return what lists an account's channels, and keeps the listing in ``listings``.

        An open channel that is in doubt is not told by it, but by who is asked for it alone.
        """

        async def find() -> Sequence[Fact]:
            listing = await self._servers.find_channels(account)
            listings.append(listing)
            watched = set(self._open_channels())
            return tuple(
                fact
                for fact in listing.channels
                if fact.entry.channel not in watched or not _unlike(fact, listing)
            )

        return find

    def _until_next(self) -> float:
        """Return for how many seconds what was read is good.

        Where lists differed somebody may have told a false end, which presses and is remembered:
        the next time those are asked first that nobody contradicted.
        """
        if not self._doubts:
            return self._settings.reconcile
        return _doubled(self._settings.retry, self._doubts - 1, self._settings.reconcile)

    async def _read_amendments(self) -> None:
        """Read the rules; what cannot be read leaves the ones that were, until the next time."""
        newest = self._sequence.newest
        if newest is None:
            return
        self._amended_in = amendment_period(newest)
        try:
            fact = await self._servers.read_amendments()
        except LedgerError as failed:
            _log.warning("amendments_not_read", why=str(failed))
        else:
            await self._outbox.put_all(lambda: (fact,))

    def _visiting(self, account: Address) -> Callable[[], Awaitable[Sequence[Fact]]]:
        async def visit() -> Sequence[Fact]:
            return await self._servers.read_account(account)

        return visit

    async def _tell(self, delivery: Delivery) -> None:
        await self._outbox.put_all(lambda: (delivery,))


def _is_of(listing: Listing, newest: LedgerIndex) -> bool:
    """Return whether any list was read in the newest ledger, or behind it."""
    ends = [fact.at.ledger_index for fact in listing.channels]
    return max(ends, default=newest) >= newest


def _unlike(fact: ChannelChanged, listing: Listing) -> bool:
    return fact.entry.channel not in listing.agreed


def _doubled(seconds: float, times: int, most: float) -> float:
    return min(seconds * (1 << min(times, 8)), most)
