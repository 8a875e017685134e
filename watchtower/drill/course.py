"""One drill from its beginning to its record, beside the daemon that it is to alarm.

What it guarantees:

- Every transaction is in the store, signed, before it is sent, and the channel that it opens with
  it: a drill that is killed anywhere leaves nothing that the next one does not find and bring home.
- Nothing is spent above the cap of a day, whatever became of what was spent.
- Paid is what the channel's balance in a validated ledger says (rule 1), read as the tower reads
  it; what the daemon did meanwhile is told by the journal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from watchtower.drill import books as noted
from watchtower.drill.books import Books, CanaryChannel, Sent
from watchtower.drill.level import NOTE, with_drill
from watchtower.drill.record import Drill, why_late
from watchtower.errors import DrillFailedError, DrillRefusedError, LedgerError
from watchtower.judgement.claim import Claim
from watchtower.keys.canary import Canary
from watchtower.keys.canary_forms import CanaryLimits, channel_of, open_fields
from watchtower.ledger.events import ChannelEntry, Seat
from watchtower.response.transaction import close_transaction, with_common_fields
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, format_drops

__all__ = ["Course", "Desk", "Ledger", "Plan", "Reading", "Terms"]

_LOOK_EVERY: Final = 0.1
_BEHIND: Final = 2
"""Ledgers after the last one in which whoever was a little behind has it, too."""

_NOTICED: Final = frozenset({"judged", "would_redeem", "left", "attempt_made"})
"""Kinds of the journal's lines by which a daemon shows that it knows of a close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the canary's next transaction is made with."""

    fee: Drops
    sequence: int
    last_ledger: LedgerIndex
    network_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A channel in a validated ledger; ``entry`` is None where there is none."""

    entry: ChannelEntry | None
    ledger_index: LedgerIndex


class Ledger(Protocol):
    """What a drill needs of the ledger."""

    async def terms(self, account: Address) -> Terms:
        """Return what the next transaction of ``account`` is made with."""
        ...

    async def read(self, channel: ChannelId) -> Reading | None:
        """Return a channel; None while it cannot be told."""
        ...

    async def paid_at_end(self, channel: ChannelId, transaction: str) -> Drops | None:
        """Return what a channel had paid when ``transaction`` took it out of the ledger."""
        ...

    async def newest(self) -> LedgerIndex:
        """Return the newest validated ledger's index."""
        ...

    async def time(self) -> RippleTime:
        """Return the newest validated ledger's close time."""
        ...

    async def submit(self, blob: str) -> str:
        """Send a signed transaction; what servers answer, in words, is no proof."""
        ...


class Desk(Protocol):
    """Where claims are handed in."""

    async def why_not_kept(self, claim: Claim) -> str | None:
        """Hand a claim in; return why it is not kept, None if it is on disk."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done: drops, seconds, and the network that it is done on."""

    payee: Address
    amount: Drops
    settle_delay: int
    patience: float
    fee_cap: Drops
    daily_cap: Drops
    network_id: int


