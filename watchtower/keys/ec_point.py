"""A token's public key, as the ledger writes it.

PKCS #11 has a key's curve as the DER of its name and its point as the DER of an OCTET STRING
(v2.40, 2.3.3). Tokens differ: some give the point without that wrapping, some as a BIT STRING,
some compressed; and ed25519 is named by its object identifier or by its name (v3.0, 2.3.5). What
is no point of its curve is refused. Pure.
"""

from __future__ import annotations

from typing import Final

from coincurve import PublicKey
from nacl.bindings import crypto_core_ed25519_is_valid_point

__all__ = ["ED25519", "SECP256K1", "public_key_of"]

SECP256K1: Final = bytes.fromhex("06052b8104000a")
"""The DER of secp256k1's object identifier, 1.3.132.0.10 (SEC 2, A.2.1)."""

ED25519: Final = bytes.fromhex("06032b6570")
"""The DER of ed25519's object identifier, 1.3.101.112 (RFC 8410, section 3)."""

_ED25519_NAMES: Final = frozenset({ED25519, b"\x13\x0cedwards25519"})
"""By its identifier, or as a PrintableString."""

_OCTET_STRING: Final = b"\x04"
_BIT_STRING: Final = b"\x03"
_SECP256K1_SIZES: Final = (65, 33)
_ED25519_SIZES: Final = (32,)


def public_key_of(parameters: bytes, point: bytes) -> str | None:
    """Return the public key in upper-case hex; None if the ledger knows no such key.

    Args:
        parameters: the token's CKA_EC_PARAMS.
        point: the token's CKA_EC_POINT.
    """
    if parameters == SECP256K1:
        return _secp256k1(point)
    return _ed25519(point) if parameters in _ED25519_NAMES else None


def _secp256k1(point: bytes) -> str | None:
    raw = _unwrapped(point, _SECP256K1_SIZES)
    try:
        return None if raw is None else PublicKey(raw).format().hex().upper()
    except ValueError:
        return None


def _ed25519(point: bytes) -> str | None:
    raw = _unwrapped(point, _ED25519_SIZES)
    if raw is None or not crypto_core_ed25519_is_valid_point(raw):
        return None
    return f"ED{raw.hex().upper()}"


def _unwrapped(point: bytes, sizes: tuple[int, ...]) -> bytes | None:
    """Return the point alone; the forms differ in length, so that none is taken for another."""
    for size in sizes:
        for wrapping in (
            b"",
            _OCTET_STRING + bytes((size,)),
            _BIT_STRING + bytes((size + 1, 0)),  # no unused bits
        ):
            if len(point) == len(wrapping) + size and point.startswith(wrapping):
                return point[len(wrapping) :]
    return None
