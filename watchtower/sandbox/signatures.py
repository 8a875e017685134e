"""Whether the ledger takes a signature: strict DER, low S, canonical ed25519. Pure.

The rules are the server's own (rippled src/libxrpl/protocol/PublicKey.cpp:112-171, 223-292):
a secp256k1 signature must be the one shortest DER form with S in the lower half of the group, an
ed25519 signature must have S below the group order.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import coincurve
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from watchtower.sandbox.hashing import sha512_half

__all__ = ["claim_message", "is_public_key", "verify", "verify_claim"]

_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ED_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z")
_SHORTEST, _LONGEST = 8, 72
_LONGEST_INTEGER: Final = 33
_CLAIMS_REMEMBERED: Final = 1 << 14


def is_public_key(text: str) -> bool:
    """Return whether ``text`` is a public key by length and first byte, which is all that is asked.

    A secp256k1 key that is no point of the curve passes here and verifies nothing.
    """
    return bool(_KEY.match(text))


def claim_message(channel: str, drops: int) -> bytes:
    """Return the 44 bytes that a claim signs (rippled include/xrpl/protocol/PayChan.h)."""
    return b"CLM\0" + bytes.fromhex(channel) + drops.to_bytes(8, "big")


@lru_cache(maxsize=_CLAIMS_REMEMBERED)
def verify_claim(public_key: str, channel: str, drops: int, signature: str) -> bool:
    """Return whether a claim's signature is good, in hexadecimal as all of it.

    Remembered, because the claim in one transaction is looked at each time that the transaction is
    tried: when it is submitted, in the open ledger, and as the ledger closes.
    """
    return verify(public_key, claim_message(channel, drops), bytes.fromhex(signature))


def verify(public_key: str, message: bytes, signature: bytes) -> bool:
    """Return whether ``signature`` over ``message`` is one that the ledger takes from this key."""
    if not is_public_key(public_key):
        return False
    key = bytes.fromhex(public_key)
    if key[0] == 0xED:  # noqa: PLR2004 - the prefix of an ed25519 key
        return _verify_ed25519(key[1:], message, signature)
    return _is_canonical(signature) and _verify_secp256k1(key, message, signature)


def _verify_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != 64:  # noqa: PLR2004 - R and S, 32 bytes each
        return False
    if int.from_bytes(signature[32:], "little") >= _ED_ORDER:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except (BadSignatureError, ValueError):
        return False
    return True


def _verify_secp256k1(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        return coincurve.PublicKey(key).verify(signature, sha512_half(message), hasher=None)
    except ValueError:
        return False


def _is_canonical(signature: bytes) -> bool:
    """Return whether this is ``30 <len> 02 <len> R 02 <len> S`` in its one canonical form."""
    if not _SHORTEST <= len(signature) <= _LONGEST:
        return False
    if signature[0] != 0x30 or signature[1] != len(signature) - 2:  # noqa: PLR2004 - DER sequence
        return False
    r, rest = _integer(signature[2:])
    s, rest = _integer(rest) if r else (0, b"x")
    return 0 < r < _ORDER and 0 < s <= _ORDER // 2 and not rest


def _integer(der: bytes) -> tuple[int, bytes]:
    """Return the positive integer at the front of ``der`` (0 if it is none) and what follows it."""
    if len(der) < 3 or der[0] != 0x02:  # noqa: PLR2004 - DER integer
        return 0, b""
    length, body = der[1], der[2:]
    if not 1 <= length <= min(len(body), _LONGEST_INTEGER):
        return 0, b""
    value = body[:length]
    negative = bool(value[0] & 0x80)
    padded = length > 1 and value[0] == 0 and not value[1] & 0x80
    if negative or padded:
        return 0, b""
    return int.from_bytes(value, "big"), body[length:]
