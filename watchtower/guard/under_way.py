"""The attempts that are under way, until the ledger has proven what became of them. Pure.

What it guarantees: an attempt leaves only with a proven outcome, and its fee is then counted for
the day of whose money it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from watchtower.guard.learned import Settlement
from watchtower.judgement.channel import Channel
from watchtower.judgement.estate import Estate
from watchtower.ledger.events import ChannelFact, ChannelMissing, SeatUsed
from watchtower.response.attempt import Attempt, Outcome, OutcomeKind
from watchtower.response.confirm import (
    by_last_ledger,
    by_lost_history,
    by_own_transaction,
    by_seat,
    by_state,
)
from watchtower.response.spending import DaySpent, Spending
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

__all__ = ["UnderWay"]


class UnderWay:
    """The attempts without an outcome, on the watch's own ``channels``.

    ``attempts`` are those; ``lapses`` says how often the last ledger of an account's attempts
    passed without them.
    """

    def __init__(
        self,
        attempts: Iterable[Attempt],
        *,
        channels: Mapping[ChannelId, Channel],
        spent: Mapping[Address, DaySpent] | None = None,
    ) -> None:
        """Begin with what the store remembers."""
        self.attempts: dict[TxHash, Attempt] = {a.transaction: a for a in attempts}
        self.lapses: dict[Address, int] = {}
        self._channels = channels
        self._spending = Spending(spent)

    def has(self, used: SeatUsed) -> bool:
        """Return whether a transaction is one of theirs, or what somebody made of one.

        An attempt whose signature was stripped on its way has another hash, and fails. What is on
        the seat of an attempt and succeeds was signed by whoever else holds the key.
        """
        if used.transaction in self.attempts:
            return True
        seats = ((attempt.account, attempt.seat) for attempt in self.attempts.values())
        return not used.succeeded and (used.account, used.seat) in seats

    def spent(self, account: Address, now: RippleTime) -> Drops:
        """Return what an account has spent on fees on the day of ``now``."""
        return self._spending.on(account, now)

    def pay(self, account: Address, fee: Drops, now: RippleTime) -> DaySpent:
        """Take note of a fee that was paid; return the account's day so far."""
        return self._spending.pay(account, fee, now)

    def settle_by_seat(self, used: SeatUsed, now: RippleTime | None) -> tuple[Settlement, ...]:
        """Settle what the use of a seat has proven."""
        return self._settle(
            (
                (attempt, by_seat(attempt, used, self._channel_of(attempt)))
                for attempt in self.attempts.values()
            ),
            now,
        )

    def settle_by_transaction(
        self, fact: ChannelFact, now: RippleTime | None
    ) -> tuple[Settlement, ...]:
        """Settle the attempt whose own transaction ``fact`` tells of."""
        if isinstance(fact, ChannelMissing) or fact.transaction is None:
            return ()
        attempt = self.attempts.get(fact.transaction)
        if attempt is None:
            return ()
        return self._settle([(attempt, by_own_transaction(attempt, fact))], now)

    def settle_by_last_ledger(
        self, accounted: LedgerIndex, now: RippleTime | None
    ) -> tuple[Settlement, ...]:
        """Settle what can never apply any more, now that all facts up to a ledger are known."""
        settled = self._settle(
            (
                (attempt, by_last_ledger(attempt, accounted, self._channel_of(attempt)))
                for attempt in self.attempts.values()
            ),
            now,
        )
        unseen = (s for s in settled if s.outcome.kind is OutcomeKind.REFUSED)
        for account in {settlement.attempt.account for settlement in unseen}:
            self.lapses[account] = self.lapses.get(account, 0) + 1
        return settled

    def settle_by_lost_history(
        self, newest: LedgerIndex, now: RippleTime | None
    ) -> tuple[Settlement, ...]:
        """Settle what is over, and what nobody can tell of any more."""
        return self._settle(
            (
                (attempt, by_lost_history(attempt, newest, self._channel_of(attempt)))
                for attempt in self.attempts.values()
            ),
            now,
        )

    def settle_by_state(
        self,
        known_to: LedgerIndex,
        estates: Mapping[Address, Estate],
        now: RippleTime | None,
    ) -> tuple[Settlement, ...]:
        """Settle what has no last ledger, where the ledger's state shows that it is over.

        Told once every fact up to ``known_to`` is known, or can no more be known otherwise.
        """
        return self._settle(
            (
                (attempt, by_state(attempt, known_to, self._channel_of(attempt), gone_at))
                for attempt in self.attempts.values()
                if attempt.never_lapses
                for gone_at in [_ticket_gone_at(attempt, estates.get(attempt.account))]
            ),
            now,
        )

    def _settle(
        self, ends: Iterable[tuple[Attempt, Outcome | None]], now: RippleTime | None
    ) -> tuple[Settlement, ...]:
        settled = tuple(
            Settlement(
                attempt=replace(attempt, outcome=outcome),
                outcome=outcome,
                spent=self._pay(attempt, outcome, now),
            )
            for attempt, outcome in ends
            if outcome is not None
        )
        for settlement in settled:
            self.attempts.pop(settlement.attempt.transaction, None)
        return settled

    def _pay(self, attempt: Attempt, outcome: Outcome, now: RippleTime | None) -> DaySpent | None:
        """Take note of what an attempt cost."""
        if not outcome.fee or now is None:
            return None
        return self.pay(attempt.payer, outcome.fee, now)

    def _channel_of(self, attempt: Attempt) -> Channel | None:
        return None if attempt.channel is None else self._channels.get(attempt.channel)


def _ticket_gone_at(attempt: Attempt, estate: Estate | None) -> LedgerIndex | None:
    """Return the ledger that shows that an attempt's ticket is gone; None if none does."""
    gone = None if estate is None else estate.ticket_book.gone_at(attempt.seat.number)
    return None if gone is None else gone.ledger_index
