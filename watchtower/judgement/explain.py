"""Plain words for verdicts, reasons and judgements: for the command line, alarms and logs.

Nothing is decided here. Amounts are told in XRP, times as ledger time in UTC.
"""

from __future__ import annotations

from typing import Final, assert_never

from watchtower.judgement.judge import Judgement, RedeemWhy
from watchtower.judgement.protection import (
    CancelAfterNear,
    KeyUnusable,
    PayeeMissing,
    SettleDelayShort,
    SettleDelayWraps,
    Unprotectable,
)
from watchtower.judgement.verdict import (
    Closed,
    End,
    Expired,
    Settled,
    SettledWhy,
    Threatened,
    Verdict,
    Watching,
)
from watchtower.units import format_drops, format_time

__all__ = ["describe", "describe_unprotectable", "explain"]

_REDEEM: Final = {
    RedeemWhy.THREATENED: "It is redeemed now, because the channel will end.",
    RedeemWhy.EXPOSURE: "It is redeemed now, because more is at stake than the limit allows.",
    RedeemWhy.SCHEDULE: "It is redeemed now, because the schedule says so.",
}
_END: Final = {End.EXPIRATION: "the source asked to close", End.CANCEL_AFTER: "CancelAfter"}


def describe(verdict: Verdict) -> str:
    """Return one sentence, or two, that say what ``verdict`` says."""
    match verdict:
        case Settled():
            return _settled(verdict)
        case Watching():
            return f"{format_drops(verdict.at_stake)} is at stake, and nothing presses."
        case Threatened():
            return _threatened(verdict)
        case Expired():
            lost = f"{format_drops(verdict.lost)} is lost." if verdict.lost else "Nothing is lost."
            return (
                f"The channel expired at {format_time(verdict.ended_at)} ({_END[verdict.by]}); "
                f"redeeming would pay nothing any more. {lost}"
            )
        case Closed():
            return _closed(verdict)
        case _:
            assert_never(verdict)


def describe_unprotectable(reason: Unprotectable) -> str:
    """Return one sentence that says why protection cannot be promised."""
    match reason:
        case SettleDelayWraps():
            return (
                f"The settle delay of {reason.settle_delay} s overflows the ledger's clock, which "
                "lets the source close with no dispute window."
            )
        case SettleDelayShort():
            return (
                f"The settle delay of {reason.settle_delay} s is shorter than the "
                f"{reason.minimum} s needed to redeem surely."
            )
        case CancelAfterNear():
            return (
                f"The channel ends at {format_time(reason.cancel_after)} by CancelAfter, within "
                f"{reason.lead} s or already."
            )
        case PayeeMissing():
            return f"The account {reason.destination} is gone, so it cannot be paid."
        case KeyUnusable():
            return f"The channel's key {reason.public_key} is of no type that can sign claims."
        case _:
            assert_never(reason)


def explain(judgement: Judgement) -> str:
    """Return the whole judgement in a few sentences, ledger time and index first."""
    time, ledger = format_time(judgement.ledger_time), judgement.as_of.ledger_index
    verdict = describe(judgement.verdict)
    sentences = [f"At ledger time {time}, by its state of ledger {ledger}: {verdict}"]
    if judgement.redeem_why is not None:
        sentences.append(_REDEEM[judgement.redeem_why])
    sentences.extend(
        f"Protection cannot be promised: {describe_unprotectable(reason)}"
        for reason in judgement.unprotectable
    )
    return " ".join(sentences)


def _settled(verdict: Settled) -> str:
    match verdict.why:
        case SettledWhy.NO_CLAIM:
            return "Nothing is at stake: no claim is held for this channel."
        case SettledWhy.PAID:
            return "Nothing is at stake: the best claim is paid."
        case SettledWhy.FUNDS_EXHAUSTED:
            return (
                "Nothing is at stake: all funds are paid. The best claim promises "
                f"{format_drops(verdict.unfunded)} more, and waits for the source to add funds."
            )
        case _:
            assert_never(verdict.why)


def _threatened(verdict: Threatened) -> str:
    begin = (
        f"{format_drops(verdict.at_stake)} is at stake, and the channel ends at "
        f"{format_time(verdict.ends_at)} ({_END[verdict.by]}). "
    )
    if verdict.slack >= 0:
        until = format_time(verdict.deadline)
        return f"{begin}Redeeming is sure until {until}, {verdict.slack} s from now."
    return f"{begin}Since {-verdict.slack} s redeeming is not sure any more; it is still tried."


def _closed(verdict: Closed) -> str:
    if not verdict.exact:
        return (
            "The channel is gone, and nobody saw it close: at least "
            f"{format_drops(verdict.paid)} was paid, at most {format_drops(verdict.lost)} lost."
        )
    lost = f"{format_drops(verdict.lost)} was lost." if verdict.lost else "Nothing was lost."
    return f"The channel is closed; it paid {format_drops(verdict.paid)}. {lost}"
