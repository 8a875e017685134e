"""Claim signatures, taken exactly as the ledger takes them, and rescued where that is possible.

What it guarantees: a signature that `canonical` returns is one that rippled accepts
(libxrpl/protocol/PublicKey.cpp: ecdsaCanonicality, ed25519Canonical, verify). The libraries are
as strict as the server or stricter:

* secp256k1: strict DER, r and s within the group order, low S. libsecp256k1 verifies low S only;
  its parser is a little lax, so what it parsed must encode to the same bytes again.
* ed25519: 64 bytes, S below the group order, and the computed R equal byte for byte to the given
  one, in libsodium as in the server's ed25519-donna; a signature that only a cofactored equation
  would take is refused by both. libsodium also refuses keys and R of small order and points that
  are not encoded canonically. The server takes those; no honest signer makes them.

Malleability works for us: whoever may write one form of a signature may write the other. A payer
who hands over a form that the ledger refuses (high S, padded DER, S plus the group order) has
still signed, and the payee can still redeem with the canonical form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha512
from typing import Final

from coincurve import PublicKey
from coincurve.ecdsa import cdata_to_der, der_to_cdata
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

__all__ = ["Canonical", "KeyType", "canonical", "key_type"]

_SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_KEY_SIZE: Final = 33
_ED25519_PREFIX: Final = 0xED
_SECP256K1_PREFIXES: Final = (0x02, 0x03)
_SCALAR_SIZE: Final = 32
_FIXED_SIZE: Final = 64
_KEYS: Final = 10_000
"""Keys that are kept ready, some four megabytes."""

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_LONG_FORM: Final = 0x80
_LONGEST_LENGTH: Final = 4


class KeyType(StrEnum):
    """The two kinds of keys that a channel can have."""

    SECP256K1 = "secp256k1"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """A signature that the ledger takes; ``rescued`` if it was given in another form."""

    signature: bytes
    rescued: bool


def key_type(public_key: bytes) -> KeyType | None:
    """Return the type of a public key, by length and first byte as the ledger tells it."""
    if len(public_key) != _KEY_SIZE:
        return None
    if public_key[0] == _ED25519_PREFIX:
        return KeyType.ED25519
    return KeyType.SECP256K1 if public_key[0] in _SECP256K1_PREFIXES else None


def canonical(public_key: bytes, message: bytes, signature: bytes) -> Canonical | None:
    """Return ``signature`` in the form that the ledger takes; None if there is none."""
    kind = key_type(public_key)
    if kind is KeyType.SECP256K1:
        return _canonical_secp256k1(public_key, message, signature)
    if kind is KeyType.ED25519:
        return _canonical_ed25519(public_key[1:], message, signature)
    return None


def _canonical_secp256k1(public_key: bytes, message: bytes, signature: bytes) -> Canonical | None:
    key = _point(public_key)
    if key is None:
        return None
    digest = sha512(message).digest()[:32]
    if _is_strict_der(signature) and key.verify(signature, digest, None):
        return Canonical(signature=signature, rescued=False)
    for r, s in _readings(signature):
        if 0 < r < _SECP256K1_ORDER and 0 < s < _SECP256K1_ORDER:
            rescued = _der(r, min(s, _SECP256K1_ORDER - s))
            if key.verify(rescued, digest, None):
                return Canonical(signature=rescued, rescued=True)
    return None


@lru_cache(_KEYS)
def _point(public_key: bytes) -> PublicKey | None:
    """Return the point that a key spells; None for 33 bytes that are no point of the curve.

    Finding it takes a seventh of verifying, and a payer signs many claims with one key.
    """
    try:
        return PublicKey(public_key)
    except ValueError:
        return None


def _is_strict_der(signature: bytes) -> bool:
    try:
        return cdata_to_der(der_to_cdata(signature)) == signature
    except ValueError:
        return False


def _readings(signature: bytes) -> Iterator[tuple[int, int]]:
    """Yield r and s of a signature in each form that somebody writes.

    In DER, lengths may be in long form, numbers padded or negative by a missing zero, and bytes
    may trail. 64 bytes may be the compact form. Whatever is misread here fails to verify.
    """
    header = _lax_header(signature, 0, _SEQUENCE)
    r = None if header is None else _lax_integer(signature, header[0])
    s = None if r is None else _lax_integer(signature, r[1])
    if r is not None and s is not None:
        yield r[0], s[0]
    if len(signature) == _FIXED_SIZE:
        yield (
            int.from_bytes(signature[:_SCALAR_SIZE], "big"),
            int.from_bytes(signature[_SCALAR_SIZE:], "big"),
        )


def _lax_integer(der: bytes, at: int) -> tuple[int, int] | None:
    """Return the number that begins ``at``, and where it ends."""
    header = _lax_header(der, at, _INTEGER)
    if header is None:
        return None
    start, length = header
    end = start + length
    return (int.from_bytes(der[start:end], "big"), end) if end <= len(der) else None


def _lax_header(der: bytes, at: int, tag: int) -> tuple[int, int] | None:
    """Return where the content of the element ``at`` begins, and its length."""
    if len(der) < at + 2 or der[at] != tag:
        return None
    length, at = der[at + 1], at + 2
    if length < _LONG_FORM:
        return at, length
    size = length - _LONG_FORM
    if not 0 < size <= _LONGEST_LENGTH or len(der) < at + size:
        return None
    return at + size, int.from_bytes(der[at : at + size], "big")


def _der(r: int, s: int) -> bytes:
    """Return the strict DER encoding of a signature (X.690, 8.3 and 10.1)."""
    content = b"".join(
        bytes((_INTEGER, len(number))) + number
        for number in (value.to_bytes(value.bit_length() // 8 + 1, "big") for value in (r, s))
    )
    return bytes((_SEQUENCE, len(content))) + content


def _canonical_ed25519(public_key: bytes, message: bytes, signature: bytes) -> Canonical | None:
    if len(signature) != _FIXED_SIZE:
        return None
    s = int.from_bytes(signature[_SCALAR_SIZE:], "little")
    reduced = signature[:_SCALAR_SIZE] + (s % _ED25519_ORDER).to_bytes(_SCALAR_SIZE, "little")
    try:
        crypto_sign_open(reduced + message, public_key)
    except CryptoError:
        return None
    return Canonical(signature=reduced, rescued=reduced != signature)
