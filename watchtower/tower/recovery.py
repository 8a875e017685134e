"""A restored store, until it has been compared with what every server says.

A backup is of the past: what was paid, closed or opened since is not in it. What recovery forbids
and what it does not:

- Nothing is sent before every channel was read anew, as after any outage by two servers. But for
  one reason: a channel on which a claim of ours is unpaid comes near its end. To redeem it cannot
  be wrong (the claim is signed, and the most that can be lost is a fee); to wait can be.
- Nothing is called safe to serve before that either (``lookout.py``), emergency or not.
- After it the tower works as ever, and the store stays in recovery until each configured server
  has shown, by itself, every channel as it is known here. One that is out of reach, behind, or
  says something else keeps it there, by name (``watchtower status``, the alarm ``in_recovery``).
  So nothing that one server could have told is missed because another one was faster.

A restart begins the comparison anew: what a server said before is no word about today. So does
whatever puts the store into recovery while the tower runs, as a head does that speaks against it;
what the tower has followed by itself since its start is acted on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from watchtower.alerts import of_recovery
from watchtower.alerts.desk import Desk
from watchtower.errors import LedgerError, StoreBusyError, StoreError, StoreFullError
from watchtower.guard.watch import Watch
from watchtower.judgement.judge import judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.verdict import Threatened
from watchtower.ledger.events import ChannelChanged, ChannelEntry
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.units import Address, ChannelId

__all__ = ["Recovery", "presses", "until_one_may_act"]

_log = structlog.get_logger(__name__)

_URGENT: Final = 900
"""Seconds of ledger time before a deadline from which it is not waited for who else could tell."""

_LOOK: Final = 1.0

_SLOWEST: Final = 12
"""How many times as long as at first the pause between two looks becomes."""

_NOT_ASKED: Final = "it has not been asked yet"

Listed = Callable[[str, Address], Awaitable[Sequence[ChannelChanged]]]
"""Returns the channels of an account as one server tells them, or raises a LedgerError."""


class Again(Protocol):
    """Who reads everything anew."""

    def reconcile(self) -> None:
        """Do it now."""
        ...


def presses(watch: Watch, policy: Policy) -> bool:
    """Return whether a channel comes so near its end that redeeming it has to begin."""
    newest = watch.newest
    if newest is None:
        return False
    for channel_id, channel in watch.channels.items():
        entry, best = channel.entry, watch.best.get(channel_id)
        if best is None or not watch.incoming.has(channel_id):
            continue
        if entry.expiration is None and entry.cancel_after is None:
            continue
        found = judge(
            channel, best, ledger_time=newest.pressing_time, policy=policy, rules=watch.rules
        )
        if isinstance(found.verdict, Threatened) and (found.slack or 0) < _URGENT:
            return True
    return False


async def until_one_may_act(
    reconciled: asyncio.Event, is_pressing: Callable[[], bool], *, every: float = _LOOK
) -> None:
    """Wait until everything was read anew, or something does not bear to wait for that."""
    while not reconciled.is_set():
        if is_pressing():
            _log.warning("recovery_interrupted")
            return
        try:
            async with asyncio.timeout(every):
                await reconciled.wait()
        except TimeoutError:
            pass


class Recovery:
    """Compares, until every server has agreed; then the store is as good as any other."""

    def __init__(
        self,
        watch: Watch,
        *,
        servers: Sequence[str],
        accounts: Collection[Address],
        listed: Listed,
        again: Again,
        store: Store,
        desk: Desk,
        every: float,
    ) -> None:
        """Begin with nobody asked; ``every`` is how many seconds lie between two looks."""
        self._watch = watch
        self._accounts = accounts
        self._listed = listed
        self._again = again
        self._store = store
        self._desk = desk
        self._every = every
        self._servers = tuple(servers)
        self._has_news = False
        self._begin({})

    def _begin(self, why: Mapping[str, Any]) -> None:
        """Ask everybody anew; ``why`` is what the store says of it, and what ends with it."""
        self._why = why
        self._missing = dict.fromkeys(self._servers, _NOT_ASKED)
        self._agreed: dict[str, set[ChannelId]] = {server: set() for server in self._servers}
        self._told: Mapping[str, str] | None = None

    async def run_for_ever(self, reconciled: asyncio.Event, *, is_due: bool) -> None:
        """Compare whenever the store says that it is in recovery, and now if it ``is_due``."""
        while True:
            if is_due or await self._note() is not None:
                await self.run(reconciled)
                is_due = False
            await asyncio.sleep(self._every)

    async def run(self, reconciled: asyncio.Event) -> None:
        """Return when the store is in recovery no more; the first look waits for ``reconciled``."""
        self._begin(_without_missing(await self._note()))
        await self._tell()
        await reconciled.wait()
        pause = self._every
        while True:
            await self.look()
            if await self._tell() and not self._missing:
                _log.info("recovery_ended")
                return
            await asyncio.sleep(pause)
            # A list of everything is much to ask for; who is away is not known by asking often.
            pause = min(2 * pause, _SLOWEST * self._every)

    async def look(self) -> None:
        """Ask each server that has not agreed yet."""
        asked = list(self._missing)
        whys = await asyncio.gather(*(self._why_not(server) for server in asked))
        for server, why in zip(asked, whys, strict=True):
            if why:
                self._missing[server] = why
            else:
                del self._missing[server], self._agreed[server]
        if self._has_news:
            # All are asked then, and it is believed as ever, or not.
            self._has_news = False
            self._again.reconcile()

    async def _why_not(self, server: str) -> str:
        """Return why a server has not agreed; nothing if it has."""
        told: dict[ChannelId, ChannelChanged] = {}
        try:
            for account in self._accounts:
                for fact in await self._listed(server, account):
                    if self._is_guarded(fact.entry):
                        told[fact.entry.channel] = fact
        except LedgerError as failure:
            return str(failure)
        # One channel at a time: where something changes in every ledger no list is ever as all is.
        agreed = self._agreed[server]
        agreed |= {channel_id for channel_id, fact in told.items() if self._is_alike(fact)}
        unlike = (told.keys() | set(self._watch.open_channels())) - agreed
        if not unlike:
            return ""
        self._has_news = True
        return f"it tells something else than is known here of {len(unlike)} channels"

    def _is_guarded(self, entry: ChannelEntry) -> bool:
        return self._watch.incoming.concerns(entry) or self._watch.outgoing.concerns(entry)

    def _is_alike(self, fact: ChannelChanged) -> bool:
        known = self._watch.channels.get(fact.entry.channel)
        return known is not None and known.closed_at is None and known.entry == fact.entry

    async def _tell(self) -> bool:
        """Write down how it stands, if that changed; say whether it is written."""
        alarm = of_recovery.in_recovery(str(self._store.path), missing=self._missing)
        if self._missing:
            self._desk.stand(alarm)
        if self._told == self._missing:
            return True
        try:
            async with self._store.write() as work:
                why = _without_missing(await work.notes.get(RECOVERY))
                if self._missing:
                    await work.notes.put(RECOVERY, {**why, "missing": self._missing})
                elif why == self._why:
                    await work.notes.drop(RECOVERY)
        except (StoreBusyError, StoreFullError) as failure:
            _log.warning("recovery_not_told", why=str(failure))
            return False
        if not self._missing and why != self._why:
            # Put into recovery again since: what servers said before is no word about that.
            self._begin(why)
            return False
        self._told = dict(self._missing)
        if not self._missing:
            self._desk.end(alarm.name, alarm.subject)
        return True

    async def _note(self) -> Mapping[str, Any] | None:
        """Return what the store says of its recovery; None if nothing, or nobody can tell."""
        try:
            async with self._store.read() as work:
                note: Mapping[str, Any] | None = await work.notes.get(RECOVERY)
        except StoreError as failure:
            _log.warning("recovery_not_read", why=str(failure))
            return None
        return note


def _without_missing(note: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return why a store is in recovery, without who has to be asked yet."""
    return {name: value for name, value in (note or {}).items() if name != "missing"}
