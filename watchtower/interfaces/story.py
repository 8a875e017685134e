"""The story of a channel: its journal entries as a person reads them, one line each. Pure.

The command line and the dashboard tell the same story, in the same words and the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from watchtower.units import Drops, LedgerIndex, RippleTime, format_drops, format_time, ripple_time

__all__ = ["Entry", "Numbered", "entry_report", "entry_text", "entry_words", "in_order"]

Facts = Mapping[str, Any]

Closes = Mapping[LedgerIndex, RippleTime]


class Entry(Protocol):
    """One thing that happened, as the journal has it."""

    @property
    def kind(self) -> str:
        """What happened, in the past tense."""
        ...

    @property
    def ledger_index(self) -> LedgerIndex | None:
        """The ledger that it was seen in, or that it was done in; None where that is no matter."""
        ...

    @property
    def facts(self) -> Facts:
        """The rest: JSON values."""
        ...

    @property
    def written(self) -> int:
        """The host's Unix time in milliseconds."""
        ...


class Numbered(Protocol):
    """An entry with its place in the journal."""

    @property
    def number(self) -> int:
        """Its number, above those of all that were written before."""
        ...

    @property
    def entry(self) -> Entry:
        """What happened."""
        ...


_Each = TypeVar("_Each", bound=Numbered)

_NONE: Final[Closes] = {}

_TOLD_BY_LEDGERS: Final = frozenset(
    {
        "channel_closed",
        "channel_opened",
        "channel_reappeared",
        "close_requested",
        "expiration_moved",
        "foreign_claim",
        "foreign_transaction",
        "funded",
        "paid",
        "renewed",
    }
)


def entry_report(numbered: Numbered, closes: Closes | None = None) -> dict[str, Any]:
    """Return an entry ready for JSON: its place, when it was written, its kind and its facts.

    With ``closes``, which has when ledgers closed as far as that is known, also when its own did.
    """
    entry = numbered.entry
    return {
        "number": numbered.number,
        "ledger": entry.ledger_index,
        **({} if closes is None else {"closed": _closed(entry.ledger_index, closes)}),
        "written": _written(numbered),
        "kind": entry.kind,
        **entry.facts,
    }


def entry_text(numbered: Numbered, closes: Closes = _NONE) -> str:
    """Return an entry in one line: host time, ledger, when that closed, and what happened."""
    entry = numbered.entry
    place = "" if entry.ledger_index is None else f"ledger {entry.ledger_index}"
    if (closed := _closed(entry.ledger_index, closes)) is not None:
        place += f" closed {closed}"
    return f"{_written(numbered)}  {place:<16} {''.join(entry_words(numbered))}"


def entry_words(numbered: Numbered) -> tuple[str, str]:
    """Return what happened, and what is to be said of it, which follows it on the same line."""
    entry = numbered.entry
    return entry.kind.replace("_", " "), _SENTENCES.get(entry.kind, _as_it_is)(entry.facts)


def in_order(story: Iterable[_Each]) -> list[_Each]:
    """Return entries of one channel, which are in the order of the journal, causes first.

    The journal is in the order of writing. An attempt is written before it is sent, and what a
    ledger told is written behind it, since both wait for the same disk and the attempt is more
    urgent (docs/architecture.md, the life of a close request): so the answer would be read before
    the question. What was done in a ledger, or after it, knew what that ledger told, which is
    therefore told first. Nothing else changes places.
    """
    ordered: list[_Each] = []
    for numbered in story:
        ordered.insert(_place_of(numbered, ordered), numbered)
    return ordered


_TOLD, _JUDGED, _SETTLED, _DONE = range(4)
_RANKS: Final = {"judged": _JUDGED, "judged_outgoing": _JUDGED, "attempt_settled": _SETTLED}


def _rank(kind: str) -> int:
    """Return what of one ledger comes first: what it told and meant, what ended, what was done."""
    if kind in _TOLD_BY_LEDGERS:
        return _TOLD
    return _RANKS.get(kind, _DONE)


def _place_of(numbered: Numbered, before: Sequence[Numbered]) -> int:
    """Return where an entry belongs among those written before it, which are in order."""
    ledger, rank = numbered.entry.ledger_index, _rank(numbered.entry.kind)
    place = len(before)
    if ledger is None or rank == _DONE:
        return place
    for index in range(len(before) - 1, -1, -1):
        other = before[index].entry
        if _is_answered_by(other, numbered.entry):
            break
        if other.ledger_index is None:
            # A claim, say. It has no ledger, and what it was judged by is not told before it.
            if rank != _TOLD:
                break
            continue
        if (other.ledger_index, _rank(other.kind)) <= (ledger, rank):
            break
        place = index
    return place


def _is_answered_by(made: Entry, settled: Entry) -> bool:
    """Return whether an outcome is that of an attempt: none is told before the attempt itself."""
    return (
        settled.kind == "attempt_settled"
        and made.kind == "attempt_made"
        and made.facts.get("transaction") == settled.facts.get("transaction")
    )


def _closed(ledger: LedgerIndex | None, closes: Closes) -> str | None:
    time = None if ledger is None else closes.get(ledger)
    return None if time is None else format_time(time)


def _written(numbered: Numbered) -> str:
    return format_time(ripple_time(numbered.entry.written / 1000))


