"""Signed receipts: proof, for whoever has the tower's key, that it held a claim at a certain time.

The claims of one group are the leaves of a Merkle tree, and the tower signs its root: one signature
for each fsync, however many claims. A receipt is one leaf with its path, and stands alone. To the
byte::

    leaf       channel 32 · amount 8 · public key 33 · state 1 (0 kept, 1 pending)
    statement  "watchtower receipt v1" and a zero byte · leaves 4 · milliseconds 8 · root 32
    signature  of the statement, ed25519 (RFC 8032), by the tower's identity key

Numbers are unsigned, the most significant byte first. The statement begins as nothing does that the
ledger takes (rippled HashPrefix.h: three letters and a zero), so that a receipt is never a claim.

What it proves: the claim was on disk at the time that the tower says. What it does not: that time,
which is the tower's own word; nor that it was redeemed, which the ledger proves.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from watchtower.errors import InputError, ReceiptFormatError
from watchtower.judgement.claim import Claim
from watchtower.store.tree import HASH_BYTES, Tree, root_by
from watchtower.units import ChannelId, Drops, parse_channel_id, parse_drops

__all__ = ["Held", "Receipt", "ReceiptMessage", "State", "WhyVoid", "receipts_for", "why_void"]

_TITLE: Final = b"watchtower receipt v1\0"
_AMOUNT_BYTES: Final = 8
_KEY_BYTES: Final = 33
_SIZE_BYTES: Final = 4
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_ED25519: Final = "ED"
_LONGEST_PATH: Final = 8 * _SIZE_BYTES


class State(StrEnum):
    """How a claim is held."""

    KEPT = "kept"  # the best of its channel
    PENDING = "pending"  # until a server tells of its channel


class WhyVoid(StrEnum):
    """Why a receipt proves nothing."""

    ANOTHER_TOWER = "another tower signed it"
    NO_SUCH_LEAF = "its path fits no group of that size"
    BAD_SIGNATURE = "the tower did not sign this"


class Held(Struct, frozen=True, gc=False):
    """A claim that is on disk."""

    claim: Claim
    state: State

    @property
    def leaf(self) -> bytes:
        """The claim as it stands in the tree."""
        claim = self.claim
        return _leaf(claim.channel, claim.amount, claim.public_key, self.state)


class Receipt(Struct, frozen=True, kw_only=True, gc=False):
    """What the tower signed about one claim.

    Attributes:
        tower: its identity key, in upper-case hex with ``ED`` in front.
        channel: of the claim.
        amount: that is held, in drops: that of the claim, or of a higher one by the same key.
        public_key: that signed the claim, in hex.
        state: how it is held.
        at: when, by the tower's clock, in milliseconds since 1970.
        index: the leaf's place in its group.
        size: how many leaves the group has.
        path: the neighbours on the way to the root.
        signature: of the group's statement.
    """

    tower: str
    channel: ChannelId
    amount: Drops
    public_key: str
    state: State
    at: int
    index: int
    size: int
    path: tuple[bytes, ...]
    signature: bytes

    def message(self) -> ReceiptMessage:
        """Return the receipt as it is sent, and as `parse` reads it."""
        return ReceiptMessage(
            tower=self.tower,
            channel=self.channel,
            amount=str(self.amount),
            public_key=self.public_key,
            state=self.state,
            at=self.at,
            index=self.index,
            size=self.size,
            path=[one.hex() for one in self.path],
            signature=self.signature.hex(),
        )

    @classmethod
    def parse(cls, text: bytes | str) -> Receipt:
        """Read one JSON object: a receipt, or an answer that has one as its ``receipt``.

        Raises:
            ReceiptFormatError: it is none.
        """
        try:
            found = _DECODER.decode(text)
            if found.receipt is not None:
                return _of(msgspec.convert(found.receipt, ReceiptMessage))
            return _of(_STRICT.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise ReceiptFormatError(why=str(wrong)) from None
        except (InputError, ValueError) as wrong:
            raise ReceiptFormatError(why=str(wrong)) from None


class ReceiptMessage(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A receipt over the wire; bytes are in hex, ``at`` is milliseconds since 1970."""

    tower: str
    channel: str
    amount: str
    public_key: str
    state: State
    at: int
    index: int
    size: int
    path: list[str]
    signature: str


