"""A key whose secret lies in the store, and for a moment in memory: one thing that can sign.

secp256k1 signatures are deterministic (RFC 6979) with low S, as the ledger demands (rippled
PublicKey.cpp: ecdsaCanonicality); ed25519 is RFC 8032.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final

import nacl.signing
from coincurve import PrivateKey

from watchtower.store.secrets import StoredKey

__all__ = ["UnsealedKey"]

_ED25519: Final = "ED"


class UnsealedKey:
    """Signs with a key of the store; ``repr`` shows nothing of it."""

    __slots__ = ("_key",)

    def __init__(self, key: StoredKey) -> None:
        """Sign with ``key``."""
        self._key = key

    @property
    def public_key(self) -> str:
        """Its public half, in upper-case hex."""
        return self._key.public_key

    async def sign(self, message: bytes) -> bytes:
        """Return the signature of ``message``, which is hashed here."""
        return self.signature(message)

    def signature(self, message: bytes) -> bytes:
        """Return the same, for who need not wait."""
        secret = self._key.private_key
        if self.public_key.startswith(_ED25519):
            return nacl.signing.SigningKey(secret).sign(message).signature
        return PrivateKey(secret).sign(sha512(message).digest()[:32], hasher=None)
