"""What goes over the wire, as the served OpenAPI document tells it."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from watchtower.claims.answer import Answer
from watchtower.claims.decision import NotKept, Pending
from watchtower.claims.message import ClaimMessage
from watchtower.claims.receipt import ReceiptMessage
from watchtower.errors import InputError

__all__ = [
    "MOST_CLAIMS",
    "PROBLEM_TYPE",
    "AnswerMessage",
    "ChannelPage",
    "Claims",
    "Health",
    "Problem",
    "refusal_of",
]

PROBLEM_TYPE: Final = "application/problem+json"

MOST_CLAIMS: Final = 1_000
"""Claims in one request, at most."""

_MALFORMED: Final = "malformed"

_MOST_WORDS: Final = 500
"""Letters of a sentence that tells somebody what they sent: answers stay smaller than requests."""


Claims = ClaimMessage | list[ClaimMessage]
"""One claim, or several that are answered together."""


class AnswerMessage(Struct, frozen=True):
    """The two answers about one claim.

    ``kept`` or ``pending`` is true if it is on disk. ``reasons`` say in one word each why nothing
    should be served against it, ``why_not_serve`` in one sentence each; ``why_not_kept`` says in
    one word why it was not kept, and ``sentence`` in words. ``at_stake`` is what redeeming the
    best claim would pay now, in drops; it is sure until ``sure_until`` (ledger time; null while
    no end is set), and in any case for ``notice_seconds`` from now on, whatever the payer does.
    ``receipt`` is the tower's signature for what is on disk: this claim, or the higher one.
    """

    channel: str
    kept: bool
    pending: bool
    serve: bool | None
    reasons: list[str]
    why_not_serve: list[str]
    amount: str | None = None
    role: str | None = None
    best: str | None = None
    at_stake: str | None = None
    sure_until: str | None = None
    notice_seconds: int | None = None
    rescued: bool | UnsetType = UNSET
    why_not_kept: str | UnsetType = UNSET
    sentence: str | UnsetType = UNSET
    receipt: ReceiptMessage | UnsetType = UNSET

    @classmethod
    def of(cls, answer: Answer) -> AnswerMessage:
        """Return an answer as it is sent."""
        report = answer.report()
        kept = answer.decision.kept
        is_refused = isinstance(kept, NotKept)
        return cls(
            channel=report["channel"],
            kept=report["kept"],
            pending=isinstance(kept, Pending),
            serve=report["serve"],
            reasons=report["reasons"],
            why_not_serve=report["why_not_serve"],
            amount=str(report["amount"]),
            role=report["role"],
            best=str(report["best"]),
            at_stake=str(report["at_stake"]),
            sure_until=report["sure_until"],
            notice_seconds=report["notice_seconds"],
            rescued=report.get("rescued", UNSET),
            why_not_kept=report["why_not_kept"] if is_refused else UNSET,
            sentence=report["sentence"] if is_refused else UNSET,
            receipt=UNSET if answer.receipt is None else answer.receipt.message(),
        )


def refusal_of(message: ClaimMessage, wrong: InputError) -> AnswerMessage:
    """Return the answer to what is no claim at all."""
    return AnswerMessage(
        channel=message.channel[:64],
        kept=False,
        pending=False,
        serve=False,
        reasons=["not_kept"],
        why_not_serve=["The claim was not kept."],
        why_not_kept=_MALFORMED,
        sentence=str(wrong)[:_MOST_WORDS],
    )


class ChannelPage(Struct, frozen=True):
    """Some channels in the order of their ids. ``next`` continues the list, if there is more."""

    channels: list[dict[str, Any]]
    next: str | None


class Health(Struct, frozen=True):
    """How it is, in one word, and why not better."""

    status: str
    why: str = ""


class Problem(Struct, frozen=True, omit_defaults=True):
    """What went wrong (RFC 9457). ``type`` is a word of the documented list."""

    type: str
    title: str
    status: int
    detail: str = ""
