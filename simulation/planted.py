"""Bugs that are put into the tower on purpose, to see that the worlds find them.

Each is one mistake that somebody could make in one place of the house. They are put in while the
context lasts, and nowhere but here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from watchtower.claims import decide as decide_module
from watchtower.errors import StoreFullError
from watchtower.guard import watch as watch_module
from watchtower.guard.under_way import UnderWay
from watchtower.guard.watch import Watch
from watchtower.judgement import deadline as deadline_module
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.claim import Claim
from watchtower.judgement.deadline import Deadline
from watchtower.ledger import catchup as catchup_module
from watchtower.ledger import servers as servers_module
from watchtower.ledger.answers import read_submission
from watchtower.ledger.asking import ask_all, ask_any
from watchtower.ledger.backoff import Backoff
from watchtower.ledger.catchup import CatchUp
from watchtower.ledger.channels import read_channel
from watchtower.ledger.events import ChannelChanged, ChannelEntry, ChannelFact, LedgerClosed
from watchtower.ledger.quorum import Quorum
from watchtower.ledger.servers import Servers
from watchtower.response import confirm
from watchtower.response.attempt import Attempt, OutcomeKind
from watchtower.response.bidding import Bidder, Refusal, Wish
from watchtower.response.engine_result import Reaction
from watchtower.response.fees import FeePolicy
from watchtower.response.launch import Launch
from watchtower.response.submit import Answer, Submitter
from watchtower.store import claims as claims_module
from watchtower.store.database import Store
from watchtower.store.responses import Attempts
from watchtower.store.sealed import SealedTable
from watchtower.store.state import Cursor
from watchtower.store.work import Work
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.units import Drops, LedgerIndex, RippleTime, TxHash

__all__ = ["PLANTED", "planted"]

_Put = Callable[[], AbstractContextManager[Any]]


def planted(name: str) -> AbstractContextManager[Any]:
    """Return a context in which the tower has the bug of that name."""
    return PLANTED[name]()


# What is remembered.


def _journal_dropped() -> AbstractContextManager[Any]:
    """Attempts are sent, and not written down."""

    async def write_down(_self: Launch, _attempts: Sequence[Attempt]) -> None:
        return

    return patch.object(Launch, "_write_down", write_down)


def _sent_before_the_journal() -> AbstractContextManager[Any]:
    """Attempts are sent first, and written down then."""

    async def launch(self: Launch, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._docket.attempt_made(attempt)
            self._send(attempt, attempt.made_in)
        await self._submitter.drained()
        await self._write_down(attempts)

    return patch.object(Launch, "launch", launch)


def _cursor_forgotten() -> AbstractContextManager[Any]:
    """The cursor is never moved."""

    async def move(_self: Cursor, _ledger_index: LedgerIndex) -> bool:
        return True

    return patch.object(Cursor, "move", move)


def _attempts_forgotten() -> AbstractContextManager[Any]:
    """After a start nobody knows what was on its way."""

    async def unsettled(_self: Attempts) -> list[Attempt]:
        return []

    return patch.object(Attempts, "unsettled", unsettled)


def _best_claim_sinks() -> AbstractContextManager[Any]:
    """The last claim counts, and not the best."""

    async def keep(table: SealedTable[Claim], name: str, claim: Claim) -> bool:
        await table.put(name, claim)
        return True

    def floor(*_: Any) -> Drops:
        return Drops(0)

    return _both(
        patch.object(claims_module, "_raise", keep), patch.object(decide_module, "_floor", floor)
    )


@contextmanager
def _disk_errors_swallowed() -> Iterator[None]:
    """A write that failed is taken for one that did not."""
    write = Store.write

    @asynccontextmanager
    async def swallowing(self: Store) -> AsyncIterator[Work]:
        try:
            async with write(self) as work:
                yield work
        except StoreFullError:
            return

    with patch.object(Store, "write", swallowing):
        yield


def _first_disk_error_is_the_last() -> AbstractContextManager[Any]:
    """Responding ends with the first write that fails."""

    async def respond_for_ever(self: Tower) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.respond()
            except StoreFullError:
                return

    return patch.object(Tower, "respond_for_ever", respond_for_ever)


# What is believed.


def _success_trusted() -> AbstractContextManager[Any]:
    """What a server calls tesSUCCESS is paid."""
    trusted: set[TxHash] = set()
    weigh, obligations = Submitter._weigh, Watch.obligations

    def trusting(
        self: Submitter, attempt: Attempt, now: LedgerIndex, answers: Sequence[Answer]
    ) -> None:
        if any(answer.engine_result == "tesSUCCESS" for answer in answers):
            trusted.add(attempt.transaction)
        weigh(self, attempt, now, answers)

    paid: dict[str, int] = {}

    def owed(self: Watch) -> Any:
        for attempt in self.attempts.values():
            if attempt.transaction in trusted and attempt.channel is not None:
                paid[attempt.channel] = attempt.target
        return tuple(
            duty
            for duty in obligations(self)
            if paid.get(duty.channel, 0) < getattr(duty, "target", 2**63)
        )

    def send_again(self: Launch, now: LedgerIndex) -> None:
        for attempt in self._docket.attempts.values():
            if attempt.transaction not in trusted:
                self._send(attempt, now)

    return _both(
        patch.object(Submitter, "_weigh", trusting),
        patch.object(Watch, "obligations", owed),
        patch.object(Launch, "send_again", send_again),
    )


def _fund_ignored() -> AbstractContextManager[Any]:
    """That funds were added, and what else a Fund did, is not looked at."""

    def blind(channel: Channel | None, fact: ChannelFact) -> Any:
        known = None if channel is None else channel.entry
        if known is not None and isinstance(fact, ChannelChanged):
            entry = fact.entry
            if entry.amount > known.amount:
                same = replace(entry, amount=known.amount, expiration=known.expiration)
                fact = replace(fact, entry=same)
        return observe(channel, fact)

    return patch.object(watch_module, "observe", blind)


def _any_ledger_believed() -> AbstractContextManager[Any]:
    """One server is enough to say what time it is, and which ledgers there are."""
    announced = Quorum.announced

    def believe(self: Quorum, server: str, closed: LedgerClosed) -> LedgerClosed | None:
        announced(self, server, closed)
        if self._counted is None or closed.ledger_index > self._counted.ledger_index:
            self._counted = closed
            self._borne_out = closed.ledger_index
            return closed
        return None

    return patch.object(Quorum, "announced", believe)


def _first_word_believed() -> AbstractContextManager[Any]:
    """The state of a channel is what the first server says."""

    async def first(links: Sequence[Any], channel: Any, *, vouched: bool) -> Any:
        del vouched
        return await ask_any(links, lambda link: read_channel(link, channel))

    return patch.object(servers_module, "channel_by_two", first)


def _not_read_anew() -> AbstractContextManager[Any]:
    """What was missed is not looked for in the channels' present state."""

    def nobody(_self: CatchUp, _channel: Any) -> Any:
        async def nothing() -> tuple[()]:
            return ()

        return nothing

    return _both(
        patch.object(CatchUp, "_reading", nobody), patch.object(CatchUp, "_finding", nobody)
    )


