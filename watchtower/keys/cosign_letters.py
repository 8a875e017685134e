"""Letters between towers about signatures, for ways that do not tell who wrote them. Pure.

Over mutual TLS a connection says who is at its other end. A broker does not: whoever may write to a
topic may write anything there, again and to everybody. So what towers say by way of one is signed
with their own keys (`identity`), and says for whom it is, of when, and where the answer goes.

What it guarantees: what was opened was written by one of those that we name, for us, and nobody has
changed it; an answer was written for the very letter that it answers. What it asks for is judged
behind that, as what is asked over TLS is. A key signs letters in these two forms and receipts, each
with words of its own in front, so that no signature of one can stand for another.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta, Struct

from watchtower.judgement.signature import canonical
from watchtower.keys.cosign_messages import MOST_AT_ONCE, CosignAnswers, Fields
from watchtower.units import LedgerIndex

__all__ = [
    "MOST_LETTER_BYTES",
    "Ask",
    "Opened",
    "Seal",
    "Tell",
    "open_ask",
    "open_tell",
    "sealed_ask",
    "sealed_tell",
]

MOST_LETTER_BYTES: Final = 1 << 17
"""Of a letter: 64 transactions, or the answers to them, are a third of it at most."""

_ASKS: Final = b"watchtower asks to sign\0"
_TELLS: Final = b"watchtower tells of signing\0"
_SIGNATURE: Final = re.compile(r"[0-9A-F]{128}\Z", re.ASCII)

Name = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Seal(Protocol):
    """Who signs letters."""

    @property
    def public_key(self) -> str:
        """The key by which others know them, in upper-case hex."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return a signature."""
        ...


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    """What one tower asks another to sign.

    Attributes:
        name: nobody has had it before; the answer has it, too.
        receiver: who is asked, by its account in the signer list.
        answer_to: the topic at which the answer is waited for.
        validated: the newest validated ledger of who asks: behind a while it is too old.
        transactions: unsigned, in the ledger's own field names.
    """

    name: Name
    receiver: str
    answer_to: str
    validated: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    transactions: Annotated[list[Fields], Meta(min_length=1, max_length=MOST_AT_ONCE)]

    @property
    def ledger(self) -> LedgerIndex:
        """The ledger that it is of."""
        return LedgerIndex(self.validated)


class Tell(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is answered to the letter of that ``name``: `CosignAnswers`, or why there are none."""

    name: Name
    answers: msgspec.Raw = msgspec.Raw()
    problem: str = ""


class _Letter(Struct, frozen=True, forbid_unknown_fields=True):
    """What was signed, byte by byte, by whom, and the signature; both in upper-case hex."""

    letter: msgspec.Raw
    sender: str
    signature: str


Opened = tuple[str, Ask]
"""The key of who asks, and what."""

_LETTER: Final = msgspec.json.Decoder(_Letter, strict=True)
_ASK: Final = msgspec.json.Decoder(Ask, strict=True)
_TELL: Final = msgspec.json.Decoder(Tell, strict=True)


def sealed_ask(ask: Ask, seal: Seal) -> bytes:
    """Return a letter that asks."""
    return _sealed(_ASKS, msgspec.json.encode(ask), seal)


def sealed_tell(name: str, told: CosignAnswers | str, seal: Seal) -> bytes:
    """Return a letter that answers the one of that ``name``, or says what is the matter with it."""
    if isinstance(told, str):
        tell = Tell(name=name, problem=told)
    else:
        tell = Tell(name=name, answers=msgspec.Raw(msgspec.json.encode(told)))
    return _sealed(_TELLS, msgspec.json.encode(tell), seal)


def open_ask(payload: bytes, senders: Collection[str]) -> Opened | str:
    """Return who of ``senders`` asks what; in words why it is not listened to, if it is not.

    Nothing is read of a letter of which it is not known who wrote it.
    """
    found = _opened(_ASKS, payload, senders)
    if isinstance(found, str):
        return found
    sender, letter = found
    try:
        return sender, _ASK.decode(letter)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "it asks for nothing that can be read"


def open_tell(payload: bytes, sender: str, name: str) -> Tell | str:
    """Return what ``sender`` answers to the letter ``name``; in words why that is no answer."""
    found = _opened(_TELLS, payload, (sender,))
    if isinstance(found, str):
        return found
    try:
        told = _TELL.decode(found[1])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "it tells nothing that can be read"
    return told if told.name == name else "it is the answer to another letter"


def _sealed(words: bytes, body: bytes, seal: Seal) -> bytes:
    signature = seal.sign(words + body).hex().upper()
    made = _Letter(letter=msgspec.Raw(body), sender=seal.public_key, signature=signature)
    return msgspec.json.encode(made)


def _opened(words: bytes, payload: bytes, senders: Collection[str]) -> tuple[str, bytes] | str:
    if len(payload) > MOST_LETTER_BYTES:
        return f"it is longer than {MOST_LETTER_BYTES} bytes"
    try:
        found = _LETTER.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "it is no letter"
    if found.sender not in senders:
        return "it is of nobody who is named here"
    if not _SIGNATURE.match(found.signature):
        return "its signature is none"
    body = bytes(found.letter)
    key, signature = bytes.fromhex(found.sender), bytes.fromhex(found.signature)
    taken = canonical(key, words + body, signature)
    if taken is None or taken.rescued:
        return "its signature is not of who is said to have written it"
    return found.sender, body
