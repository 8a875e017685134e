"""What towers say to each other about signatures, and what goes to a person and comes back. Pure.

What it guarantees: what was read has the fields and types that stand here and no others; what they
mean is held by `cosigning` and `multisign`, which believe none of it.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from watchtower.units import MAX_DROPS

__all__ = [
    "MOST_AT_ONCE",
    "BetterClaim",
    "ChannelMessage",
    "CosignAnswer",
    "CosignAnswers",
    "CosignMessage",
    "PersonalAnswer",
    "PersonalRequest",
    "is_hexadecimal",
    "read_answers",
]

MOST_AT_ONCE: Final = 64
"""Transactions that are asked for together."""

Value = int | str
Fields = dict[str, Value]
"""An unsigned transaction: one level deep, as every claim is."""

_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-F]{2}){1,72}\Z", re.ASCII)


class CosignMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Transactions that a signature is asked for, unsigned, in the ledger's own field names."""

    transactions: Annotated[list[Fields], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class BetterClaim(Struct, frozen=True, forbid_unknown_fields=True):
    """A claim on the channel that was asked about, above the one that was shown.

    ``amount`` is in drops; key and signature are upper-case hex. It proves itself.
    """

    amount: Annotated[int, Meta(ge=1, le=MAX_DROPS)]
    public_key: str
    signature: str


class CosignAnswer(Struct, frozen=True, omit_defaults=True):
    """A signature, in upper-case hexadecimal, or in one sentence why there is none.

    With a refusal goes the better claim that is its reason, if that is the reason.
    """

    signature: str = ""
    refused: str = ""
    better: BetterClaim | None = None


class CosignAnswers(Struct, frozen=True):
    """Who signs, and the answers in the order of the transactions.

    ``account`` is the signer's, as it stands in the signer list; ``public_key`` is upper-case hex.
    """

    account: str
    public_key: str
    answers: list[CosignAnswer]


class ChannelMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A channel as the tower that asks knows it: amounts in drops, the key in upper-case hex."""

    source: str
    destination: str
    amount: Annotated[int, Meta(ge=0)]
    balance: Annotated[int, Meta(ge=0)]
    public_key: str


class PersonalRequest(Struct, frozen=True, forbid_unknown_fields=True, tag="cosign_request"):
    """What waits for a person's signature.

    ``identity`` is the request's name at the tower that asks; ``signers`` are the accounts of the
    persons that may sign; ``validated`` is the ledger in which it was made.
    """

    identity: str
    signers: list[str]
    transaction: Fields
    channel: ChannelMessage
    validated: int


class PersonalAnswer(Struct, frozen=True, forbid_unknown_fields=True, tag="cosign_answer"):
    """A person's signature for the request of that name; key and signature in upper-case hex."""

    identity: str
    account: str
    public_key: str
    signature: str


_ANSWERS: Final = msgspec.json.Decoder(CosignAnswers, strict=True)


def read_answers(body: bytes, asked: int) -> CosignAnswers | str:
    """Return the answers to ``asked`` transactions; in words what is wrong with them, if it is."""
    try:
        found = _ANSWERS.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "its answer cannot be read"
    if len(found.answers) != asked:
        return f"it gave {len(found.answers)} answers for {asked} transactions"
    for answer in found.answers:
        if bool(answer.signature) == bool(answer.refused):
            return "an answer of it neither signs nor refuses, or does both"
        if answer.signature and not is_hexadecimal(answer.signature):
            return "a signature of it is not upper-case hexadecimal"
        if answer.signature and answer.better is not None:
            return "an answer of it signs a claim, and hands over a better one"
    return found


def is_hexadecimal(text: str) -> bool:
    """Return whether ``text`` spells a signature, in upper case."""
    return _HEXADECIMAL.match(text) is not None