def _gaps_ignored() -> AbstractContextManager[Any]:
    """Ledgers that were missed are taken to have been empty, and are not read."""

    async def nothing(*_: Any) -> list[Any]:
        return []

    return patch.object(catchup_module, "read_facts", nothing)


def _others_claims_unseen() -> AbstractContextManager[Any]:
    """Claims that another process keeps are seen with the next start only."""

    async def look_away(_self: Rounds) -> None:
        return

    return patch.object(Rounds, "take_claims", look_away)


# What is judged.


def _given_up_at_the_margin() -> AbstractContextManager[Any]:
    """A channel is taken to be over when redeeming is not sure any more."""

    def has_ended(self: Deadline, ledger_time: RippleTime, _rules: Any = None) -> bool:
        return ledger_time >= self.sure_until

    return _both(
        patch.object(Deadline, "has_ended", has_ended),
        patch.object(watch_module, "is_owed", lambda judgement: judgement.redeem),
    )


def _cancel_after_ignored() -> AbstractContextManager[Any]:
    """Only an Expiration ends a channel."""

    def expiration(entry: ChannelEntry) -> RippleTime | None:
        return entry.expiration

    return patch.object(deadline_module, "ends_at", expiration)


def _paid_when_closed() -> AbstractContextManager[Any]:
    """An attempt whose channel closed has paid."""
    done_by = confirm._done_by

    def generous(attempt: Attempt, fact: Any) -> Any:
        kind, why = done_by(attempt, fact)
        is_closed = kind is OutcomeKind.CLOSED_UNPAID
        return (OutcomeKind.PAID, why) if is_closed else (kind, why)

    return patch.object(confirm, "_done_by", generous)


