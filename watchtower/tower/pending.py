"""Claims that wait for their channel: decided as soon as a server can tell of it.

What it guarantees: a claim for a channel that the server asked is merely behind with is not
refused, and what is odd about one channel holds up the claims for no other. However many claims
wait for channels that nobody knows, those for channels that are known by now are all decided in the
next round; servers are asked for the rest a few at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.judgement.claim import Claim
from watchtower.ledger.events import ChannelChanged, ChannelMissing
from watchtower.store.database import Store
from watchtower.tower.tower import Tower
from watchtower.units import ChannelId, LedgerIndex, RippleTime

__all__ = ["ChannelSource", "PendingClaims"]

_log = structlog.get_logger(__name__)

_MAY_YET_APPEAR: Final = 256
"""Ledgers, some seventeen minutes, for which claims wait for a channel that is missing."""


_AT_ONCE: Final = 20
"""Channels that are asked for in one round at most: each is a question to two servers."""

_TOGETHER: Final = 200
"""Claims that are decided together: their signatures are verified while nothing else is done."""


class ChannelSource(Protocol):
    """Who can tell of a channel that we do not know."""

    async def read_channel(
        self, channel: ChannelId, *, vouched: bool = False
    ) -> ChannelChanged | ChannelMissing:
        """Return one channel's validated state, or raise a LedgerError."""
        ...


class PendingClaims:
    """The claims that wait, of one tower."""

    def __init__(
        self, tower: Tower, *, store: Store, servers: ChannelSource, intake: Intake
    ) -> None:
        """Decide by what ``tower`` watches, or else by what ``servers`` tell."""
        self._tower = tower
        self._store = store
        self._servers = servers
        self._intake = intake
        self._missing_in: dict[ChannelId, LedgerIndex] = {}
        self._last = ChannelId("")

    async def settle(self) -> None:
        """Decide about claims that wait for their channel, as far as a server can tell of it.

        First about all whose channel is watched by now, for which nobody has to be asked: whoever
        makes up channels by the thousand holds up no claim for one that is there.

        Raises:
            LedgerError: no server answers; they go on waiting.
        """
        if self._tower.watch.newest is None:
            return
        async with self._store.read() as work:
            pending = await work.claims.load_pending()
        waiting: dict[ChannelId, list[Claim]] = {}
        for claim in pending:
            waiting.setdefault(claim.channel, []).append(claim)
        await self._settle_watched(waiting)
        strange = {name for name in waiting if name not in self._tower.watch.channels}
        # Of a channel that nobody asks for any more nothing need be remembered.
        self._missing_in = {name: at for name, at in self._missing_in.items() if name in strange}
        await self._settle_strange({name: waiting[name] for name in strange})

    async def _settle_watched(self, waiting: Mapping[ChannelId, Sequence[Claim]]) -> None:
        watched = self._tower.watch.channels
        facts = {
            name: ChannelChanged(entry=known.entry, at=known.as_of)
            for name in waiting
            if (known := watched.get(name)) is not None
        }
        await self._settle([claim for name in facts for claim in waiting[name]], facts)

    async def _settle_strange(self, waiting: Mapping[ChannelId, Sequence[Claim]]) -> None:
        for name in self._some_of(waiting):
            try:
                fact = await self._ask_for(name)
            except (RequestRefusedError, AnswerError) as odd:
                # What is odd about one channel must not hold up the claims for all others.
                _log.warning("pending_claim_waits", channel=name, why=str(odd))
                continue
            if fact is not None:
                await self._settle(waiting[name], {name: fact})

    async def _settle(
        self, claims: Sequence[Claim], facts: Mapping[ChannelId, ChannelChanged | ChannelMissing]
    ) -> None:
        """Decide about claims by what is known of their channels, and take up what is kept."""
        watch = self._tower.watch
        newest = watch.newest
        time = RippleTime(0) if newest is None else newest.close_time
        sights = {
            name: Sight(fact=fact, ledger_time=time, rules=watch.rules)
            for name, fact in facts.items()
        }
        for first in range(0, len(claims), _TOGETHER):
            some = claims[first : first + _TOGETHER]
            taken = await self._intake.settle_pending(some, lambda one: sights[one.channel])
            self._tower.take_up(taken.opened, taken.raised)
            for answer in taken.answers:
                log = _log.info if answer.is_stored else _log.debug
                log("pending_claim_settled", **answer.report())

    def _some_of(self, waiting: Iterable[ChannelId]) -> Sequence[ChannelId]:
        """Return the next of those channels: thousands hold up nothing else."""
        names = sorted(waiting)
        first = bisect_right(names, self._last)
        some = [*names[first:], *names[:first]][:_AT_ONCE]
        self._last = some[-1] if some else ChannelId("")
        return some

    async def _ask_for(self, channel_id: ChannelId) -> ChannelChanged | ChannelMissing | None:
        """Return what servers tell of a channel that claims wait for; None while it may yet appear.

        The server that answers may be behind the one that the payer sees, so a channel that is
        missing is looked for once more, many ledgers later, before its claims are refused.
        """
        newest = self._tower.watch.newest
        missing_in = self._missing_in.get(channel_id)
        if newest is None:
            return None
        if missing_in is not None and newest.ledger_index - missing_in < _MAY_YET_APPEAR:
            return None
        fact = await self._servers.read_channel(channel_id, vouched=True)
        if isinstance(fact, ChannelMissing) and missing_in is None:
            self._missing_in[channel_id] = newest.ledger_index
            return None
        self._missing_in.pop(channel_id, None)
        return fact