class _Answer(msgspec.Struct, frozen=True):
    receipt: Any = None


_DECODER: Final = msgspec.json.Decoder(_Answer)
_STRICT: Final = msgspec.json.Decoder(ReceiptMessage)


def receipts_for(
    held: Sequence[Held], *, tower: str, at: int, sign: Callable[[bytes], bytes]
) -> list[Receipt]:
    """Return a receipt for each claim of one group, of which there is at least one.

    Args:
        held: what is on disk.
        tower: the identity key that ``sign`` signs with.
        at: when, in milliseconds since 1970.
        sign: signs the group's statement.
    """
    tree = Tree([one.leaf for one in held])
    signature = sign(_statement(tree.size, at, tree.root))
    return [
        Receipt(
            tower=tower,
            channel=one.claim.channel,
            amount=one.claim.amount,
            public_key=one.claim.public_key,
            state=one.state,
            at=at,
            index=index,
            size=tree.size,
            path=tree.path(index),
            signature=signature,
        )
        for index, one in enumerate(held)
    ]


def why_void(receipt: Receipt, tower: str) -> WhyVoid | None:
    """Return why a receipt proves nothing of the tower with this key; None if it proves."""
    if receipt.tower != tower:
        return WhyVoid.ANOTHER_TOWER
    leaf = _leaf(receipt.channel, receipt.amount, receipt.public_key, receipt.state)
    root = root_by(leaf, index=receipt.index, size=receipt.size, path=receipt.path)
    if root is None:
        return WhyVoid.NO_SUCH_LEAF
    statement = _statement(receipt.size, receipt.at, root)
    key = bytes.fromhex(tower.removeprefix(_ED25519))
    try:
        crypto_sign_open(receipt.signature + statement, key)
    except BadSignatureError:
        return WhyVoid.BAD_SIGNATURE
    return None


def _leaf(channel: str, amount: int, public_key: str, state: State) -> bytes:
    return (
        bytes.fromhex(channel)
        + amount.to_bytes(_AMOUNT_BYTES)
        + bytes.fromhex(public_key)
        + (b"\x01" if state is State.PENDING else b"\x00")
    )


def _statement(size: int, at: int, root: bytes) -> bytes:
    return _TITLE + size.to_bytes(_SIZE_BYTES) + at.to_bytes(_TIME_BYTES) + root


def _of(message: ReceiptMessage) -> Receipt:
    """Return what a message spells.

    Raises:
        InputError, ValueError: it spells no receipt.
    """
    amount = parse_drops(message.amount)
    if message.amount != str(amount):
        raise ValueError(f"{message.amount!r} is not an amount in drops")
    most = (1 << 8 * _SIZE_BYTES) - 1
    if not 0 <= message.index < message.size <= most or not 0 <= message.at < 1 << 63:
        raise ValueError("a number of it is out of bounds")
    if len(message.path) > _LONGEST_PATH:
        raise ValueError("its path is longer than that of any group")
    return Receipt(
        tower=_hex(message.tower, _KEY_BYTES).hex().upper(),
        channel=parse_channel_id(message.channel),
        amount=amount,
        public_key=_hex(message.public_key, _KEY_BYTES).hex().upper(),
        state=message.state,
        at=message.at,
        index=message.index,
        size=message.size,
        path=tuple(_hex(one, HASH_BYTES) for one in message.path),
        signature=_hex(message.signature, _SIGNATURE_BYTES),
    )


def _hex(text: str, size: int) -> bytes:
    if len(text) != 2 * size or not text.isascii() or not text.isalnum():
        raise ValueError(f"{text[:80]!r} is not {size} bytes in hex")
    return bytes.fromhex(text)
