"""What the tower answers, typed; what it says beyond the types is kept and not lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from watchtower.client.claim import Claim
from watchtower.units import Address, ChannelId, Drops

__all__ = [
    "Answer",
    "ChannelShown",
    "Queued",
    "Readiness",
    "answer_of",
    "channel_of",
    "not_queued",
]

_NOT_KEPT: Final = "not_kept"
_NOT_ABOVE: Final = "not_above_best"
_WHY_NOT_QUEUED: Final = {
    "bad_signature": "The key that the claim names did not sign it.",
    "pending_full": (
        "The tower did not answer, and as many claims of this channel as may wait for it do so "
        "already: hand it over again."
    ),
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The tower's two answers about one claim (docs/http.md has all the words).

    Attributes:
        channel: whose claim it was.
        kept: it is on disk as the best claim of its channel, and will be redeemed.
        pending: it is on disk, and waits for a server to tell of its channel.
        serve: it is safe to deliver what it pays for; None where that is no question.
        reasons: why not to serve, in one word each.
        why_not_serve: the same in sentences.
        amount: what the claim promises, in drops; None for what was no claim.
        best: what the tower holds for the channel now, in drops; None for what was no claim.
        role: on which side of the channel the tower is; None if it does not know.
        why_not_kept: in one word, why it was not kept; empty if it was.
        sentence: the same in words.
        extra: every field that is not one of these, as it came.
    """

    channel: str
    kept: bool
    pending: bool
    serve: bool | None
    reasons: tuple[str, ...] = ()
    why_not_serve: tuple[str, ...] = ()
    amount: Drops | None = None
    best: Drops | None = None
    role: str | None = None
    why_not_kept: str = ""
    sentence: str = ""
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether the tower holds as much for the channel as the claim promises, or more.

        True also for a claim that was kept before: handed over twice, it is not above itself.
        """
        if self.kept or self.pending:
            return True
        known = self.amount is not None and self.best is not None
        return (
            known and self.why_not_kept == _NOT_ABOVE and 0 < (self.amount or 0) <= (self.best or 0)
        )


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that is on this machine's disk and not with the tower: not kept, not to be served.

    ``why`` says why it could not be handed over.
    """

    claim: Claim
    why: str
    kept: bool = False
    pending: bool = False
    serve: bool = False
    reasons: tuple[str, ...] = ("queued",)


class ChannelShown(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as the tower knows it; amounts in drops, times in ISO 8601.

    ``best_claim`` is None while it holds none; ``extra`` has everything else that it tells.
    """

    channel: ChannelId
    source: Address
    destination: Address
    amount: Drops
    balance: Drops
    settle_delay: int
    public_key: str
    expiration: str | None = None
    cancel_after: str | None = None
    phase: str = ""
    best_claim: Drops | None = None
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Readiness(msgspec.Struct, frozen=True):
    """Whether the tower judges by fresh ledgers and has read every channel; if not, why."""

    is_ready: bool
    why: str = ""


_Kind = TypeVar("_Kind", Answer, ChannelShown)

_FIELDS: Final[dict[type, frozenset[str]]] = {
    kind: frozenset(kind.__struct_fields__) - {"extra"} for kind in (Answer, ChannelShown)
}


def answer_of(told: Any) -> Answer:
    """Return an answer out of JSON.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return _read(told, Answer)


def channel_of(told: Any) -> ChannelShown:
    """Return a channel out of JSON.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return _read(told, ChannelShown)


def not_queued(claim: Claim, why: str) -> Answer:
    """Return the answer to a claim that `Queue.put` did not take, in the tower's words."""
    return Answer(
        channel=claim.channel,
        kept=False,
        pending=False,
        serve=False,
        reasons=(_NOT_KEPT,),
        why_not_serve=("The claim was not kept.",),
        amount=claim.amount,
        why_not_kept=why,
        sentence=_WHY_NOT_QUEUED[why],
    )


def _read(told: Any, kind: type[_Kind]) -> _Kind:
    if not isinstance(told, dict):
        raise msgspec.ValidationError("it is no object")
    fields = _FIELDS[kind]
    known = {name: value for name, value in told.items() if name in fields}
    extra = {name: value for name, value in told.items() if name not in fields}
    # Amounts come as text or as numbers; both are drops. Everything else has to be what it is.
    for name in ("amount", "best", "balance", "best_claim"):
        text = known.get(name)
        if isinstance(text, str) and text.isascii() and text.isdigit():
            known[name] = int(text)
    return msgspec.convert({**known, "extra": extra}, kind)
