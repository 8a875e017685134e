"""The seals: what makes a stored record unreadable, and impossible to change, move or relabel.

One random master key; everything else is derived from it by HKDF-SHA256 (RFC 5869), one key for
each purpose and table::

    master ─┬─ "seal" + table ──► expand(row, topic, version) ──► AES-256-GCM of one record
            ├─ "row" + table ───► HMAC-SHA256(natural key)   = the row a record is found by
            ├─ "topic" + table ─► HMAC-SHA256(what it is about) = how related records are found
            └─ "census" + table ► HMAC-SHA256(place, tag)    = a record's share in the census

A record is sealed for its *place*: table, row, topic and version, bound twice, by the key that is
derived for it and as associated data. Put anywhere else, or given another version, it fails. The
text is padded to whole blocks before sealing, so that its length tells no amount.

While a store gets another master key its keyring knows two: what is written is sealed by the
present key, and what is read may be sealed by its predecessor still (``rekey.py``).

Deterministic but for ``random``, from which nonces come.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["CENSUS_MODULUS", "MASTER_KEY_BYTES", "Keyring", "Place", "Randomness", "new_master_key"]

Randomness = Callable[[int], bytes]
"""Gives so many unpredictable bytes."""

MASTER_KEY_BYTES: Final = 32

CENSUS_MODULUS: Final = 2**256
"""Shares of the census add up modulo this."""

_NONCE_BYTES: Final = 12  # NIST SP 800-38D, 5.2.1.1: the length for which GCM needs no hashing
_TAG_BYTES: Final = 16
_BLOCK: Final = 64
_DOMAIN: Final = b"xrpl-watchtower store 1"


class Place(NamedTuple):
    """Where a record lives; a seal holds at exactly one place. ``topic`` is empty without one."""

    table: str
    row: bytes
    topic: bytes
    version: int


class Keyring:
    """The keys of one store. Neither ``repr`` nor an error shows them."""

    __slots__ = ("_derived", "_master", "_random", "epoch", "predecessor")

    def __init__(
        self,
        master: bytes,
        random: Randomness = os.urandom,
        *,
        predecessor: bytes | None = None,
        epoch: int = 0,
    ) -> None:
        """Derive keys from ``master`` as they are needed.

        ``predecessor`` is the master key of before, while anything may be sealed by it still;
        ``epoch`` is the number in the file for which all this holds.
        """
        self._master = master
        self._random = random
        self._derived: dict[tuple[str, str], HMAC] = {}
        self.predecessor = None if predecessor is None else Keyring(predecessor, random)
        self.epoch = epoch

    @property
    def master(self) -> bytes:
        """The master key, for wrapping it anew."""
        return self._master

    def row(self, table: str, name: str) -> bytes:
        """Return the row of ``table`` under which the record called ``name`` is written."""
        return self._digest("row", table, name.encode())

    def rows(self, table: str, name: str) -> tuple[bytes, ...]:
        """Return the rows under which that record may be, the present key's first."""
        before = () if self.predecessor is None else (self.predecessor.row(table, name),)
        return (self.row(table, name), *before)

    def topic(self, table: str, name: str) -> bytes:
        """Return the mark of the records of ``table`` that are about ``name``."""
        return self._digest("topic", table, name.encode())

    def topics(self, table: str, name: str) -> tuple[bytes, ...]:
        """Return the marks that such records may have, the present key's first."""
        before = () if self.predecessor is None else (self.predecessor.topic(table, name),)
        return (self.topic(table, name), *before)

    def seal(self, place: Place, text: bytes) -> bytes:
        """Return ``text`` sealed for ``place``: nonce, ciphertext and tag."""
        nonce = self._random(_NONCE_BYTES)
        label = _label(place)
        return nonce + self._record_cipher(place, label).encrypt(nonce, _pad(text), label)

    def unseal(self, place: Place, sealed: bytes) -> bytes | None:
        """Return the text, or None if the seal is not ours, or not for this place."""
        text = self._unseal(place, sealed)
        if text is None and self.predecessor is not None:
            return self.predecessor.unseal(place, sealed)
        return text

    def unseal_former(self, place: Place, sealed: bytes) -> bytes | None:
        """Return the text if it is the predecessor's seal; None if it is the present key's."""
        if self.predecessor is None or self._unseal(place, sealed) is not None:
            return None
        return self.predecessor.unseal(place, sealed)

    def share(self, place: Place, sealed: bytes) -> int:
        """Return what this record, in this very sealing, adds to the census of its table."""
        if self.predecessor is not None and self._unseal(place, sealed) is None:
            return self.predecessor.share(place, sealed)
        message = _label(place) + sealed[-_TAG_BYTES:]
        return int.from_bytes(self._digest("census", place.table, message))

    def _unseal(self, place: Place, sealed: bytes) -> bytes | None:
        label = _label(place)
        try:
            padded = self._record_cipher(place, label).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label
            )
        except (InvalidTag, ValueError):  # ValueError: cut shorter than a nonce or a tag
            return None
        return _unpad(padded)

    def _digest(self, purpose: str, table: str, message: bytes) -> bytes:
        """Return the HMAC-SHA256 of ``message`` under the key for a purpose and a table."""
        keyed = self._derived.get((purpose, table))
        if keyed is None:
            info = b"\0".join((_DOMAIN, purpose.encode(), table.encode()))
            key = HKDF(SHA256(), length=32, salt=None, info=info).derive(self._master)
            keyed = self._derived[purpose, table] = HMAC(key, SHA256())
        # Keyed once and copied: that is half of what a short message costs.
        digest = keyed.copy()
        digest.update(message)
        return digest.finalize()

    def _record_cipher(self, place: Place, label: bytes) -> AESGCM:
        # A key of its own for each record and version: two seals share a key only if one
        # transaction was rolled back, so random nonces never come near their bound.
        # HKDF-Expand for 32 bytes is its first block alone (RFC 5869, 2.3: T(1)).
        return AESGCM(self._digest("seal", place.table, label + b"\x01"))


def new_master_key(random: Randomness = os.urandom) -> bytes:
    """Return a fresh master key."""
    return random(MASTER_KEY_BYTES)


def _label(place: Place) -> bytes:
    # Each part with its length before it, so that no two places have the same label.
    table, row, topic, version = place
    lengths = len(row).to_bytes(2), len(topic).to_bytes(2)
    return b"".join(
        (_counted(table), lengths[0], row, lengths[1], topic, b"\0\x08", version.to_bytes(8))
    )


@cache
def _counted(table: str) -> bytes:
    name = table.encode()
    return len(name).to_bytes(2) + name


def _pad(text: bytes) -> bytes:
    # ISO/IEC 7816-4: one 80, then zeros.
    return text + b"\x80" + bytes(-(len(text) + 1) % _BLOCK)


def _unpad(padded: bytes) -> bytes | None:
    text, mark, zeros = padded.rpartition(b"\x80")
    return text if mark and not zeros.strip(b"\0") else None
