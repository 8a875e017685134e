"""The tower at work: facts in, judgements, responses out, and what happened on disk.

Three loops share one `Watch`, in one event loop, so nothing needs a lock::

    listen    deliveries of the ledger ─► watch ─► changes ─► store (the cursor last)
    respond   watch ─► judgements ─► alarms, responses
    tend      claims that came into the store, payees, alarms that go on, status

A batch of deliveries is in the watch before it is on disk, and acted on at once: what is owed
leaves first, and who responds writes the batch down behind it. The cursor moves only with the
transaction that holds everything before it. What fails is tried again from state: no loop ends
because a server, the disk or a signer did something unexpected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, Protocol

import structlog

from watchtower.alerts import catalogue
from watchtower.alerts.desk import Desk
from watchtower.errors import LedgerError, StoreBusyError, StoreFullError, WatchtowerError
from watchtower.guard.learned import channel_of
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.judge import Judgement
from watchtower.judgement.outgoing import OutgoingJudgement
from watchtower.judgement.policy import PayerPolicy, Policy
from watchtower.judgement.verdict import Closed
from watchtower.ledger.events import (
    AccountFact,
    ChannelFact,
    ClaimPresented,
    Fact,
    LedgerAccounted,
    LedgerClosed,
)
from watchtower.ledger.health import HealthEvent, HistoryMissing, HistoryRecovered, StateReconciled
from watchtower.ledger.sequence import Delivery
from watchtower.response.attempt import Attempt, Purpose
from watchtower.response.bundle import Presigned
from watchtower.response.respond import Responder, Response
from watchtower.response.restock import Restocker
from watchtower.store.database import Store
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.tower.steward import Steward
from watchtower.units import ChannelId

__all__ = ["Tower"]

_log = structlog.get_logger(__name__)

_BATCH: Final = 1_000
"""Deliveries that are taken, and written down, together at most."""

_RETRY: Final = 1.0
"""Seconds until a pass that failed is tried again even if no ledger comes."""


class Pulse(Protocol):
    """Who wants to know that ledgers advance."""

    def beat(self) -> None:
        """Note that a ledger was accounted for."""
        ...


class Tower:
    """Guards what ``watch`` holds, until it is cancelled.

    ``heard`` is set once any ledger was heard of, and ``heard_at`` is when that was last, by the
    loop's clock; ``reconciled`` is set once every open channel was read anew; ``steward`` looks
    after the accounts; ``unanswered`` is why the last pass could not sign, or seat, something that
    is owed; ``passing_since`` is when the pass that is under way was begun, None between two,
    when ``rests`` is set.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        store: Store,
        changes: Changes,
        responder: Responder,
        restocker: Restocker | None,
        desk: Desk,
        herald: Herald,
        steward: Steward,
        pulses: Sequence[Pulse] = (),
    ) -> None:
        """Bring the parts together; nothing happens before a loop runs."""
        self.watch = watch
        self.heard = asyncio.Event()
        self.heard_at: float | None = None
        self.reconciled = asyncio.Event()
        self.unanswered: WatchtowerError | None = None
        self.passing_since: float | None = None
        self.rests = asyncio.Event()
        self.rests.set()
        self._store = store
        self._changes = changes
        self._responder = responder
        self._restocker = restocker
        self._desk = desk
        self._herald = herald
        self.steward = steward
        self._pulses = tuple(pulses)
        self._wake = asyncio.Event()
        self._is_responding = False
        self._progress = asyncio.Event()
        self._writing = asyncio.Lock()
        self._beyond_us: set[ChannelId] = set()
        self._lacks_history = False
        responder.tell_late(self._wake.set)

    async def listen(self, deliveries: AsyncIterator[Delivery]) -> None:
        """Take what the ledger tells, in batches, as it comes."""
        queue: asyncio.Queue[Delivery] = asyncio.Queue(_BATCH)

        async def pump() -> None:
            async for delivery in deliveries:
                await queue.put(delivery)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pump(), name="pump deliveries")
            while True:
                batch = [await queue.get()]
                while not queue.empty():
                    batch.append(queue.get_nowait())
                await self.take(batch)

    async def take(self, batch: Sequence[Delivery]) -> None:
        """Take a batch of deliveries: into the watch, and onto the disk in its turn."""
        recalled = await self._insist_on_recalling(batch)
        reconciled = False
        for delivery in batch:
            match delivery:
                case LedgerClosed():
                    self.watch.ledger_closed(delivery)
                    self.heard_at = asyncio.get_running_loop().time()
                    self.heard.set()
                    self._go_without_history()
                case LedgerAccounted():
                    self._take_accounted(delivery)
                case StateReconciled():
                    reconciled = True
                    self._herald.knows(delivery.ledger_index)
                case _ if isinstance(delivery, Fact):
                    self._take_fact(delivery)
                case _:
                    self._note_history(delivery)
                    self._herald.health(delivery)
        for channel_id in recalled:
            self.watch.forget(channel_id)
        self._wake.set()
        await self.steward.tell_foreign()
        # The pass that was woken writes it, behind what is owed, which waits for the same disk.
        # What was recalled is let go, and is found there by the next batch.
        if recalled or reconciled or not (self._is_responding and self._wake.is_set()):
            await self.save()
        self._progress.set()
        if reconciled:
            self.reconciled.set()

    def hold_to(self, policy: Policy, payer_policy: PayerPolicy) -> None:
        """Judge and respond anew at once: what an attempt may cost may be another, too."""
        self.watch.hold_to(policy, payer_policy)
        self._wake.set()

    async def respond_for_ever(self) -> None:
        """Respond whenever something changed, and again soon after a failure."""
        self._is_responding = True
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                self.passing_since = asyncio.get_running_loop().time()
                self.rests.clear()
                try:
                    await self.respond()
                    await self._restock()
                except (LedgerError, StoreFullError, StoreBusyError) as failure:
                    self._note_failure(failure)
                    await asyncio.sleep(_RETRY)
                    self._wake.set()
                self.passing_since = None
                self.rests.set()
        finally:
            await self._responder.close()
            if self._restocker is not None:
                await self._restocker.close()

    async def _restock(self) -> None:
        """Keep what responding will need, where that is wanted."""
        if self._restocker is not None:
            # Who is still being signed for may be given the seat that tickets would take.
            accounts = set(self.watch.payees) - set(self._responder.busy)
            self._herald.restocked(await self._restocker.restock(accounts))

    async def respond(self) -> Response:
        """Judge what changed, and do what is to be done now.

        Raises:
            LedgerError: no server told the terms; nothing new was sent.
            StoreError: nothing could be written down, so nothing new was sent.
        """
        newest = self.watch.newest
        judgements, outgoing = self.watch.judge(), self.watch.judge_outgoing()
        if newest is not None:
            for judgement in judgements:
                self._herald.judged(judgement, ledger_index=newest.ledger_index)
            self._herald.waited(newest)
            for of_payer in outgoing:
                self._herald.judged_outgoing(of_payer, ledger_index=newest.ledger_index)
        try:
            # What is owed leaves before what was learnt is written: a thousand channels that
            # close at once are a thousand records, and every ledger counts.
            response = await self._responder.respond()
        finally:
            await self.save()
            self._forget_closed(judgements, outgoing)
        self._herald.responded(response)
        self._herald.owed(duty.account for duty in self.watch.obligations())
        self._beyond_us = {
            *(step.obligation.channel for step in response.left),
            *(step.obligation.channel for step in response.would_redeem),
            *(obligation.channel for obligation, _ in response.unsigned),
            *(obligation.channel for obligation, _ in response.unseated),
        }
        whys = (why for _, why in (*response.unsigned, *response.unseated))
        self.unanswered = next(whys, None)
        self._progress.set()
        await self.save()
        return response

    async def save(self) -> None:
        """Write down what is to be written; a failure is told, and tried again later."""
        async with self._writing:
            self._changes.tallied(self.watch.outgoing.take_unwritten())
            if not self._changes.pressing:
                return
            batch = self._changes.take()
            try:
                async with self._store.write() as work:
                    await batch.write(work)
            except (StoreFullError, StoreBusyError) as failure:
                self._changes.put_back(batch)
                self._note_failure(failure)
                return
            except BaseException:
                self._changes.put_back(batch)
                raise
            self._changes.written(batch)
            self._desk.end("store_not_writing", str(self._store.path))

    def is_idle(self) -> bool:
        """Return whether all that can be answered was answered, and every outcome is proven."""
        owed = {obligation.channel for obligation in self.watch.obligations()}
        attempts = self.watch.attempts.values()
        under_way = any(attempt.purpose is not Purpose.MAKE_TICKETS for attempt in attempts)
        to_tell = self._changes.pressing or self._herald.is_in_doubt
        return not (under_way or owed - self._beyond_us or to_tell)

    async def progress(self) -> None:
        """Wait until anything was taken in, or responded to, since this was last asked."""
        await self._progress.wait()
        self._progress.clear()

    async def finish(self) -> None:
        """Write down the last of it, a cursor over idle ledgers too."""
        self._changes.close()
        await self.save()

    async def claim_kept(self, channel_id: ChannelId) -> None:
        """Take up the best claim of a channel from the store."""
        async with self._store.read() as work:
            claim = await work.claims.best(channel_id)
            channel = await work.channels.get(channel_id)
        if channel is not None and channel.closed_at is None:
            self.watch.adopt(channel)
        if claim is not None:
            self.watch.raise_best(claim)
            self._wake.set()

    def attempt_written(self, attempt: Attempt) -> None:
        """Take up an attempt that another process wrote into the store, to be sent."""
        self.watch.attempt_made(attempt)
        self._herald.completed(attempt)
        self._wake.set()

    def take_up(self, channels: Iterable[Channel], claims: Iterable[Claim]) -> None:
        """Take up what was just kept, in this process: channels that are new, and best claims."""
        for channel in channels:
            self.watch.adopt(channel)
        for claim in claims:
            self.watch.raise_best(claim)
        self._wake.set()

    def learn(self, facts: Iterable[AccountFact]) -> None:
        """Take what was asked for apart from the stream."""
        for fact in facts:
            self._take_fact(fact)
        self._wake.set()

    async def bundle_imported(self) -> None:
        """Take up what was signed ahead of need, from the store."""
        presigned: list[Presigned] = []
        async with self._store.read() as work:
            await work.bundles.visit_all(presigned.append)
        self.watch.signed_ahead.replace(presigned)
        self._wake.set()

    async def _insist_on_recalling(self, batch: Sequence[Delivery]) -> set[ChannelId]:
        """Recall, however long the store cannot be read: what came must not be lost, nor we end."""
        while True:
            try:
                return await self._recall(batch)
            except (StoreFullError, StoreBusyError) as failure:
                self._note_failure(failure)
                await asyncio.sleep(_RETRY)

    async def _recall(self, batch: Sequence[Delivery]) -> set[ChannelId]:
        """Bring back from the store what the watch let go: a closed channel stays closed.

        And take up what a payer has registered before its claims are compared with it: whoever
        registers a claim and hands it out must not be told that it is foreign.

        Returns:
            Those that were seen to close, to be let go again after the batch: all that there was
            to tell of them has been told.
        """
        outgoing = self.watch.outgoing
        unknown = {
            channel_of(fact)
            for fact in batch
            if isinstance(fact, ChannelFact | ClaimPresented)
            and (channel_of(fact) not in self.watch.channels or outgoing.is_claimed(fact))
        }
        if not unknown:
            return set()
        async with self._store.read() as work:
            channels = await work.channels.find(unknown)
            claims = await work.claims.find(unknown)
        for channel in channels.values():
            self.watch.adopt(channel)
        for claim in claims.values():
            self.watch.raise_best(claim)
        return {channel_id for channel_id, channel in channels.items() if channel.is_final}

    def _take_fact(self, fact: Fact) -> None:
        learned = self.watch.learn(fact)
        self._responder.applied(s.attempt.transaction for s in learned.settled if s.outcome.fee)
        self._changes.learned(learned)
        self._herald.learned(learned)
        self.steward.learned(learned)

    def _note_history(self, event: HealthEvent) -> None:
        if isinstance(event, HistoryMissing | HistoryRecovered):
            self._lacks_history = isinstance(event, HistoryMissing)

    def _go_without_history(self) -> None:
        """Let go of attempts whose end nobody can prove any more."""
        if self._lacks_history:
            settled = self.watch.without_history()
            self._herald.read(self.watch.known_to)
            self._changes.settled(*settled)
            self._herald.settled(settled)

    def _take_accounted(self, accounted: LedgerAccounted) -> None:
        settled = self.watch.accounted(accounted.ledger_index)
        self._changes.settled(*settled)
        self._changes.accounted(accounted.ledger_index)
        self._herald.read(accounted.ledger_index)
        self._herald.settled(settled)
        for pulse in self._pulses:
            pulse.beat()

    def _note_failure(self, failure: Exception) -> None:
        _log.warning("pass_failed", why=str(failure))
        if isinstance(failure, StoreFullError | StoreBusyError):
            path = str(self._store.path)
            self._desk.stand(catalogue.store_not_writing(path, why=str(failure)))

    def _forget_closed(
        self, judgements: Sequence[Judgement], outgoing: Sequence[OutgoingJudgement]
    ) -> None:
        """Let go of channels that were seen to close, once nothing is on its way for them."""
        busy = {attempt.channel for attempt in self.watch.attempts.values()}
        exact = (j for j in judgements if isinstance(j.verdict, Closed) and j.verdict.exact)
        closed = {j.channel for j in exact} | {j.channel for j in outgoing if j.is_final}
        for channel_id in closed - busy:
            if self.watch.forget(channel_id):
                self._herald.forget(channel_id)
                self._responder.forget(channel_id)
