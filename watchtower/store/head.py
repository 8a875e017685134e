"""The head: how far a store has come, in a few signed bytes that are kept outside of it.

To the byte::

    statement  "watchtower head v1" and a zero byte · store 16 · network 4 · version 8
               · leaves 8 · milliseconds 8 · root 32
    signature  of the statement, ed25519 (RFC 8032), by the tower's identity key

Numbers are unsigned, the most significant byte first; a store that belongs to no network yet says
`FFFFFFFF`. The version counts the transactions that ever changed anything, claims included; leaves
and root are those of the journal's tree. Beside the root go the peaks that it is made of: by them
a store that has grown since can tell what it was, with no more than what it has added.

What it proves: the tower had come so far. What it does not: when, which is the tower's own word.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from watchtower.store.tree import Frontier

__all__ = [
    "MOST_BYTES",
    "Finding",
    "Head",
    "HeadMessage",
    "Missing",
    "Standing",
    "glance",
    "missing_of",
    "sign_head",
]

MOST_BYTES: Final = 16_384
"""Of a head as it is written: the largest tree has 64 peaks, some 5,000 bytes."""

_TITLE: Final = b"watchtower head v1\0"
_NO_NETWORK: Final = 0xFFFFFFFF
_STORE_BYTES: Final = 16
_MOST: Final = (1 << 63) - 1
_ED25519: Final = "ED"
_KEY_BYTES: Final = 32


class Finding(StrEnum):
    """How a store stands to a head. Values are stored: never rename or reuse one."""

    FINE = "fine"  # the head lies on the store's own way
    NONE_YET = "none_yet"  # no head was ever there
    GONE = "gone"  # there was one
    OLDER = "older"  # the head is further than the store
    FORKED = "forked"  # both went on from somewhere, each its own way
    ANOTHER_STORE = "another_store"  # it is the head of another store
    TAMPERED = "tampered"  # the tower did not sign it, or it is none
    BROKEN = "broken"  # the store itself is, so that nobody can tell what it was
    UNREACHABLE = "unreachable"  # nobody can tell

    @property
    def is_trouble(self) -> bool:
        """Whether the store may have been put back: a person has to look."""
        return self not in {Finding.FINE, Finding.NONE_YET, Finding.UNREACHABLE}


class Missing(Struct, frozen=True):
    """How much a store lacks of what its head has seen: lines of the journal, and changes."""

    entries: int = 0
    changes: int = 0


class Standing(Struct, frozen=True, kw_only=True):
    """How far a store has come.

    Attributes:
        store: its own identity, of random bytes.
        network: that it belongs to, if any yet.
        version: how many transactions ever changed it.
        frontier: of the journal's tree.
        census: a digest of how many records each table has, and of their shares.
    """

    store: bytes
    network: int | None
    version: int
    frontier: Frontier
    census: bytes = b""


class Head(Struct, frozen=True, kw_only=True):
    """What a tower says of how far its store has come.

    Attributes:
        tower: the identity key that signed it, in upper-case hex with ``ED`` in front.
        standing: how far.
        at: when, by the tower's clock, in milliseconds since 1970.
        signature: of the statement.
    """

    tower: str
    standing: Standing
    at: int
    signature: bytes

    def encoded(self) -> bytes:
        """Return the head as it is kept: one JSON object, and a line break."""
        return msgspec.json.encode(self.message()) + b"\n"

    def message(self) -> HeadMessage:
        """Return what that object says."""
        stood = self.standing
        return HeadMessage(
            tower=self.tower,
            store=stood.store.hex(),
            network=stood.network,
            version=stood.version,
            size=stood.frontier.size,
            root=stood.frontier.root.hex(),
            peaks=[peak.hex() for peak in stood.frontier.peaks],
            at=self.at,
            signature=self.signature.hex(),
        )

    @classmethod
    def read(cls, text: bytes) -> Head | None:
        """Return the head that somebody kept; None if it is none."""
        try:
            return _head_of(msgspec.json.decode(text, type=HeadMessage))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
            return None

    @property
    def is_signed(self) -> bool:
        """Whether the tower that it names has signed it."""
        try:
            key = bytes.fromhex(self.tower.removeprefix(_ED25519))
            crypto_sign_open(self.signature + _statement(self.standing, self.at), key)
        except (BadSignatureError, ValueError):
            return False
        return True


class HeadMessage(Struct, forbid_unknown_fields=True, frozen=True):
    """A head as it is kept: bytes in hex, and ``at`` in milliseconds since 1970."""

    tower: str
    store: str
    network: int | None
    version: int
    size: int
    root: str
    peaks: list[str]
    at: int
    signature: str


def sign_head(standing: Standing, *, tower: str, at: int, sign: Callable[[bytes], bytes]) -> Head:
    """Return the head of a store.

    Args:
        standing: how far it has come.
        tower: the identity key that ``sign`` signs with.
        at: when, in milliseconds since 1970.
        sign: signs the statement.
    """
    return Head(tower=tower, standing=standing, at=at, signature=sign(_statement(standing, at)))


def glance(head: Head | None, now: Standing, tower: str | None) -> Finding | None:
    """Say how a store stands to a head, as far as the two tell by themselves.

    Args:
        head: what was kept; None if it was no head.
        now: how far the store has come.
        tower: the store's own identity key; None if it has none yet.

    Returns:
        None where the tree has to say whether it began with that of the head: if it did not, they
        are forked; if it did, the store is older where its version is lower, and else all is well.
    """
    if head is None or not head.is_signed:
        return Finding.TAMPERED
    then = head.standing
    is_ours = tower in {None, head.tower} and then.store == now.store
    if not is_ours or (then.network != now.network and None not in {then.network, now.network}):
        return Finding.ANOTHER_STORE
    if then.frontier.size > now.frontier.size:
        return Finding.OLDER
    if then.version == now.version:
        return Finding.FINE if then.frontier == now.frontier else Finding.FORKED
    return None


def missing_of(head: Head, now: Standing) -> Missing:
    """Return how much the store lacks of what the head has seen, where it is older."""
    then = head.standing
    return Missing(
        entries=max(0, then.frontier.size - now.frontier.size),
        changes=max(0, then.version - now.version),
    )


def _statement(standing: Standing, at: int) -> bytes:
    network = _NO_NETWORK if standing.network is None else standing.network
    return b"".join(
        (
            _TITLE,
            standing.store,
            network.to_bytes(4),
            standing.version.to_bytes(8),
            standing.frontier.size.to_bytes(8),
            at.to_bytes(8),
            standing.frontier.root,
        )
    )


def _head_of(message: HeadMessage) -> Head:
    """Return what a message spells.

    Raises:
        ValueError: it spells no head.
    """
    frontier = Frontier(message.size, tuple(map(bytes.fromhex, message.peaks)))
    store, key = bytes.fromhex(message.store), bytes.fromhex(message.tower.removeprefix(_ED25519))
    numbers = (message.version, message.size, message.at)
    network = 0 if message.network is None else message.network
    if not (
        all(0 <= number <= _MOST for number in numbers)
        and 0 <= network < _NO_NETWORK
        and frontier.is_well_formed
        and frontier.root == bytes.fromhex(message.root)
        and len(store) == _STORE_BYTES
        and message.tower == _ED25519 + key.hex().upper()
        and len(key) == _KEY_BYTES
    ):
        raise ValueError("no store has such a head")
    standing = Standing(
        store=store, network=message.network, version=message.version, frontier=frontier
    )
    signature = bytes.fromhex(message.signature)
    return Head(tower=message.tower, standing=standing, at=message.at, signature=signature)
