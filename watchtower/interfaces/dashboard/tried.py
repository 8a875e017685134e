"""What was tried on a channel, and its story, as rows of a page. Pure.

What comes from outside, a server's sentence or a payer's account, is cut to a length that no page
suffers from; that it is escaped is the templates' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from watchtower.interfaces.result_words import codes_in, meaning_of
from watchtower.interfaces.story import Numbered, entry_words
from watchtower.response.attempt import Attempt, OutcomeKind, Purpose
from watchtower.units import Drops, LedgerIndex, TxHash, format_drops

__all__ = ["Meaning", "Told", "Tried", "told", "tried"]

_LONGEST: Final = 600
"""Letters of a sentence: the longest of ours, with several addresses in it, are less."""

_OUTCOMES: Final = {
    OutcomeKind.PAID: "paid",
    OutcomeKind.CLOSED_UNPAID: "too late, paid nothing",
    OutcomeKind.ALREADY_PAID: "was paid already",
    OutcomeKind.SUPERSEDED: "its place was taken",
    OutcomeKind.REFUSED: "did not get in",
    OutcomeKind.DONE: "done",
    OutcomeKind.UNKNOWN: "unknown, and not given up",
}
_GOOD: Final = {OutcomeKind.PAID, OutcomeKind.ALREADY_PAID, OutcomeKind.DONE}


class Meaning(NamedTuple):
    """A result code of a server, and what it means."""

    code: str
    meaning: str


class Tried(NamedTuple):
    """One attempt.

    ``outcome`` is a few words, and ``went_well`` None while there is none; ``fee`` is what it would
    cost and ``cost`` what it did, ``paid`` what the channel paid by it, all in drops;
    ``last_ledger`` is None for what never lapses.
    """

    transaction: TxHash
    purpose: str
    seat: str
    fee: Drops
    made_in: LedgerIndex
    last_ledger: LedgerIndex | None
    outcome: str
    went_well: bool | None
    paid: Drops
    cost: Drops
    why: str
    codes: Sequence[Meaning]


class Told(NamedTuple):
    """One entry of a story: what happened, and what is to be said of it."""

    number: int
    ledger: LedgerIndex | None
    written: float
    kind: str
    words: str
    codes: Sequence[Meaning]


def tried(attempt: Attempt) -> Tried:
    """Return an attempt as a page shows it."""
    outcome, seat = attempt.outcome, attempt.seat
    why = "" if outcome is None else _cut(outcome.why)
    return Tried(
        transaction=attempt.transaction,
        purpose=_purpose(attempt),
        seat=f"{'ticket' if seat.is_ticket else 'sequence'} {seat.number}",
        fee=attempt.fee,
        made_in=attempt.made_in,
        last_ledger=None if attempt.never_lapses else attempt.last_ledger,
        outcome="on its way" if outcome is None else _OUTCOMES[outcome.kind],
        went_well=None if outcome is None else outcome.kind in _GOOD,
        paid=Drops(0) if outcome is None else outcome.paid,
        cost=Drops(0) if outcome is None else outcome.fee,
        why=why,
        codes=_meanings(why),
    )


def told(numbered: Numbered) -> Told:
    """Return an entry of the journal as a page shows it."""
    entry = numbered.entry
    kind, words = (_cut(each) for each in entry_words(numbered))
    return Told(
        number=numbered.number,
        ledger=entry.ledger_index,
        written=entry.written / 1_000,
        kind=kind,
        words=words,
        codes=_meanings(words),
    )


def _purpose(attempt: Attempt) -> str:
    match attempt.purpose:
        case Purpose.REDEEM:
            return f"redeem up to {format_drops(attempt.target)}"
        case Purpose.MAKE_TICKETS:
            return "make tickets"
        case Purpose.FINALISE:
            return "take it out of the ledger"
        case Purpose.REQUEST_CLOSE:
            return "ask it to close"


def _meanings(words: str) -> list[Meaning]:
    return [Meaning(code, meaning_of(code)) for code in codes_in([words])]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
