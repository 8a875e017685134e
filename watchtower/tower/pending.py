"""Claims that wait for their channel: decided as soon as a server can tell of it.

What it guarantees: a claim for a channel that the server asked is merely behind with is not
refused, and what is odd about one channel holds up the claims for no other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.judgement.claim import Claim
from watchtower.ledger.events import ChannelChanged, ChannelMissing
from watchtower.store.database import Store
from watchtower.tower.tower import Tower
from watchtower.units import ChannelId, LedgerIndex

__all__ = ["ChannelSource", "PendingClaims"]

_log = structlog.get_logger(__name__)

_MAY_YET_APPEAR: Final = 256
"""Ledgers, some seventeen minutes, for which claims wait for a channel that is missing."""


_AT_ONCE: Final = 20
"""Claims that are decided in one round at most: each may be a question to two servers."""


def _name(claim: Claim) -> tuple[str, str]:
    return claim.channel, claim.public_key


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
        self._last = ("", "")

    async def settle(self) -> None:
        """Decide about claims that wait for their channel, as far as a server can tell of it.

        Raises:
            LedgerError: no server answers; they go on waiting.
        """
        newest = self._tower.watch.newest
        if newest is None:
            return
        async with self._store.read() as work:
            pending = await work.claims.load_pending()
        for claim in self._some_of(pending):
            try:
                fact = await self._fact_of(claim.channel, newest.ledger_index)
            except (RequestRefusedError, AnswerError) as odd:
                # What is odd about one channel must not hold up the claims for all others.
                _log.warning("pending_claim_waits", channel=claim.channel, why=str(odd))
                continue
            if fact is None:
                continue
            sight = Sight(fact=fact, ledger_time=newest.close_time, rules=self._tower.watch.rules)
            receipt = await self._intake.settle_pending(claim, sight)
            _log.info("pending_claim_settled", **receipt.report())
            if receipt.is_stored:
                await self._tower.claim_kept(claim.channel)

    def _some_of(self, pending: Sequence[Claim]) -> Sequence[Claim]:
        """Return the next of those that wait: thousands hold up nothing else."""
        waiting = sorted(pending, key=_name)
        first = bisect_right(waiting, self._last, key=_name)
        some = [*waiting[first:], *waiting[:first]][:_AT_ONCE]
        self._last = _name(some[-1]) if some else ("", "")
        return some

    async def _fact_of(
        self, channel_id: ChannelId, now: LedgerIndex
    ) -> ChannelChanged | ChannelMissing | None:
        """Return what is known of a channel that claims wait for; None while it may yet appear.

        The server that answers may be behind the one that the payer sees, so a channel that is
        missing is looked for once more, many ledgers later, before its claims are refused.
        """
        if (known := self._tower.watch.channels.get(channel_id)) is not None:
            self._missing_in.pop(channel_id, None)
            return ChannelChanged(entry=known.entry, at=known.as_of)
        missing_in = self._missing_in.get(channel_id)
        if missing_in is not None and now - missing_in < _MAY_YET_APPEAR:
            return None
        fact = await self._servers.read_channel(channel_id, vouched=True)
        if isinstance(fact, ChannelMissing) and missing_in is None:
            self._missing_in[channel_id] = now
            return None
        self._missing_in.pop(channel_id, None)
        return fact
