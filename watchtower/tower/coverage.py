"""What was signed ahead of need, against what is promised: told where the one lacks behind.

It decides nothing. A tower without a key protects no more than what its payee signed ahead: the
payee shall know how much is at stake beyond that, and that a bundle died with its key.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from watchtower.alerts import of_bundles
from watchtower.alerts.desk import Desk
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.stake import unpaid
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Address, Drops

__all__ = ["Coverage"]

_EVERY: Final = 30.0
"""Seconds between two looks at everything; what claims add meanwhile is told with the next."""

_PAGE: Final = 1_000
"""Channels that are looked at between two looks at the event loop: what presses does not wait."""


class Coverage:
    """Looks after what was signed ahead for one watch."""

    def __init__(
        self,
        watch: Watch,
        desk: Desk,
        can_sign: Callable[[Address], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tell ``desk``; ``can_sign`` says whether anything signs for an account here.

        ``clock`` is monotonic seconds.
        """
        self._watch = watch
        self._desk = desk
        self._can_sign = can_sign
        self._clock = clock
        self._due = 0.0
        self._seen: object = None
        self._behind: set[Address] = set()
        self._dead: set[Address] = set()

    def covered(self, entry: ChannelEntry) -> Drops | None:
        """Return the balance to which a channel can be redeemed, where no hand can sign for it.

        None where one can, or the channel is no payee's of ours; the present balance where nothing
        was signed ahead.
        """
        account = entry.destination
        if account not in self._watch.payees or self._can_sign(account):
            return None
        targets = (each.target for each in self._watch.presigned(entry.channel))
        return max(targets, default=entry.balance)

    def accounts_without_signer(self) -> list[Address]:
        """Return the payees for which nothing can sign, so that only bundles redeem for them."""
        return sorted(one for one in self._watch.payees if not self._can_sign(one))

    async def look(self) -> None:
        """Have alarms stand where something is not covered, and end where all is."""
        seen = self._signers()
        if seen == self._seen and self._clock() < self._due:
            return
        self._seen, self._due = seen, self._clock() + _EVERY
        self._look_at_keys()
        await self._look_at_claims()

    def _signers(self) -> object:
        """Return all by which what was signed ahead can die or be needed at once: few values."""
        watch = self._watch
        return watch.signed_ahead.version, [
            (
                account,
                self._can_sign(account),
                None
                if (estate := watch.estates.get(account)) is None or estate.entry is None
                else (estate.entry.regular_key, estate.entry.flags),
            )
            for account in sorted(watch.signed_ahead.accounts)
        ]

    def _look_at_keys(self) -> None:
        """Tell of what was signed with a key that signs no more."""
        ahead = self._watch.signed_ahead
        dead: defaultdict[Address, set[str]] = defaultdict(set)
        whys: dict[Address, str] = {}
        for account in ahead.accounts:
            for channel in ahead.channels_of(account):
                for each in ahead.of(channel):
                    fault = ahead.fault(each)
                    if fault is not None:
                        dead[account].add(channel)
                        whys[account] = f"signed with {each.signing_key}: {fault.sentence}"
        for account in self._dead - dead.keys():
            self._desk.end("bundle_dead", account)
        for account, channels in dead.items():
            alarm = of_bundles.bundle_dead(account, channels=len(channels), why=whys[account])
            self._desk.stand(alarm)
        self._dead = set(dead)

    async def _look_at_claims(self) -> None:
        """Tell how much is at stake beyond what was signed ahead, where nobody else can sign."""
        keyless = {a for a in self._watch.signed_ahead.accounts if not self._can_sign(a)}
        beyond: defaultdict[Address, list[Drops]] = defaultdict(list)
        channels = tuple(self._watch.channels.values()) if keyless else ()
        for number, channel in enumerate(channels, start=1):
            if number % _PAGE == 0:
                await asyncio.sleep(0)
            if channel.entry.destination in keyless and (more := self._beyond(channel)):
                beyond[channel.entry.destination].append(more)
        for account in self._behind - beyond.keys():
            self._desk.end("bundle_behind", account)
        for account, drops in beyond.items():
            alarm = of_bundles.bundle_behind(
                account, channels=len(drops), unprotected=Drops(sum(drops))
            )
            self._desk.stand(alarm)
        self._behind = set(beyond)

    def _beyond(self, channel: Channel) -> Drops:
        """Return what is at stake on a channel beyond what was signed ahead."""
        entry = channel.entry
        if channel.closed_at is not None:
            return Drops(0)
        owed = unpaid(entry, self._watch.best.amount(entry.channel))
        targets = (each.target for each in self._watch.presigned(entry.channel))
        covered = max(0, max(targets, default=entry.balance) - entry.balance)
        return Drops(max(0, owed - covered))
