"""How claims come in: looked at, decided, on disk, and only then acknowledged.

What it guarantees: a claim whose receipt says *kept* or *pending* survives a power cut, for the
receipt is made after the transaction that stored it. A claim that is refused leaves the store as
it was. Everything that is decided about one claim is decided in one write transaction, so two
processes that take claims at once cannot lower the best one.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from watchtower.claims.decide import (
    Decision,
    DoesNotApply,
    DoNotServe,
    Kept,
    NotKept,
    Pending,
    as_error,
    decide,
    describe_why_not_serve,
)
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.ledger.events import ChannelChanged, ChannelMissing
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["Intake", "Receipt", "Sight"]


class _Channels(Protocol):
    async def get(self, channel: ChannelId) -> Channel | None: ...
    async def put(self, channel: Channel) -> None: ...


class _Claims(Protocol):
    async def best(self, channel: ChannelId) -> Claim | None: ...
    async def raise_best(self, claim: Claim) -> bool: ...
    async def load_pending(self) -> list[Claim]: ...
    async def put_pending(self, claim: Claim) -> bool: ...
    async def drop_pending(self, claim: Claim) -> bool: ...


class _Journal(Protocol):
    async def append(
        self,
        kind: str,
        *,
        channel: ChannelId | None = None,
        ledger_index: LedgerIndex | None = None,
        facts: dict[str, Any] | None = None,
    ) -> int: ...


class Work(Protocol):
    """What intake needs of one transaction of the store."""

    @property
    def channels(self) -> _Channels:
        """The channels we know."""
        ...

    @property
    def claims(self) -> _Claims:
        """The best claims, and those that wait for their channel."""
        ...

    @property
    def journal(self) -> _Journal:
        """What happened."""
        ...


class Store(Protocol):
    """Where claims are kept."""

    def write(self) -> AbstractAsyncContextManager[Work]:
        """Begin one durable transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a server said of a claim's channel just now.

    ``fact`` is None when no server answered; ``ledger_time`` is the newest close time known, and
    ``rules`` are the network's, as far as they are.
    """

    fact: ChannelChanged | ChannelMissing | None
    ledger_time: RippleTime
    payee_exists: bool = True
    rules: ChannelRules = STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The two answers about one claim, given when they are on disk."""

    claim: Claim
    decision: Decision
    best: Drops

    @property
    def is_stored(self) -> bool:
        """Whether the claim is on disk now."""
        return not isinstance(self.decision.kept, NotKept)

    def report(self) -> dict[str, Any]:
        """Return the receipt ready for JSON."""
        kept, serve = self.decision.kept, self.decision.serve
        reasons = serve.reasons if isinstance(serve, DoNotServe) else ()
        role = self.decision.role
        report: dict[str, Any] = {
            "channel": self.claim.channel,
            "role": None if role is None else role.value,
            "amount": self.claim.amount,
            "kept": isinstance(kept, Kept),
            "pending": isinstance(kept, Pending),
            "serve": None if isinstance(serve, DoesNotApply) else not reasons,
            "why_not_serve": [describe_why_not_serve(reason) for reason in reasons],
            "best": self.best,
        }
        if isinstance(kept, NotKept):
            error = as_error(kept.why)
            report |= {
                "error": type(error).__name__,
                "sentence": str(error),
                "exit_code": error.exit_code,
            }
        elif kept.rescued:
            report["rescued"] = True
        return report


class Intake:
    """Takes claims into ``store``: those given to ``guarded`` accounts, and those of ``payers``."""

    def __init__(
        self,
        store: Store,
        *,
        guarded: Collection[Address],
        policy: Policy,
        payers: Collection[Address] = (),
    ) -> None:
        """Take nothing yet."""
        self._store = store
        self._guarded = frozenset(guarded)
        self._payers = frozenset(payers)
        self._policy = policy

    async def take(self, claim: Claim, sight: Sight) -> Receipt:
        """Decide about one claim and store it; the receipt is given after fsync.

        Raises:
            StoreError: the store cannot be written; nothing was kept.
        """
        async with self._store.write() as work:
            channel = await self._channel(work, claim.channel, sight)
            best = await work.claims.best(claim.channel)
            if channel is None and best is None:
                best = await _best_pending(work, claim)
            decision = self._decide(claim, channel, best, sight)
            await _keep(work, decision)
        return Receipt(claim=claim, decision=decision, best=_best_after(decision, best))

    async def settle_pending(self, claim: Claim, sight: Sight) -> Receipt:
        """Decide about a claim that waited for its channel, now that a server has answered."""
        async with self._store.write() as work:
            channel = await self._channel(work, claim.channel, sight)
            best = await work.claims.best(claim.channel)
            decision = self._decide(claim, channel, best, sight)
            if not isinstance(decision.kept, Pending):
                await work.claims.drop_pending(claim)
                await _keep(work, decision)
                if isinstance(decision.kept, NotKept):
                    await _note_refusal(work, claim, decision.kept)
        return Receipt(claim=claim, decision=decision, best=_best_after(decision, best))

    async def _channel(self, work: Work, channel_id: ChannelId, sight: Sight) -> Channel | None:
        """Return the newest state known, remembering a channel of ours that was not known yet."""
        stored = await work.channels.get(channel_id)
        if sight.fact is None:
            return stored
        channel, _ = observe(stored, sight.fact)
        if stored is None and channel is not None and self._is_ours(channel):
            await work.channels.put(channel)
            place = channel.as_of.ledger_index
            await work.journal.append("channel_opened", channel=channel_id, ledger_index=place)
        return channel

    def _is_ours(self, channel: Channel) -> bool:
        entry = channel.entry
        return entry.destination in self._guarded or entry.source in self._payers

    def _decide(
        self, claim: Claim, channel: Channel | None, best: Claim | None, sight: Sight
    ) -> Decision:
        return decide(
            claim,
            channel,
            best,
            guarded=self._guarded,
            payers=self._payers,
            policy=self._policy,
            ledger_time=sight.ledger_time,
            payee_exists=sight.payee_exists,
            looked_up=sight.fact is not None,
            rules=sight.rules,
        )


async def _best_pending(work: Work, claim: Claim) -> Claim | None:
    for pending in await work.claims.load_pending():
        if (pending.channel, pending.public_key) == (claim.channel, claim.public_key):
            return pending
    return None


async def _keep(work: Work, decision: Decision) -> None:
    kept = decision.kept
    if isinstance(kept, Kept):
        await work.claims.raise_best(kept.claim)
        kind = "claim_kept"
    elif isinstance(kept, Pending):
        await work.claims.put_pending(kept.claim)
        kind = "claim_pending"
    else:
        return
    facts = {"amount": kept.claim.amount, "rescued": kept.rescued}
    await work.journal.append(kind, channel=kept.claim.channel, facts=facts)


async def _note_refusal(work: Work, claim: Claim, refused: NotKept) -> None:
    facts = {"amount": claim.amount, "why": str(as_error(refused.why))}
    await work.journal.append("claim_refused", channel=claim.channel, facts=facts)


def _best_after(decision: Decision, best: Claim | None) -> Drops:
    if isinstance(decision.kept, NotKept):
        return Drops(0) if best is None else best.amount
    return decision.kept.claim.amount
