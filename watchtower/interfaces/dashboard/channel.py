"""What a channel's page shows, part by part, of what is known of it.

Nothing is decided here: verdicts and their sentences are the judgement's, the story is the one that
``watchtower explain`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchtower.interfaces.channel_view import View
from watchtower.interfaces.dashboard.funds import WIDTH, parts_of
from watchtower.interfaces.dashboard.time_left import Urgency, time_left
from watchtower.interfaces.dashboard.tried import told, tried
from watchtower.interfaces.past import Past
from watchtower.judgement.judge import Judgement
from watchtower.judgement.outgoing import OutgoingJudgement, Standing
from watchtower.judgement.verdict import Closed, Expired, Settled, Threatened, Watching
from watchtower.units import Drops

__all__ = ["channel_parts"]

_INFO, _WELL, _TROUBLE, _DANGER = "info", "well", "trouble", "danger"

_SIDES: Final = {
    "payee": "It pays an account that is guarded here.",
    "payer": "An account that is guarded here pays by it.",
    "both": "An account that is guarded here pays another one by it.",
}
_BEFORE: Final = (
    "No ledger was heard of yet since the daemon's start. What is told here was known before; how "
    "safe it is, and for how long, is judged with the first one."
)
_MOODS: Final = {
    Urgency.FAR: _WELL,
    Urgency.SURE: _WELL,
    Urgency.LESS: _TROUBLE,
    Urgency.LOW: _DANGER,
    Urgency.LATE: _DANGER,
    Urgency.OVER: _INFO,
}


def channel_parts(view: View, past: Past) -> dict[str, Any]:
    """Return what each part of the page shows."""
    return {
        "channel_id": view.channel.entry.channel,
        "state": _state(view),
        "numbers": _numbers(view),
        "funds": {"width": WIDTH, "parts": _funds(view)},
        "time_left": _time_left(view),
        "tried": [tried(attempt) for attempt in past.attempts],
        "tried_in_all": past.attempts_in_all,
        "story": [told(numbered) for numbered in past.story],
        "older": past.goes_on_before,
    }


def _state(view: View) -> Mapping[str, Any]:
    """Return the verdict: a word for each of our sides, how bad it is, and why."""
    if not _is_judged(view):
        return {
            "mood": _INFO,
            "words": ["Not judged yet"],
            "side": _SIDES[view.role],
            "sentences": [_BEFORE],
        }
    found = []
    if view.judgement is not None:
        found.append(_payee_state(view.judgement))
    if view.outgoing is not None:
        found.append(_payer_state(view.outgoing))
    moods = [mood for _, mood in found]
    worst = max(moods, key=(_INFO, _WELL, _TROUBLE, _DANGER).index, default=_INFO)
    return {
        "mood": worst,
        "words": [word for word, _ in found],
        "side": _SIDES[view.role],
        "sentences": view.explanation().splitlines(),
    }


def _is_judged(view: View) -> bool:
    """Return whether anything can be said of how it stands: before a ledger nobody has a time."""
    return view.now.is_known or view.channel.closed_at is not None


def _payee_state(judgement: Judgement) -> tuple[str, str]:
    match judgement.verdict:
        case Threatened(slack=slack):
            return "Threatened", _DANGER if slack < 0 else _TROUBLE
        case Expired(lost=lost) | Closed(lost=lost):
            name = type(judgement.verdict).__name__
            return name, _DANGER if lost else _INFO
        case Watching() | Settled():
            mood = _WELL if judgement.protectable else _TROUBLE
            return type(judgement.verdict).__name__, mood


def _payer_state(outgoing: OutgoingJudgement) -> tuple[str, str]:
    word = f"Outgoing, {outgoing.standing.value}"
    if outgoing.foreign is not None:
        return f"{word}, with a foreign claim", _DANGER
    return word, _INFO if outgoing.standing is Standing.CLOSED else _WELL


def _numbers(view: View) -> Mapping[str, Any]:
    entry, judgement, outgoing = view.channel.entry, view.judgement, view.outgoing
    return {
        "amount": entry.amount,
        "balance": entry.balance,
        "best": None if view.best is None else view.best.amount,
        "at_stake": None if judgement is None else judgement.at_stake,
        "protectable": judgement.protectable if judgement and _is_judged(view) else None,
        "notice": view.notice if _is_judged(view) else None,
        "returns": None if outgoing is None else outgoing.returns,
        "settle_delay": entry.settle_delay,
        "source": entry.source,
        "source_tag": entry.source_tag,
        "destination": entry.destination,
        "destination_tag": entry.destination_tag,
        "public_key": entry.public_key,
        "expiration": entry.expiration,
        "cancel_after": entry.cancel_after,
        "as_of": (view.channel.closed_at or view.channel.as_of).ledger_index,
        "is_closed": view.channel.closed_at is not None,
        "is_judged": _is_judged(view),
        "has_end": entry.expiration is not None or entry.cancel_after is not None,
    }


def _funds(view: View) -> list[Any]:
    claimed = Drops(0) if view.best is None else view.best.amount
    owed, rest = "at stake", "not promised"
    match None if view.judgement is None else view.judgement.verdict:
        case Expired():
            owed, rest = "lost", "goes back to the payer"
        case Closed(exact=exact):
            owed, rest = "lost" if exact else "lost, at most", "went back to the payer"
        case None:
            owed = "promised, and not paid out"
        case _:
            pass
    return parts_of(view.channel.entry, claimed, owed=owed, rest=rest)


def _time_left(view: View) -> Mapping[str, Any] | None:
    """Return what is left until the channel's end; None where none is set, or it has closed."""
    judgement = view.judgement
    if judgement is None or judgement.deadline is None or not _is_judged(view):
        return None
    left = time_left(judgement.deadline, view.now.ledger_time)
    # Where nothing is at stake nobody has to hurry, however little time is left.
    mood = _MOODS[left.urgency] if judgement.at_stake else _INFO
    return {**left._asdict(), "mood": mood, "whole": WIDTH}