# What is done.


def _sent_once() -> AbstractContextManager[Any]:
    """What did not get through is not sent again."""

    def never(_self: Launch, _now: LedgerIndex) -> None:
        return

    return patch.object(Launch, "send_again", never)


def _one_server_written_to() -> AbstractContextManager[Any]:
    """Submissions go to the best server alone."""

    async def submit(self: Servers, blob: str) -> Any:
        await self._be_patient()
        answers = await ask_all(self.ready()[:1], lambda link: link.request("submit", tx_blob=blob))
        return [read_submission(link.url, answer) for link, answer in answers]

    return patch.object(Servers, "submit", submit)


def _seats_lost_unseen() -> AbstractContextManager[Any]:
    """That a seat was taken is noticed neither in the ledger nor by what servers answer."""
    reaction_to = Submitter._reaction_to

    def nobody(_self: UnderWay, _used: Any, _now: Any) -> tuple[()]:
        return ()

    def deaf(self: Submitter, attempt: Attempt, engine_result: str) -> Reaction:
        reaction = reaction_to(self, attempt, engine_result)
        return Reaction.QUEUED if reaction is Reaction.SETTLED else reaction

    return _both(
        patch.object(UnderWay, "settle_by_seat", nobody),
        patch.object(Submitter, "_reaction_to", deaf),
    )


def _fee_never_raised() -> AbstractContextManager[Any]:
    """Every attempt pays the base fee."""

    def base(self: Bidder, _wish: Wish) -> Drops:
        return self._market.base

    def dear(_self: Bidder, _wish: Wish, _fee: Drops, **_: Any) -> Refusal:
        return Refusal.DEAR

    return _both(patch.object(Bidder, "bid", base), patch.object(Bidder, "raise_bid", dear))


def _reconnected_late() -> AbstractContextManager[Any]:
    """A connection that broke is made again after ten minutes."""

    def long(_self: Backoff, **_: Any) -> float:
        return 600.0

    return patch.object(Backoff, "next_wait", long)


def _budget_overdrawn() -> AbstractContextManager[Any]:
    """An attempt may cost twice what it wins."""

    def budget(self: FeePolicy, at_stake: Drops) -> Drops:
        return Drops(min(self.cap, 2 * at_stake))

    return _both(
        patch.object(FeePolicy, "budget", budget),
        patch.object(FeePolicy, "ramp", lambda _self, budget, _left: budget),
    )


@contextmanager
def _both(*patches: AbstractContextManager[Any]) -> Iterator[None]:
    for each in patches:
        each.__enter__()
    try:
        yield
    finally:
        for each in reversed(patches):
            each.__exit__(None, None, None)


def _named(*bugs: _Put) -> Mapping[str, _Put]:
    return {bug.__name__.strip("_"): bug for bug in bugs}


PLANTED: Final = _named(
    _journal_dropped,
    _sent_before_the_journal,
    _cursor_forgotten,
    _attempts_forgotten,
    _best_claim_sinks,
    _disk_errors_swallowed,
    _first_disk_error_is_the_last,
    _success_trusted,
    _fund_ignored,
    _any_ledger_believed,
    _first_word_believed,
    _not_read_anew,
    _gaps_ignored,
    _others_claims_unseen,
    _given_up_at_the_margin,
    _cancel_after_ignored,
    _paid_when_closed,
    _sent_once,
    _one_server_written_to,
    _seats_lost_unseen,
    _fee_never_raised,
    _reconnected_late,
    _budget_overdrawn,
)
"""Every bug by its name."""


def sentence_of(name: str) -> str:
    """Return what a bug is, in one sentence."""
    return (PLANTED[name].__doc__ or "").strip()
