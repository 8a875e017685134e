"""The tower's own key, by which its receipts are known, and its letters to other towers.

It is ed25519, made by the tower itself, and of use for nothing but these, which have words of
their own in front each: it signs for no account, funds no channel and signs no claim. A backup
holds it, so that receipts outlive the disk; where two stores are merged, the one that was there
stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nacl.signing import SigningKey

from watchtower.store.database import Store
from watchtower.store.secrets import IDENTITY, StoredKey

__all__ = ["Identity", "find_identity", "make_identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A tower's own key; ``public_key`` is upper-case hex, with ``ED`` in front."""

    public_key: str
    _key: SigningKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of ``message`` (RFC 8032), 64 bytes."""
        return self._key.sign(message).signature


async def find_identity(store: Store) -> Identity | None:
    """Return the tower's own key, if it has one yet."""
    async with store.read() as work:
        stored = await work.secrets.get(IDENTITY)
    return None if stored is None else _of(stored)


async def make_identity(store: Store) -> Identity:
    """Return the tower's own key, and make it where there is none.

    Raises:
        StoreError: it could not be kept; none was made.
    """
    async with store.write() as work:
        stored = await work.secrets.get(IDENTITY)
        if stored is not None:
            return _of(stored)
        made = _stored(SigningKey.generate())
        await work.secrets.put(made)
        await work.journal.append("identity_made", facts={"public_key": made.public_key})
    return _of(made)


def _of(stored: StoredKey) -> Identity:
    return Identity(stored.public_key, SigningKey(stored.private_key))


def _stored(key: SigningKey) -> StoredKey:
    return StoredKey(
        account=IDENTITY,
        public_key=f"ED{key.verify_key.encode().hex().upper()}",
        private_key=key.encode(),
    )