class Course:
    """Makes drills with one canary."""

    def __init__(
        self,
        store: Store,
        *,
        ledger: Ledger,
        desk: Desk,
        canary: Canary,
        plan: Plan,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; ``clock`` is the host's, by which drills are dated and days are counted."""
        self._store = store
        self._ledger = ledger
        self._desk = desk
        self._canary = canary
        self._plan = plan
        self._clock = clock
        self._limits = CanaryLimits(payee=plan.payee, amount=plan.amount, fee=plan.fee_cap)

    async def run(self) -> Mapping[str, Any]:
        """Bring home what earlier drills have left, make one drill, and return its record.

        Raises:
            DrillRefusedError: nothing was begun: the account is not there, or the cap is reached.
            LedgerError: no server could tell what is needed to begin.
            StoreError: it could not be written down; nothing was sent by it.
        """
        await self.bring_home()
        opened = await self._open()
        drill = Drill(channel=opened.channel, amount=opened.amount, window=self._plan.settle_delay)
        try:
            await self._make(drill, opened)
        except (DrillFailedError, LedgerError) as failed:
            told = failed.facts["why"] if isinstance(failed, DrillFailedError) else failed
            drill.why = str(told).rstrip(".")
        record = drill.report(
            at=int(self._clock()), place="network", network_id=self._plan.network_id
        )
        async with self._store.write() as work:
            before = await work.notes.get(NOTE) or []
            await work.notes.put(NOTE, with_drill(before, record))
        if drill.paid is not None:
            with suppress(LedgerError, DrillRefusedError):  # else the next drill does it
                await self.bring_home()
        return record

    async def bring_home(self) -> None:
        """Close what earlier drills have left, as far as the ledger lets it be closed now.

        A channel whose window still runs is left to the next drill.

        Raises:
            LedgerError: no server could tell.
        """
        for one in (await self._books()).channels:
            await self._bring_home(one)

    async def _bring_home(self, one: CanaryChannel) -> None:
        """Close one channel, or ask for it; return where that is done, or has to wait."""
        while True:
            reading = await self._ledger.read(one.channel)
            newest = await self._ledger.newest()
            if reading is not None and reading.entry is None:
                if reading.ledger_index > one.opening.last_ledger + _BEHIND or one.closing:
                    await self._write((await self._books()).without(one.channel))
                    return
            elif reading is not None and reading.entry is not None:
                if not await self._can_close(reading.entry):
                    return
                if _is_spent(one.closing, reading.entry, newest):
                    one = await self._sign_close(one, asks=reading.entry.expiration is None)
                if one.closing is not None:
                    await self._ledger.submit(one.closing.blob)
            await self._next_ledger(newest)

    async def _can_close(self, entry: ChannelEntry) -> bool:
        """Return whether a request would do anything: set the end, or take the channel out."""
        if entry.expiration is None or entry.balance >= entry.amount:
            return True
        return await self._ledger.time() > entry.expiration

    async def _open(self) -> CanaryChannel:
        """Sign what opens a channel, and write that down with its cost.

        Raises:
            DrillRefusedError: the cap of a day, or of a fee, is reached.
        """
        plan, canary = self._plan, self._canary
        terms = await self._ledger.terms(canary.address)
        books, now = await self._books(), int(self._clock())
        if terms.fee > plan.fee_cap:
            why = f"the ledger costs {terms.fee} drops now, and the cap is {plan.fee_cap}"
            raise DrillRefusedError(why=why)
        cost = plan.amount + terms.fee
        if (spent := books.spent_since(now)) + cost > plan.daily_cap:
            why = (
                f"drills of the last day have put {format_drops(Drops(spent))} into channels, and "
                f"`drill.daily_cap_drops` allows {format_drops(plan.daily_cap)}"
            )
            raise DrillRefusedError(why=why)
        fields = open_fields(
            canary.address, plan.payee, plan.amount, plan.settle_delay, canary.public_key
        )
        sent = await self._sign(fields, terms, books)
        channel = CanaryChannel(
            channel=channel_of(canary.address, plan.payee, terms.sequence),
            amount=plan.amount,
            opening=sent,
        )
        await self._write(books.opening(channel, now=now, cost=cost))
        return channel

    async def _make(self, drill: Drill, opened: CanaryChannel) -> None:
        """Open the channel, hand a claim in, ask to close, and watch.

        Raises:
            DrillFailedError: a step did not come.
        """

        async def is_there() -> bool:
            reading = await self._ledger.read(opened.channel)
            return reading is not None and reading.entry is not None

        words = await self._send_until(opened.opening, is_there)
        if words is not None:
            raise DrillFailedError(why=f"the canary channel was not opened: {words}")
        books = await self._books()
        claim = self._canary.sign_claim(opened.channel, opened.amount, opened=books.opened)
        why = await self._desk.why_not_kept(claim)
        if why is not None:
            raise DrillFailedError(why=f"the canary's claim was not kept: {why}")
        closing = (await self._sign_close(opened, asks=True)).closing
        if closing is not None:
            await self._watch(drill, closing)

    async def _watch(self, drill: Drill, closing: Sent) -> None:
        """Ask to close, and look at the ledger and the journal until it is paid.

        Raises:
            DrillFailedError: it is not within the plan's patience.
        """
        clock = asyncio.get_running_loop().time
        begun, sent_in = clock(), LedgerIndex(0)
        while drill.paid is None:
            drill.elapsed = clock() - begun
            if drill.elapsed > self._plan.patience:
                raise DrillFailedError(why=why_late(drill, self._plan.patience))
            with suppress(LedgerError):
                newest = await self._ledger.newest()
                if drill.requested is None and sent_in < newest <= closing.last_ledger:
                    sent_in = newest
                    await self._ledger.submit(closing.blob)
            reading = await self._ledger.read(drill.channel)
            await self._look_at_journal(drill, clock() - begun)
            if reading is not None and reading.entry is not None:
                _look_at_ledger(drill, reading.entry, reading.ledger_index, clock() - begun)
            elif reading is not None:
                await self._look_at_end(drill, closing, reading.ledger_index, clock() - begun)
            await asyncio.sleep(_LOOK_EVERY)

    async def _look_at_end(
        self, drill: Drill, closing: Sent, ledger_index: LedgerIndex, now: float
    ) -> None:
        """See whether the channel was paid before the request to close: then that ended it.

        A tower that redeems by its schedule may be as early as that.

        Raises:
            DrillFailedError: it is gone, and was not paid.
        """
        paid = await self._ledger.paid_at_end(drill.channel, closing.transaction)
        if paid is None or paid < drill.amount:
            why = "the canary channel has left the ledger, and was not seen to be paid before"
            raise DrillFailedError(why=why)
        drill.paid, drill.paid_in, drill.requested_in = now, ledger_index, ledger_index

    async def _look_at_journal(self, drill: Drill, now: float) -> None:
        """See what the daemon has written about the channel; it may be long behind or ahead."""
        if drill.requested is None or drill.submitted is not None:
            return
        async with self._store.read() as work:
            story = await work.journal.story(drill.channel)
        kinds = {one.entry.kind for one in story if _is_about_the_close(one.entry.facts)}
        if drill.seen is None and kinds & _NOTICED:
            drill.seen = now
        if "attempt_made" in kinds:
            drill.submitted = now

    async def _sign_close(self, one: CanaryChannel, *, asks: bool) -> CanaryChannel:
        """Sign what asks to close a channel, or takes it out, and write it down."""
        terms, books = await self._ledger.terms(self._canary.address), await self._books()
        fields = close_transaction(
            account=self._canary.address,
            channel=one.channel,
            fee=terms.fee,
            seat=Seat(terms.sequence),
            last_ledger=terms.last_ledger,
            network_id=terms.network_id,
        )
        signed = await self._canary.sign(fields, limits=self._limits, opened=books.opened)
        sent = Sent(
            transaction=signed.transaction,
            blob=signed.blob,
            last_ledger=terms.last_ledger,
            asks=asks,
        )
        books = books.closing(one.channel, sent)
        await self._write(books)
        return next(each for each in books.channels if each.channel == one.channel)

    async def _sign(self, fields: Mapping[str, Any], terms: Terms, books: Books) -> Sent:
        complete = with_common_fields(
            fields,
            fee=terms.fee,
            seat=Seat(terms.sequence),
            last_ledger=terms.last_ledger,
            network_id=terms.network_id,
        )
        signed = await self._canary.sign(complete, limits=self._limits, opened=books.opened)
        return Sent(transaction=signed.transaction, blob=signed.blob, last_ledger=terms.last_ledger)

    async def _send_until(self, sent: Sent, is_proven: Callable[[], Awaitable[bool]]) -> str | None:
        """Send in every ledger until it is proven; else return what servers said of it last."""
        words = "no server answered"
        while not await is_proven():
            newest = await self._ledger.newest()
            if newest > sent.last_ledger + _BEHIND:
                return words
            words = await self._ledger.submit(sent.blob)
            await self._next_ledger(newest)
        return None

    async def _next_ledger(self, newest: LedgerIndex) -> None:
        """Wait until there may be more to see."""
        await asyncio.sleep(_LOOK_EVERY)
        while await self._ledger.newest() <= newest:  # noqa: ASYNC110 - links tell nobody
            await asyncio.sleep(_LOOK_EVERY)

    async def _books(self) -> Books:
        async with self._store.read() as work:
            return noted.books_of(await work.notes.get(noted.NOTE))

    async def _write(self, books: Books) -> None:
        async with self._store.write() as work:
            await work.notes.put(noted.NOTE, noted.note_of(books))


def _is_spent(closing: Sent | None, entry: ChannelEntry, newest: LedgerIndex) -> bool:
    """Return whether another transaction is to be signed to close a channel that is there."""
    if closing is None or newest > closing.last_ledger:
        return True
    return closing.asks and entry.expiration is not None


def _is_about_the_close(facts: Mapping[str, Any]) -> bool:
    """Return whether a line is of the close: a channel that is merely watched is judged too."""
    return facts.get("verdict") in {None, "Threatened", "Expired", "Closed"}


def _look_at_ledger(
    drill: Drill, entry: ChannelEntry, ledger_index: LedgerIndex, now: float
) -> None:
    """Take note of what a validated ledger says of the channel."""
    if drill.requested is None and entry.expiration is not None:
        drill.requested, drill.requested_in = now, ledger_index
    if entry.balance >= drill.amount:
        drill.paid, drill.paid_in = now, ledger_index
