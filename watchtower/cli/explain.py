"""``watchtower explain``: a channel's story, and why something was or was not done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from watchtower.cli.channel_seen import Seen, seen
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import run_async, settings
from watchtower.interfaces.amounts import amounts_as_text
from watchtower.interfaces.result_words import codes_in, meaning_of
from watchtower.interfaces.story import entry_report, entry_text, in_order
from watchtower.judgement.verdict import Closed, Expired, Settled, Threatened
from watchtower.response.attempt import Attempt, OutcomeKind, Purpose
from watchtower.settings import Settings
from watchtower.units import Drops, format_drops, parse_channel_id

__all__ = ["explain"]


@click.command(
    epilog=examples(
        "watchtower explain CHANNEL",
        "watchtower channel explain CHANNEL   # the same",
        "watchtower explain CHANNEL --json | jq .attempts",
    )
)
@click.argument("channel_id", metavar="CHANNEL")
@json_option
def explain(channel_id: str, *, as_json: bool) -> None:
    """Tell what is at stake now, why it was or was not redeemed, and what happens next.

    Then the story from the journal, ledger by ledger: what was promised, judged, tried, and what
    came of it.
    """
    loaded = settings()
    found = run_async(seen(loaded, parse_channel_id(channel_id), with_closes=True))
    story = in_order(found.story)
    why, following = list(_why(found)), list(_next(loaded, found))
    codes = {code: meaning_of(code) for code in codes_in(_words(found))}
    alarms = [
        alarm
        for alarm in found.said.get("alarms", ())
        if alarm["subject"] == found.view.channel.entry.channel
    ]
    report = {
        **found.view.report(),
        "explanation": found.view.explanation(),
        "why_redeemed_or_not": why,
        "next": following,
        "alarms": alarms,
        "codes": codes,
        "attempts": [_attempt(attempt) for attempt in found.attempts],
        "story": [entry_report(entry, found.closes) for entry in story],
    }
    lines = [
        found.view.explanation(),
        *why,
        *(f"Next: {sentence}" for sentence in following),
        *(f"{each['severity'].upper()} {each['name']}: {each['sentence']}" for each in alarms),
        "",
        *(entry_text(entry, found.closes) for entry in story),
    ]
    if codes:
        lines += ["", *(f"{code}: {meaning}." for code, meaning in codes.items())]
    tell(amounts_as_text(report), "\n".join(lines).rstrip(), as_json=as_json)


def _words(found: Seen) -> Iterator[str]:
    """Yield in what result codes may stand."""
    for numbered in found.story:
        yield from (value for value in numbered.entry.facts.values() if isinstance(value, str))
    for alarm in found.said.get("alarms", ()):
        if alarm["subject"] == found.view.channel.entry.channel:
            yield alarm["sentence"]


def _why(found: Seen) -> Iterator[str]:
    """Yield why the channel was redeemed or was not, by its story."""
    if found.view.best is None and found.view.judgement is not None:
        yield "No claim for it is kept here, so there is nothing to redeem."
    paid = [each for each in found.story if each.entry.kind == "paid"]
    if paid:
        drops = Drops(sum(int(each.entry.facts["drops"]) for each in paid))
        many = f"{len(paid)} payments" if len(paid) > 1 else "one payment"
        ours = [a for a in found.attempts if _kind(a) is OutcomeKind.PAID]
        whose = (
            f"of which {len(ours)} by what this tower sent, the last as {ours[-1].transaction}"
            if ours
            else "none of them by what this tower sent"
        )
        yield f"Since it is known here it has paid {format_drops(drops)} in {many}, {whose}."
    yield from _why_not(found)


def _why_not(found: Seen) -> Iterator[str]:
    unpaid = [
        each
        for each in found.attempts
        if each.purpose is Purpose.REDEEM
        and each.outcome is not None
        and each.outcome.kind not in {OutcomeKind.PAID, OutcomeKind.ALREADY_PAID}
    ]
    if unpaid:
        last = unpaid[-1]
        told = f"{len(unpaid)} of its attempts have not paid; the last, {last.transaction}: "
        yield told + f"{_outcome(last)}."
    left = [each.entry for each in found.story if each.entry.kind in {"left", "would_redeem"}]
    judgement = found.view.judgement
    if judgement is None or not judgement.at_stake:
        return
    if left and left[-1].kind == "left":
        yield f"What is at stake was left, by {left[-1].facts['why']}."
    if left and left[-1].kind == "would_redeem":
        yield "It would have been redeemed; in shadow mode nothing is sent."
    if found.view.channel.entry.destination in found.said.get("accounts_without_signer", ()):
        yield "Nothing can sign for its payee: `watchtower authority show` says why."


def _next(loaded: Settings, found: Seen) -> Iterator[str]:
    """Yield what happens next, if nobody does anything."""
    view = found.view
    on_their_way = [each for each in found.attempts if each.outcome is None]
    for each in on_their_way:
        until = (
            "while its ticket is there" if each.never_lapses else f"to ledger {each.last_ledger}"
        )
        yield f"{each.transaction} is on its way, good up {until}; it is sent again in each."
    if (judgement := view.judgement) is not None:
        if not _is_ours(loaded, found):
            yield "nothing: it pays none of the accounts that are guarded here."
        elif judgement.redeem and not on_their_way:
            yield _will_redeem(found)
        elif not judgement.redeem:
            yield _waits(found)
    if view.outgoing is not None and view.outgoing.act is not None:
        act = {"finalise": "finalised", "request_close": "asked to close"}
        yield f"as its payer's it is {act.get(view.outgoing.act.value, 'looked at')}."


def _will_redeem(found: Seen) -> str:
    if not found.said or found.said.get("stopped"):
        return "nothing, for the daemon does not run: start it with `watchtower run`, now."
    if found.said.get("shadow"):
        return "nothing, for the daemon is in shadow mode: start it without --shadow."
    return "the daemon sends an attempt with the next ledger, and another whenever one fails."


def _waits(found: Seen) -> str:
    judgement = found.view.judgement
    match None if judgement is None else judgement.verdict:
        case Closed():
            return "nothing: the channel is gone from the ledger."
        case Expired():
            return "nothing can be redeemed any more; the channel goes when anybody touches it."
        case Settled():
            return "nothing, until a better claim comes, or the payer adds what is missing."
        case Threatened():
            return "another tower with the same key goes first; this one redeems if it does not."
        case _:
            return (
                "it is redeemed once the payer asks to close, its end is near, or `[policy]` says "
                "so; until then nothing is sent."
            )


def _is_ours(loaded: Settings, found: Seen) -> bool:
    entry = found.view.channel.entry
    return entry.destination in loaded.payees or entry.source in loaded.payers


def _kind(attempt: Attempt) -> OutcomeKind | None:
    return None if attempt.outcome is None else attempt.outcome.kind


def _outcome(attempt: Attempt) -> str:
    outcome = attempt.outcome
    if outcome is None:
        return "on its way"
    codes: Sequence[str] = codes_in([outcome.why])
    meaning = "".join(f" ({meaning_of(code)})" for code in codes)
    return f"{outcome.kind.value.replace('_', ' ')}, {outcome.why}{meaning}"


def _attempt(attempt: Attempt) -> Mapping[str, Any]:
    outcome = attempt.outcome
    return {
        "transaction": attempt.transaction,
        "purpose": attempt.purpose.value,
        "sequence": attempt.seat.number,
        "target": attempt.target,
        "fee": attempt.fee,
        "made_in": attempt.made_in,
        "last_ledger": None if attempt.never_lapses else attempt.last_ledger,
        "outcome": None if outcome is None else outcome.kind.value,
        "paid": None if outcome is None else outcome.paid,
        "why": None if outcome is None else outcome.why,
    }
