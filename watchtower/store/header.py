"""The slots: how the master key is wrapped, so that only who may open the store does.

A slot is the master key, sealed with AES-256-GCM. The store's format of when it was made, the
slot's kind and its own parameters are the associated data: a header that was changed in any way
does not open, exactly like a wrong passphrase. A slot of an older format opens a store of a newer
one, so that a migration keeps the slots as they are, and needs one way in alone; that a store is
not younger than its header says is seen by what is sealed in it (``opening.py``).

Several slots may stand beside each other; each of them opens the store, which is as safe as the
weakest. What seals a slot depends on its kind:

- ``passphrase``: a key that Argon2id (RFC 9106) makes of the passphrase; its parameters are the
  salt and what a guess costs;
- ``key_file`` and ``credential``: a key that HKDF makes of 32 random bytes in a file, or in a
  systemd credential (``keys/key_file.py``); its parameter is the salt;
- ``hsm``: 32 random bytes of the slot's own, which only a token opens (``keys/store_key.py``); its
  parameters are these bytes as the token sealed them, and which of its keys did.

Beside them stands, while the store gets another master key, the slot ``predecessor``: the master
key of before, sealed under the present one. It opens nothing to whoever has the old key alone.

Deterministic but for ``random``; Argon2id takes its time on purpose, so call it in a thread.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watchtower.store.cipher import Randomness
from watchtower.store.freed import overwrite_freed

__all__ = [
    "DEFAULT_COST",
    "PASSPHRASE",
    "PREDECESSOR",
    "Cost",
    "Slot",
    "checksum",
    "cost_of",
    "predecessor_in",
    "predecessor_slot",
    "unwrap",
    "unwrap_with",
    "wrap",
    "wrap_with",
]

PASSPHRASE: Final = "passphrase"  # noqa: S105 - what the kind is called
"""The kind of slot that a passphrase opens."""

PREDECESSOR: Final = "predecessor"
"""The kind of slot that holds the master key of before, for who has the present one."""

_NONCE_BYTES: Final = 12
_SALT_BYTES: Final = 16
_DOMAIN: Final = b"xrpl-watchtower slot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one guess of the passphrase costs: memory in KiB, passes over it, and lanes."""

    memory_kib: int
    passes: int
    lanes: int


DEFAULT_COST: Final = Cost(memory_kib=64 * 1024, passes=3, lanes=4)
"""RFC 9106, section 4, the second recommended choice."""

_MOST: Final = Cost(memory_kib=4 * 1024 * 1024, passes=64, lanes=64)
"""More than anybody writes: a header that asks for more would only exhaust this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One way to the master key, as it stands in the file. It is sealed, and yet not shown."""

    kind: str
    parameters: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)


class _Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    memory_kib: int
    passes: int
    lanes: int
    salt: bytes


def wrap(
    master: bytes,
    passphrase: str | bytearray,
    *,
    store_format: int,
    cost: Cost = DEFAULT_COST,
    random: Randomness = os.urandom,
) -> Slot:
    """Return a slot for ``passphrase``, which opens nothing older than ``store_format``."""
    salt = random(_SALT_BYTES)
    parameters = msgspec.msgpack.encode(
        _Parameters(memory_kib=cost.memory_kib, passes=cost.passes, lanes=cost.lanes, salt=salt)
    )
    return wrap_with(
        master,
        _stretch(passphrase, cost, salt),
        kind=PASSPHRASE,
        parameters=parameters,
        store_format=store_format,
        random=random,
    )


def wrap_with(
    master: bytes,
    key: bytes,
    *,
    kind: str,
    parameters: bytes,
    store_format: int,
    random: Randomness = os.urandom,
) -> Slot:
    """Return a slot of any kind; ``key`` are 32 bytes that are hard to come by."""
    nonce = random(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, master, _label(store_format, kind, parameters))
    return Slot(kind=kind, parameters=parameters, wrapped=nonce + sealed)


def unwrap(slot: Slot, passphrase: str | bytearray, *, store_format: int) -> bytes | None:
    """Return the master key; None if the passphrase is wrong or the slot was changed."""
    told = _told(slot)
    if told is None:
        return None
    cost, salt = told
    return unwrap_with(slot, _stretch(passphrase, cost, salt), store_format=store_format)


