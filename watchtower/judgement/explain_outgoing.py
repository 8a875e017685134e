"""Plain words for what is thought of a payer's channel: for the command line and the journal. Pure.

Nothing is decided here. Amounts are told in XRP, times as ledger time in UTC.
"""

from __future__ import annotations

from typing import Final

from watchtower.judgement.outgoing import Act, OutgoingJudgement, Standing
from watchtower.units import RippleTime, format_drops, format_time

__all__ = ["describe_outgoing"]

_ACT: Final = {
    Act.FINALISE: "It is finalised now.",
    Act.REQUEST_CLOSE: "It is asked to close now.",
}


def describe_outgoing(judgement: OutgoingJudgement) -> str:
    """Return the whole judgement in a few sentences."""
    sentences = [_STANDING[judgement.standing].format(**_words(judgement))]
    if judgement.foreign is not None and judgement.signed is not None:
        sentences.append(
            f"A claim of {format_drops(judgement.foreign.amount)} was made on it, and only "
            f"{format_drops(judgement.signed)} are registered as signed: its claim key may be "
            "stolen."
        )
    elif judgement.signed is None:
        sentences.append("No claim is registered as signed, so claims on it are not compared.")
    if judgement.act is not None:
        sentences.append(_ACT[judgement.act])
    return " ".join(sentences)


def _words(judgement: OutgoingJudgement) -> dict[str, str]:
    end = RippleTime(0) if judgement.ends_at is None else judgement.ends_at
    return {"left": format_drops(judgement.returns), "end": format_time(end)}


_STANDING: Final = {
    Standing.OPEN: "The channel is open, with {left} left in it.",
    Standing.CLOSING: "The channel ends at {end}; {left} are left in it.",
    Standing.ENDED: "The channel has reached its end at {end}, and is finalised when that is sure.",
    Standing.EXPIRED: "The channel ended at {end}, and {left} wait in it to come home.",
    Standing.CLOSED: "The channel is closed.",
}
