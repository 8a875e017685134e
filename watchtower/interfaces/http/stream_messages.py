"""What goes over the stream, each way one JSON object a message (docs/stream.md).

What it guarantees: whatever text comes in, a request comes out, or `RequestError` with what is
wrong; a field that is not known is wrong, since a typing mistake would else go unnoticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from watchtower.claims.message import ClaimMessage
from watchtower.errors import InputError
from watchtower.interfaces.happening import KINDS, Happening, Interest, Lagged
from watchtower.interfaces.http.messages import MOST_CLAIMS, AnswerMessage, Problem
from watchtower.units import parse_channel_id

__all__ = [
    "AnswersMessage",
    "EventMessage",
    "Follow",
    "FollowingMessage",
    "Id",
    "LaggedMessage",
    "ProblemMessage",
    "RequestError",
    "Submit",
    "encode",
    "message_of",
    "read_request",
]

_MOST_CHANNELS: Final = 1_000
"""Channels that one follower may name; who wants more follows all."""

_MOST_WORDS: Final = 500

Id = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=0, le=2**53)]
"""What a client calls its request by, and finds in the answer."""


class RequestError(Exception):
    """A message is no request.

    Attributes:
        word: as a problem's type says it (docs/http.md).
        request: the id of the request, if that could be read.
    """

    def __init__(self, word: str, why: str, request: Id | None = None) -> None:
        """Say ``why``, in a sentence."""
        super().__init__(why)
        self.word = word
        self.request = request


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Claims, to be kept and answered."""

    id: Id
    claims: Sequence[ClaimMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """From now on to be told what happens, with this interest; None ends it."""

    id: Id
    interest: Interest | None


class _Request(Struct, forbid_unknown_fields=True, frozen=True):
    id: Id
    claims: Raw | UnsetType = UNSET
    follow: Raw | UnsetType = UNSET


class _Interest(Struct, forbid_unknown_fields=True, frozen=True):
    channels: Annotated[list[str], Meta(min_length=1, max_length=_MOST_CHANNELS)] | None = None
    kinds: Annotated[list[str], Meta(min_length=1, max_length=len(KINDS))] | None = None


class AnswersMessage(Struct, frozen=True):
    """The answers to claims, one each, in their order; all of them are on disk."""

    id: Id
    answers: list[AnswerMessage]


class FollowingMessage(Struct, frozen=True):
    """From here on events are told, or none are."""

    id: Id
    following: bool


class ProblemMessage(Struct, frozen=True):
    """A request was not answered, and why; ``id`` is null if none could be read."""

    id: Id | None
    problem: Problem


class EventMessage(Struct, frozen=True):
    """Something happened: `Happening.report`."""

    event: dict[str, Any]


class LaggedMessage(Struct, frozen=True):
    """So many events are missing here: ``missed``."""

    lagged: dict[str, int]


_ENCODER: Final = msgspec.json.Encoder()
_REQUEST: Final = msgspec.json.Decoder(_Request)
_CLAIMS: Final = msgspec.json.Decoder(list[ClaimMessage])
_INTEREST: Final = msgspec.json.Decoder(_Interest | None)


def encode(message: Struct) -> str:
    """Return a message as it is sent."""
    return _ENCODER.encode(message).decode()


def message_of(told: Happening | Lagged) -> Struct:
    """Return what a follower is told, as it is sent."""
    if isinstance(told, Lagged):
        return LaggedMessage(lagged={"missed": told.missed})
    return EventMessage(event=told.report())


def read_request(text: str) -> Submit | Follow:
    """Return the request that a text message is.

    Raises:
        RequestError: it is none.
    """
    try:
        request = _REQUEST.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
        raise RequestError("malformed", _why(wrong)) from None
    try:
        return _read(request)
    except (msgspec.DecodeError, UnicodeError, RecursionError, InputError) as wrong:
        raise RequestError("malformed", _why(wrong), request.id) from None


def _read(request: _Request) -> Submit | Follow:
    claims, follow = request.claims, request.follow
    if isinstance(claims, Raw) == isinstance(follow, Raw):
        why = "Ask for one thing at a time: `claims`, or `follow`."
        raise RequestError("malformed", why, request.id)
    if isinstance(claims, Raw):
        found = _CLAIMS.decode(claims)
        if len(found) > MOST_CLAIMS:
            why = f"Hand over {MOST_CLAIMS} claims at a time at most."
            raise RequestError("too_large", why, request.id)
        return Submit(id=request.id, claims=found)
    asked = None if isinstance(follow, UnsetType) else _INTEREST.decode(follow)
    return Follow(id=request.id, interest=None if asked is None else _interest(asked, request.id))


def _interest(asked: _Interest, request: Id) -> Interest:
    for kind in asked.kinds or ():
        if kind not in KINDS:
            why = f"Nothing of the kind {kind[:40]!r} is ever told; there are: {', '.join(KINDS)}."
            raise RequestError("malformed", why, request)
    channels, kinds = asked.channels, asked.kinds
    return Interest(
        channels=None if channels is None else frozenset(map(parse_channel_id, channels)),
        kinds=None if kinds is None else frozenset(kinds),
    )


def _why(wrong: Exception) -> str:
    if isinstance(wrong, RecursionError):
        return "It is nested too deeply."
    return str(wrong)[:_MOST_WORDS]
