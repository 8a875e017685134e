"""The small rounds beside the tower's main work: nothing here is urgent, all of it matters.

- *claims* that another process (``watchtower claim add``) wrote into the store: noticed by
  SQLite's change counter, which costs next to nothing, and found by the journal's new entries, so
  that the cost grows with what came and not with what is kept;
- *pending claims*, decided as soon as a server can tell of their channel;
- *keys* and *bundles* that another process imported, rotated or retired, and *tokens* that it made
  or revoked;
- what will go wrong (``foresight.py``), *alarms* that go on, and the *status* that
  ``watchtower status`` shows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from watchtower.alerts import of_network
from watchtower.alerts.desk import Desk
from watchtower.errors import LedgerError, StoreBusyError, StoreFullError
from watchtower.ledger.server_state import ServerState
from watchtower.store.bundles import BUNDLE_IMPORTED
from watchtower.store.cosignatures import COSIGN_ANSWERED
from watchtower.store.database import Store
from watchtower.store.journal import OF_KEYS, NumberedEntry
from watchtower.store.tokens import TOKEN_ADDED, TOKEN_REVOKED
from watchtower.tower.beginnings import Beginnings
from watchtower.tower.bulletin import STATUS_NOTE, bulletin
from watchtower.tower.changes import Tell, tell_nobody
from watchtower.tower.chronicle import Chronicle
from watchtower.tower.coverage import Coverage
from watchtower.tower.foresight import Foresight
from watchtower.tower.locksmith import Locksmith
from watchtower.tower.pending import PendingClaims
from watchtower.tower.restraint import Restraint
from watchtower.tower.route_watch import RouteWatch
from watchtower.tower.tower import Tower
from watchtower.units import Address

__all__ = ["STATUS_NOTE", "Rhythm", "Rounds"]

_log = structlog.get_logger(__name__)

_OF_TOKENS: Final = frozenset({TOKEN_ADDED, TOKEN_REVOKED})

_PAGE: Final = 1_000
"""Entries of the journal that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often the rounds are made; all in seconds.

    Attributes:
        claims: between two looks for claims of other processes.
        rounds: between two rounds for everything else.
        status: after which the status is written again, although nothing of it changed.
        blind: for which no server may be heard before that is an alarm: a cable that was out
            for a moment is mended before anybody is awake.
    """

    claims: float = 0.2
    rounds: float = 5.0
    status: float = 30.0
    blind: float = 20.0


_SILENT: Final = "it announces no ledger"


class Servers(Protocol):
    """What the rounds ask of the servers."""

    def states(self) -> Sequence[ServerState]:
        """Return how each server is doing."""
        ...


class Rounds:
    """Makes the rounds for one tower, until cancelled."""

    def __init__(
        self,
        tower: Tower,
        *,
        store: Store,
        servers: Servers,
        desk: Desk,
        foresight: Foresight,
        pending: PendingClaims,
        restraint: Restraint,
        coverage: Coverage,
        routes: RouteWatch | None = None,
        chronicle: Chronicle | None = None,
        key_holders: Iterable[Callable[[Mapping[Address, Collection[str]]], None]] = (),
        journal_number: int,
        shadow: bool,
        rhythm: Rhythm,
        clock: Callable[[], float] = time.time,
        tell: Tell = tell_nobody,
        locksmith: Locksmith | None = None,
        looks: Iterable[Callable[[], Awaitable[None]]],
    ) -> None:
        """Prepare; the tower's watch knows what the journal says up to ``journal_number``.

        The two must come from one transaction: a claim that was kept in between would be in the
        store, acknowledged, and guarded by nobody until the next start.

        ``tell`` is called with claims of other processes, ``key_holders`` with the store's public
        keys when these changed; ``locksmith`` minds a signer apart; each round makes ``looks``.
        """
        self._tell = tell
        self._tower = tower
        self._store = store
        self._servers = servers
        self._desk = desk
        self._foresight = foresight
        self._pending = pending
        self._restraint = restraint
        self.coverage = coverage
        self.spenders = foresight.spenders
        self._shadow = shadow
        self._rhythm = rhythm
        self._locksmith = locksmith
        self._clock = clock
        self._beginnings = Beginnings()
        self._version: tuple[int, int] | None = None
        self.journal_number = journal_number
        self._has_pending = True
        self._told: Mapping[str, Any] = {}
        self._told_at = 0.0
        self._blind_since: float | None = None
        self._routes = routes
        self.chronicle = chronicle
        self._looks = tuple(looks)
        self._key_holders = tuple(key_holders)
        self._keys_in_store: Mapping[Address, Collection[str]] = {}
        self._keys_elsewhere: Mapping[Address, str | None] = {}
        self._has_new_keys = self._has_new_tokens = True
        self._has_new_bundles = False
        self._of_tokens: Callable[[], Awaitable[None]] | None = None

    async def take_claims_for_ever(self) -> None:
        """Take up claims that others write into the store."""
        while True:
            await asyncio.sleep(self._rhythm.claims)
            try:
                await self.take_claims()
            except (StoreBusyError, StoreFullError) as failure:
                _log.warning("claims_not_read", why=str(failure))

    async def take_claims(self) -> None:
        """Take up what was written since the last look."""
        version = await self._store.data_version()
        if version == self._version:
            return
        entries = await self._take_some()
        while len(entries) == _PAGE:
            entries = await self._take_some()
        if self._has_new_tokens and self._of_tokens is not None:
            await self._of_tokens()
            self._has_new_tokens = False
        if self._has_new_bundles:
            await self._tower.bundle_imported()
            self._has_new_bundles = False
        # Last: what failed is tried again at the next look.
        self._version = version

    def tell_of_tokens(self, follower: Callable[[], Awaitable[None]]) -> None:
        """Have ``follower`` called at the first look, and whenever tokens were made or revoked."""
        self._of_tokens = follower

    def expect_pending(self) -> None:
        """Decide in the next round about claims that wait for their channel."""
        self._has_pending = True

    async def _take_some(self) -> Sequence[NumberedEntry]:
        """Take up what some entries tell, of which most may be our own."""
        async with self._store.read() as work:
            entries = await work.journal.since(self.journal_number, _PAGE)
        channels, best = self._tower.watch.channels, self._tower.watch.best
        kept = [
            (entry.kind, entry.channel, entry.ledger_index, entry.facts)
            for entry in (numbered.entry for numbered in entries)
            if entry.kind == "claim_kept" and entry.channel is not None
            if entry.channel not in channels
            or (known := best.get(entry.channel)) is None
            or known.amount < entry.facts["amount"]
        ]
        self._tell(kept)
        for channel in sorted({channel for _, channel, _, _ in kept}):
            await self._tower.claim_kept(channel)
        await self._take_attempts(entries)
        self._has_pending |= any(e.entry.kind == "claim_pending" for e in entries)
        self._has_new_keys |= any(e.entry.kind in OF_KEYS for e in entries)
        self._has_new_bundles |= any(e.entry.kind == BUNDLE_IMPORTED for e in entries)
        self._has_new_tokens |= any(e.entry.kind in _OF_TOKENS for e in entries)
        if entries:
            self.journal_number = entries[-1].number
        return entries

    async def _take_attempts(self, entries: Sequence[NumberedEntry]) -> None:
        """Take up what persons have completed: it is an attempt, and was written down as one."""
        completed = {
            entry.facts["transaction"]
            for entry in (numbered.entry for numbered in entries)
            if entry.kind == COSIGN_ANSWERED and "transaction" in entry.facts
        } - self._tower.watch.attempts.keys()
        if not completed:
            return
        async with self._store.read() as work:
            unsettled = await work.attempts.unsettled()
        for attempt in unsettled:
            if attempt.transaction in completed:
                self._tower.attempt_written(attempt)

    async def tend_for_ever(self) -> None:
        """Look after everything else, every few seconds."""
        # Whose key signed what is told from the first ledger on.
        await self._try(self.look_at_keys)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rhythm.rounds):
                await self._tower.reconciled.wait()
        while True:
            await self.tend()
            await asyncio.sleep(self._rhythm.rounds)

    async def tend(self) -> None:
        """Make one round; what fails is logged and left to the next."""
        for look in (
            self._tower.save,
            self._settle_pending,
            self.look_at_keys,
            *self._looks,
            self._foresight.look_ahead,
            self._restraint.look,
            self.coverage.look,
            *(() if self.chronicle is None else (self.chronicle.look,)),
            self.tell_status,
        ):
            await self._try(look)
        watch = self._tower.watch
        newest = None if watch.newest is None else watch.newest.ledger_index
        self._desk.progress(watch.accounted_to, newest)
        self._desk.look()

    async def _try(self, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except (LedgerError, StoreBusyError, StoreFullError) as failure:
            _log.warning("round_failed", round=look.__name__, why=str(failure))

    async def look_at_keys(self) -> None:
        """Have everybody concerned know which keys are held, whenever one came or went."""
        if self._locksmith is not None:
            await self._locksmith.look()
        elif self._has_new_keys:
            async with self._store.read() as work:
                self._keys_in_store = await work.secrets.public_keys()
            self._tell_keys()
            self._has_new_keys = False

    async def look_at_keys_in_doubt(self) -> None:
        """Look at the keys again, without waiting for a round, where none seems to sign any more.

        Who cannot be asked for them has none that signs.
        """
        steward = self._tower.steward
        while True:
            await steward.doubted.wait()
            doubts = steward.take_doubts()
            self._has_new_keys = True
            await self._try(self.look_at_keys)
            steward.conclude(doubts)

    def hold_elsewhere(self, keys: Mapping[Address, str | None]) -> None:
        """Take note of the public keys that sign for us outside the store, None if not known yet.

        For their accounts a key in the store counts no more.
        """
        self._keys_elsewhere = dict(keys)
        if not self._has_new_keys:  # else they are told with what the store has
            self._tell_keys()

    def _tell_keys(self) -> None:
        elsewhere = {
            account: () if key is None else (key,) for account, key in self._keys_elsewhere.items()
        }
        for hold in (self._tower.steward.hold, *self._key_holders):
            hold({**self._keys_in_store, **elsewhere})

    async def tell_status(self) -> None:
        """Write how things stand, if anything of it changed, for ``watchtower status``."""
        states = self._servers.states()
        self._look_at_servers(states)
        told, now = self.status(states), self._clock()
        if told == self._told and now - self._told_at < self._rhythm.status:
            return
        async with self._store.write() as work:
            await work.notes.put(STATUS_NOTE, {**told, "written": int(now)})
        self._told, self._told_at = told, now

    def _look_at_servers(self, states: Sequence[ServerState]) -> None:
        """Tell that no server is heard, once that has gone on for a while."""
        now = asyncio.get_running_loop().time()
        if any(state.is_heard for state in states):
            self._blind_since = None
            self._desk.end("no_server", of_network.SERVERS)
            return
        if self._blind_since is None:
            self._blind_since = now
        if now - self._blind_since >= self._rhythm.blind:
            whys = {s.server: _SILENT if s.connected else s.why for s in states}
            self._desk.stand(of_network.no_server(whys))

    async def tell_stopped(self) -> None:
        """Write that nobody guards any more, so that ``watchtower status`` knows at once.

        A store that cannot be written is no reason not to stop; the status then grows old.
        """
        told = {**self.status(self._servers.states()), "stopped": True}
        try:
            async with self._store.write() as work:
                seen = {} if self.chronicle is None else self.chronicle.notes()
                status = {**told, "written": int(self._clock())}
                await work.notes.put_all({**seen, STATUS_NOTE: status})
        except (StoreBusyError, StoreFullError) as failure:
            _log.warning("stop_not_told", why=str(failure))

    def status(self, states: Sequence[ServerState]) -> Mapping[str, Any]:
        """Return how things stand, in JSON values."""
        return {
            **bulletin(
                self._tower.watch,
                self._foresight,
                states,
                self._beginnings.of(self._desk.standing(), self._clock()),
            ),
            "shadow": self._shadow,
            "exposure": self._restraint.report(),
            "accounts_without_signer": self.coverage.accounts_without_signer(),
            "routes": [] if self._routes is None else self._routes.report(),
        }

    @property
    def told(self) -> Mapping[str, Any]:
        """How things stood when that was written down last; empty before."""
        return self._told

    async def _settle_pending(self) -> None:
        if not self._has_pending:
            return
        # What comes meanwhile says so again, and must not be overwritten by what was read before.
        self._has_pending = False
        try:
            await self._pending.settle()
            async with self._store.read() as work:
                are_left = await work.claims.count_pending() > 0
            # In one step: `|=` around a wait would put back what stood there before it.
            self._has_pending |= are_left
        except BaseException:
            self._has_pending = True
            raise
