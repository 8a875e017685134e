"""What the daemon and a signer apart say to each other, to the byte. Pure.

A message is a frame: four bytes, the length of what follows in big-endian order, and so many bytes
of JSON in UTF-8 (RFC 8259). Both sides are strict: a field that is unknown, missing, of another
type or too long is no message, and a frame longer than `LONGEST_FRAME` is not read at all.
``docs/signer.md`` has it for those who write another one.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "HEAD_BYTES",
    "LONGEST_FRAME",
    "MOST_AT_ONCE",
    "Answer",
    "HeldKey",
    "KeysAnswer",
    "KeysRequest",
    "Refusal",
    "Request",
    "ShareRequest",
    "SignAnswer",
    "SignRequest",
    "Signature",
    "Why",
    "framed",
    "length_of",
    "read_answer",
    "read_request",
]

HEAD_BYTES: Final = 4
LONGEST_FRAME: Final = 256 * 1024
"""Bytes behind the head. The largest message that somebody honest sends has a fifth of it."""

MOST_AT_ONCE: Final = 64
"""Transactions in one request, and so signatures in one answer."""

_Id = Annotated[int, Meta(ge=0, le=2**53 - 1)]
_Name = Annotated[str, Meta(max_length=64)]
_Text = Annotated[str, Meta(max_length=512)]
_Fields = Annotated[dict[_Name, int | _Text], Meta(max_length=32)]

Why = Literal["refused", "capped", "key_missing", "master_key_idle", "unable"]
"""Why it goes no further: outside what is signed; above what may be spent at once or today; no key
for the account, or its master key alone, which may not sign; not now."""


class SignRequest(Struct, tag="sign", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """Sign these, one after the other, up to the first that is refused.

    Each is unsigned, in the ledger's own field names; the signer makes the bytes itself. ``keys``
    names, by account, the key that the ledger takes now, where a rotation has come so far: the
    signer has no ledger, and two keys of that account. It uses no other key for being asked.
    """

    id: _Id
    transactions: Annotated[tuple[_Fields, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    keys: Annotated[dict[_Name, _Text], Meta(max_length=MOST_AT_ONCE)] = {}


class ShareRequest(Struct, tag="share", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """Sign, as one of a signer list, our part of these; else as a `SignRequest`.

    Which account that is, is for the signer's settings to say.
    """

    id: _Id
    transactions: Annotated[tuple[_Fields, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class KeysRequest(Struct, tag="keys", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """Tell for which accounts there are keys."""

    id: _Id


class Signature(Struct, forbid_unknown_fields=True, frozen=True):
    """Who signed, and the signature; both upper-case hex."""

    public_key: _Text
    signature: _Text


class Refusal(Struct, forbid_unknown_fields=True, frozen=True):
    """Why it goes no further, and the rest of a sentence that says so."""

    kind: Why
    why: _Text


class SignAnswer(Struct, tag="signed", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """The signatures of the first transactions of a request, and why there are no more."""

    id: _Id
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=MOST_AT_ONCE)] = ()
    refusal: Refusal | None = None


class HeldKey(Struct, forbid_unknown_fields=True, frozen=True):
    """The public half of a key of an account; a second one is the next of a rotation."""

    account: _Text
    public_key: _Text


class KeysAnswer(Struct, tag="keys", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """The keys that there are, and the most drops that one transaction may cost."""

    id: _Id
    keys: Annotated[tuple[HeldKey, ...], Meta(max_length=1_000)] = ()
    fee_cap: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None


Request = SignRequest | ShareRequest | KeysRequest
Answer = SignAnswer | KeysAnswer

_REQUESTS: Final = msgspec.json.Decoder(Request)
_ANSWERS: Final = msgspec.json.Decoder(Answer)


def framed(message: Request | Answer) -> bytes:
    """Return a message as it goes over the socket."""
    body = msgspec.json.encode(message)
    return len(body).to_bytes(HEAD_BYTES, "big") + body


def length_of(head: bytes) -> int:
    """Return how many bytes follow a head.

    Raises:
        ValueError: none, or more than `LONGEST_FRAME`.
    """
    length = int.from_bytes(head, "big")
    if not 0 < length <= LONGEST_FRAME:
        raise ValueError(f"a frame has 1 to {LONGEST_FRAME} bytes, and this one says {length}")
    return length


def read_request(body: bytes) -> Request:
    """Return the request that a frame holds.

    Raises:
        ValueError: it holds none.
    """
    request: Request = _read(_REQUESTS, body)
    return request


def read_answer(body: bytes) -> Answer:
    """Return the answer that a frame holds.

    Raises:
        ValueError: it holds none.
    """
    answer: Answer = _read(_ANSWERS, body)
    return answer


def _read(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ValueError(f"the frame holds no message: {fault}") from None
