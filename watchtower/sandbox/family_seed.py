"""Family seeds, and the one pair of keys that each stands for. Pure.

Follows rippled src/libxrpl/protocol/SecretKey.cpp (detail::deriveDeterministicRootKey, Generator,
generateKeyPair): an ed25519 key is the digest of the seed; a secp256k1 key is the first one of a
family, the sum of a root that comes from the seed and of a step that comes from the root.
"""

from __future__ import annotations

from itertools import count
from typing import Final

from coincurve import PrivateKey
from nacl.bindings import crypto_sign_seed_keypair

from watchtower.sandbox.addresses import payload_of, text_of
from watchtower.sandbox.hashing import sha512_half

__all__ = ["keys_of", "seed_text"]

_SECP256K1_SEED: Final = b"\x21"
_ED25519_SEED: Final = b"\x01\xe1\x4b"
_ED25519_KEY: Final = b"\xed"
_ENTROPY_BYTES: Final = 16
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_FIRST_OF_THE_FAMILY: Final = bytes(4)


def seed_text(entropy: bytes, *, ed25519: bool) -> str:
    """Return 16 bytes as a family seed: ``s…``, or ``sEd…`` for ed25519."""
    return text_of((_ED25519_SEED if ed25519 else _SECP256K1_SEED) + entropy)


def keys_of(seed: str) -> tuple[bytes, bytes]:
    """Return the public key (33 bytes) and the private key (32 bytes) of a family seed.

    Raises:
        ValueError: it is none.
    """
    payload = payload_of(seed)
    kind, entropy = payload[:-_ENTROPY_BYTES], payload[-_ENTROPY_BYTES:]
    if kind == _ED25519_SEED:
        private = sha512_half(entropy)
        return _ED25519_KEY + crypto_sign_seed_keypair(private)[0], private
    if kind != _SECP256K1_SEED:
        raise ValueError("no family seed")
    root = _scalar(entropy)
    step = _scalar(_public(root) + _FIRST_OF_THE_FAMILY)
    key = (root + step) % _ORDER
    return _public(key), key.to_bytes(32, "big")


def _scalar(seed: bytes) -> int:
    """Return the first digest of the seed and a number that is a private key; nearly always 0."""
    for number in count():
        scalar = int.from_bytes(sha512_half(seed + number.to_bytes(4, "big")), "big")
        if 0 < scalar < _ORDER:
            return scalar
    raise AssertionError


def _public(scalar: int) -> bytes:
    return PrivateKey(scalar.to_bytes(32, "big")).public_key.format()