def cost_of(slot: Slot) -> Cost | None:
    """Return what a guess of a slot's passphrase costs; None if no passphrase opens it."""
    told = _told(slot)
    return None if told is None else told[0]


def unwrap_with(slot: Slot, key: bytes, *, store_format: int) -> bytes | None:
    """Return the master key; None if the key is another one or the slot was changed.

    A slot that was made for a newer format than ``store_format`` does not open: nobody can make a
    store pass for an older one. One that was made for an older format has stood there since.
    """
    nonce, sealed = slot.wrapped[:_NONCE_BYTES], slot.wrapped[_NONCE_BYTES:]
    for made_for in range(store_format, 0, -1):
        label = _label(made_for, slot.kind, slot.parameters)
        # ValueError: no key at all, or cut shorter than a tag
        with suppress(InvalidTag, ValueError):
            return AESGCM(key).decrypt(nonce, sealed, label)
    return None


def predecessor_slot(
    master: bytes, before: bytes, *, store_format: int, random: Randomness = os.urandom
) -> Slot:
    """Return a slot in which who has ``master`` finds the master key of before."""
    return wrap_with(
        before,
        _key_of_predecessor(master),
        kind=PREDECESSOR,
        parameters=b"",
        store_format=store_format,
        random=random,
    )


def predecessor_in(slots: Sequence[Slot], master: bytes, *, store_format: int) -> bytes | None:
    """Return the master key of before; None if there is none, or ``master`` does not open it."""
    for slot in slots:
        if slot.kind == PREDECESSOR:
            return unwrap_with(slot, _key_of_predecessor(master), store_format=store_format)
    return None


def checksum(store_format: int, slots: list[Slot]) -> bytes:
    """Return a digest of the header that tells damage by chance from a wrong passphrase.

    It has no key and stops no attacker; the unwrapping does.
    """
    digest = sha256(store_format.to_bytes(4))
    for slot in slots:
        for part in (slot.kind.encode(), slot.parameters, slot.wrapped):
            digest.update(len(part).to_bytes(4) + part)
    return digest.digest()


def _label(store_format: int, kind: str, parameters: bytes) -> bytes:
    return b"\0".join((_DOMAIN, store_format.to_bytes(4), kind.encode(), parameters))


def _key_of_predecessor(master: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=_DOMAIN + b" predecessor").derive(master)


def _told(slot: Slot) -> tuple[Cost, bytes] | None:
    """Return what a passphrase's slot says of itself, if anybody would have written that."""
    if slot.kind != PASSPHRASE:
        return None
    try:
        told = msgspec.msgpack.decode(slot.parameters, type=_Parameters)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    cost = Cost(memory_kib=told.memory_kib, passes=told.passes, lanes=told.lanes)
    return (cost, told.salt) if _is_sane(cost, told.salt) else None


def _stretch(passphrase: str | bytearray, cost: Cost, salt: bytes) -> bytes:
    secret: bytes | bytearray
    if isinstance(passphrase, bytearray) and passphrase.isascii():
        secret = passphrase  # not copied, so that who gave it can wipe it
    else:
        # The same letters must open the store whichever keyboard composed them: NFC first.
        text = passphrase if isinstance(passphrase, str) else passphrase.decode()
        secret = unicodedata.normalize("NFC", text).encode()
    try:
        return Argon2id(
            salt=salt,
            length=32,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        ).derive(secret)  # type: ignore[arg-type]  # whatever has a buffer, its stub is too narrow
    finally:
        overwrite_freed()


def _is_sane(cost: Cost, salt: bytes) -> bool:
    # RFC 9106, section 3.1: at least one pass and one lane, and 8 KiB of memory for each lane.
    return (
        1 <= cost.lanes <= _MOST.lanes
        and 8 * cost.lanes <= cost.memory_kib <= _MOST.memory_kib
        and 1 <= cost.passes <= _MOST.passes
        and len(salt) == _SALT_BYTES
    )
