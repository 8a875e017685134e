"""What stands in the file of a backup: a head that anybody reads, and frames that few can.

::

    xrpl-watchtower backup 1                 (a line)
    {"chain": …, "sequence": 0, …}         the head, a line of JSON
    age-encryption.org/v1 …               the frames, encrypted to the recipients (age v1)
    64 bytes                              Ed25519 over all of that, by a key of the store

A frame is four bytes of length and a message in msgpack. The first one has the store's master key
and the digest of the head, so that neither can be exchanged; then records come as they are in the
store, still sealed, and those that are gone; the last one says how many there were.

Whoever made the file may have been an attacker who knows the recipient: nothing here is believed
but what is written down as a length, and no length makes us keep more than ``LONGEST``.

Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from typing_extensions import override

from watchtower.errors import BackupDamagedError

__all__ = [
    "LONGEST",
    "LONGEST_HEAD",
    "SIGNATURE_BYTES",
    "Closing",
    "Frame",
    "Frames",
    "Head",
    "Opening",
    "Removed",
    "Row",
    "Written",
    "digest_of",
    "is_backup",
    "read_head",
    "write_frame",
    "write_head",
]

_MAGIC: Final = b"xrpl-watchtower backup 1\n"
_OTHER_VERSION: Final = b"xrpl-watchtower backup "

LONGEST_HEAD: Final = 2_048
"""Bytes within which the head has ended."""

LONGEST: Final = 2**26
"""Bytes of a frame at most: what is written is cut far below it, but for one huge record."""

SIGNATURE_BYTES: Final = 64
"""The signature at the end (RFC 8032)."""

_LENGTH_BYTES: Final = 4

_Id = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Number = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file says of itself to anybody who has it.

    Attributes:
        chain: which base it belongs to, and all that is built on that.
        sequence: 0 for the base, and one more for each increment.
        based_on: the digest of the file that it is built on; None for a base.
        network: the id of the network that the store was pinned to; None before it was.
        created: the host's Unix time, in seconds, and later than that of the last backup of the
            same store, whatever the clock says. For people and for order, never proof.
        store_format: the format of the store.
        made_by: the Ed25519 key that its signature is by, which is of the store.
    """

    chain: _Id
    sequence: _Number
    based_on: _Digest | None
    network: _Number | None
    created: Annotated[int, Meta(ge=0, le=2**40)]
    store_format: Annotated[int, Meta(ge=1, le=9_999)]
    made_by: _Digest


_RowKey = Annotated[int, Meta(ge=1, le=2**63 - 1)] | bytes

Row = tuple[_RowKey, bytes, Annotated[int, Meta(ge=1, le=2**63 - 1)], bytes]
"""A record as it is in the store: row, topic, version, sealed."""


class Opening(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="opening"):
    """Begins the frames; ``head`` is the SHA-256 of the head's bytes."""

    head: Annotated[bytes, Meta(min_length=32, max_length=32)]
    master: Annotated[bytes, Meta(min_length=32, max_length=32)]

    @override
    def __repr__(self) -> str:
        return "Opening(…)"  # a traceback must not show the master key


class Written(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="written"):
    """Records that are new in a table, or other ones than before."""

    table: str
    rows: list[Row]


class Removed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="removed"):
    """Records that a table has no more."""

    table: str
    rows: list[_RowKey]


class Closing(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="closing"):
    """Ends the frames: how many records were written and removed in all."""

    written: int
    removed: int


Frame = Opening | Written | Removed | Closing

_DECODER: Final[msgspec.msgpack.Decoder[Frame]] = msgspec.msgpack.Decoder(Frame)
_ENCODER: Final = msgspec.msgpack.Encoder()


def is_backup(data: bytes) -> bool:
    """Return whether a file that begins with ``data`` says that it is a backup of this kind."""
    return data.startswith(_OTHER_VERSION)


def write_head(head: Head) -> bytes:
    """Return the bytes with which a file begins."""
    return _MAGIC + msgspec.json.encode(head) + b"\n"


def read_head(data: bytes, name: object) -> tuple[Head, bytes]:
    """Return the head of the file called ``name``, and its very bytes, out of the file's first.

    Raises:
        BackupDamagedError: it is no backup, of another version, or its head makes no sense.
    """
    if not data.startswith(_MAGIC):
        why = "it is no backup"
        if is_backup(data):
            why = "it is of a version that this watchtower does not know"
        raise BackupDamagedError(path=name, why=why)
    end = data.find(b"\n", len(_MAGIC), LONGEST_HEAD)
    if end < 0:
        raise BackupDamagedError(path=name, why="it is cut short in its head")
    try:
        head = msgspec.json.decode(data[len(_MAGIC) : end], type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BackupDamagedError(path=name, why="its head makes no sense") from None
    if (head.sequence == 0) is not (head.based_on is None):
        raise BackupDamagedError(path=name, why="its head contradicts itself")
    return head, data[: end + 1]


def digest_of(head: bytes) -> bytes:
    """Return the digest of a head's bytes, which the first frame repeats."""
    return hashlib.sha256(head).digest()


def write_frame(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    text = _ENCODER.encode(frame)
    return len(text).to_bytes(_LENGTH_BYTES) + text


class Frames:
    """Frames out of bytes that come in pieces, in the one order that there is."""

    def __init__(self, head: bytes, name: object) -> None:
        """Read the frames of the file called ``name``, whose head has these bytes."""
        self._digest = digest_of(head)
        self._name = name
        self._left = bytearray()
        self._is_open = False
        self._written = self._removed = 0
        self._has_ended = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole now.

        Raises:
            BackupDamagedError: they are none, or not in their order.
        """
        self._left += data
        while len(self._left) >= _LENGTH_BYTES:
            length = int.from_bytes(self._left[:_LENGTH_BYTES])
            if length > LONGEST:
                raise self._damaged("a part of it is longer than any that is written")
            end = _LENGTH_BYTES + length
            if len(self._left) < end:
                return
            text = bytes(self._left[_LENGTH_BYTES:end])
            del self._left[:end]
            yield self._taken(text)

    def finish(self) -> None:
        """Make sure that nothing is missing.

        Raises:
            BackupDamagedError: the last frame has not come, or something behind it.
        """
        if not self._has_ended or self._left:
            raise self._damaged("what is in it has no end")

    def _taken(self, text: bytes) -> Frame:
        try:
            frame = _DECODER.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._damaged("a part of it makes no sense") from None
        if self._has_ended or isinstance(frame, Opening) is self._is_open:
            raise self._damaged("its parts are not in their order")
        match frame:
            case Opening():
                if frame.head != self._digest:
                    raise self._damaged("its head belongs to another one")
                self._is_open = True
            case Written():
                self._written += len(frame.rows)
            case Removed():
                self._removed += len(frame.rows)
            case Closing():
                if (frame.written, frame.removed) != (self._written, self._removed):
                    raise self._damaged("it has not all the records that it had")
                self._has_ended = True
        return frame

    def _damaged(self, why: str) -> BackupDamagedError:
        return BackupDamagedError(path=self._name, why=why)