def _xrp(facts: Facts, name: str) -> str:
    return format_drops(Drops(int(facts[name])))


def _time(facts: Facts, name: str) -> str:
    return format_time(RippleTime(int(facts[name])))


def _as_it_is(facts: Facts) -> str:
    """Tell facts of a kind that has no sentence, rather than nothing."""
    told = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f": {told}" if told else ""


def _claim(facts: Facts) -> str:
    rescued = ", its signature put right" if facts.get("rescued") else ""
    many = (
        f", the highest of {facts['claims']} claims that came together" if "claims" in facts else ""
    )
    return f": {_xrp(facts, 'amount')}{rescued}{many}"


_AIMS: Final = {"finalise": "to finalise it", "request_close": "to ask it to close"}


def _aim(facts: Facts) -> str:
    return _AIMS.get(str(facts.get("purpose"))) or f"up to {_xrp(facts, 'target')}"


def _foreign_claim(facts: Facts) -> str:
    seen = facts["transaction"]
    how = "seen by the balance alone" if seen is None else f"presented by {seen}"
    return (
        f": {_xrp(facts, 'amount')}, and only {_xrp(facts, 'signed')} are registered as signed; "
        f"{how}"
    )


def _would_redeem(facts: Facts) -> str:
    stake = "" if "purpose" in facts else f", {_xrp(facts, 'at_stake')} at stake"
    return f": {_aim(facts)}{stake}, fee {facts['fee']} drops (shadow mode: nothing was sent)"


def _attempt_made(facts: Facts) -> str:
    seat = " ".join(f"{kind} {facts[kind]}" for kind in ("ticket", "sequence") if kind in facts)
    last = facts["last_ledger"]
    until = (
        "signed ahead, good while its ticket is" if last is None else f"good until ledger {last}"
    )
    return f": {_aim(facts)}, fee {facts['fee']} drops, {seat}, {until}, {facts['transaction']}"


def _attempt_settled(facts: Facts) -> str:
    outcome = str(facts["outcome"]).replace("_", " ")
    return f": {outcome}, {_xrp(facts, 'paid')}; {facts['why']}"


def _channel_closed(facts: Facts) -> str:
    if facts["paid"] is None:
        return ": how much it paid is not known yet"
    return f": it paid {_xrp(facts, 'paid')} in all, {_xrp(facts, 'returned')} went back"


def _cosigning(facts: Facts) -> str:
    """Tell what several sign together."""
    seat = " ".join(f"{kind} {facts[kind]}" for kind in ("ticket", "sequence") if kind in facts)
    return (
        f": {_aim(facts)}, fee {facts['fee']} drops, {seat}, good until ledger "
        f"{facts['last_ledger']}"
    )


def _cosign_asked(facts: Facts) -> str:
    return f"{_cosigning(facts)}; asked {', '.join(facts['asked']) or 'nobody'}"


def _multisigned(facts: Facts) -> str:
    refused = "".join(f"; {who} refused: {why}" for who, why in facts["refused"].items())
    return f"{_cosigning(facts)}; signed by {', '.join(facts['signers'])}{refused}"


def _cosign_answered(facts: Facts) -> str:
    complete = f", complete as {facts['transaction']}" if "transaction" in facts else ""
    return f": {facts['signer']} signed request {facts['request']}{complete}"


_LEFT: Final = {
    "dust": "which is not worth its fee",
    "daily cap": "and the account's fees have reached what they may cost in a day",
}

_SENTENCES: Final[Mapping[str, Callable[[Facts], str]]] = {
    "attempt_made": _attempt_made,
    "attempt_settled": _attempt_settled,
    "channel_closed": _channel_closed,
    "claim_kept": _claim,
    "claim_pending": _claim,
    "claim_refused": lambda facts: f": {_xrp(facts, 'amount')}; {facts['why']}",
    "close_requested": lambda facts: f": it expires at {_time(facts, 'expiration')}",
    "cosign_answered": _cosign_answered,
    "cosign_asked": _cosign_asked,
    "cosign_unfit": lambda facts: (
        f": servers refuse what {' and '.join(facts['signers'])} signed together "
        f"({facts['result']}), {facts['transaction']}"
    ),
    "cosign_waits": lambda facts: (
        f": request {facts['request']} waits for a person, until ledger {facts['last_ledger']}"
    ),
    "cosigned": lambda facts: f" for another tower{_cosigning(facts)}",
    "expiration_moved": lambda facts: f": to {_time(facts, 'after')}",
    "foreign_claim": _foreign_claim,
    "foreign_transaction": lambda facts: (
        f": the account did what we did not, {facts['transaction']}; {facts['who']}; "
        f"{_xrp(facts, 'unpaid')} unpaid behind it"
    ),
    "funded": lambda facts: f": {_xrp(facts, 'drops')} more, {_xrp(facts, 'amount')} in all",
    "judged": lambda facts: f": {str(facts['verdict']).lower()}. {facts['sentence']}",
    "judged_outgoing": lambda facts: f": {facts['standing']}. {facts['sentence']}",
    "multisigned": _multisigned,
    "left": lambda facts: f": {_xrp(facts, 'at_stake')} at stake, {_LEFT[str(facts['why'])]}",
    "paid": lambda facts: f": {_xrp(facts, 'drops')}, {_xrp(facts, 'balance')} in all",
    "would_redeem": _would_redeem,
}
