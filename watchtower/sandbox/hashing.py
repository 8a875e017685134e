"""Digests and ledger indexes, exactly as the ledger derives them. Pure."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from watchtower.sandbox.addresses import account_bytes, account_key_text, address_text

__all__ = [
    "AMENDMENTS_INDEX",
    "FEES_INDEX",
    "account_bytes",
    "account_index",
    "address_of_key",
    "amendment_id",
    "channel_index",
    "delegate_index",
    "node_public_key",
    "owner_directory_index",
    "page_index",
    "preauth_index",
    "sha512_half",
    "signer_list_index",
    "ticket_index",
    "transaction_set_hash",
]

_TRANSACTION_INNER: Final = b"MIN\0"
"""Prefix of an inner node of a SHAMap (rippled include/xrpl/protocol/HashPrefix.h)."""


def sha512_half(data: bytes) -> bytes:
    """Return the first 32 bytes of SHA-512."""
    return hashlib.sha512(data).digest()[:32]


def _index(space: bytes, *parts: bytes) -> str:
    """Return the ledger index of ``parts`` in a name space (rippled protocol/Indexes.cpp)."""
    return sha512_half(b"\0" + space + b"".join(parts)).hex().upper()


AMENDMENTS_INDEX: Final = _index(b"f")
FEES_INDEX: Final = _index(b"e")


@lru_cache(maxsize=1 << 17)
def account_index(address: str) -> str:
    """Return where an AccountRoot stands."""
    return _index(b"a", account_bytes(address))


@lru_cache(maxsize=1 << 17)
def owner_directory_index(address: str) -> str:
    """Return where the first page of an owner directory stands."""
    return _index(b"O", account_bytes(address))


def page_index(root: str, page: int) -> str:
    """Return where page ``page`` of the directory at ``root`` stands; page 0 is the root itself."""
    if not page:
        return root
    return _index(b"d", bytes.fromhex(root), page.to_bytes(8, "big"))


def channel_index(source: str, destination: str, seat: int) -> str:
    """Return a channel's id: source, destination and the sequence or ticket that created it."""
    return _index(b"x", account_bytes(source), account_bytes(destination), seat.to_bytes(4, "big"))


def ticket_index(address: str, ticket: int) -> str:
    """Return where a ticket stands."""
    return _index(b"T", account_bytes(address), ticket.to_bytes(4, "big"))


def signer_list_index(address: str) -> str:
    """Return where the (only) signer list of an account stands."""
    return _index(b"S", account_bytes(address), bytes(4))


def delegate_index(address: str, delegate: str) -> str:
    """Return where the permissions stand that ``address`` gave to ``delegate``."""
    return _index(b"E", account_bytes(address), account_bytes(delegate))


def preauth_index(address: str, authorized: str) -> str:
    """Return where the deposit preauthorisation of ``authorized`` by ``address`` stands."""
    return _index(b"p", account_bytes(address), account_bytes(authorized))


def amendment_id(name: str) -> str:
    """Return an amendment's id: the digest of its name."""
    return sha512_half(name.encode()).hex().upper()


@lru_cache(maxsize=1 << 17)
def address_of_key(public_key: str) -> str:
    """Return the address that belongs to a public key (hexadecimal, 33 bytes)."""
    digest = hashlib.sha256(bytes.fromhex(public_key)).digest()
    return address_text(hashlib.new("ripemd160", digest).digest())


def node_public_key(public_key: str) -> str:
    """Return a public key in the base 58 form that ``account_channels`` shows (``aB…``)."""
    return account_key_text(bytes.fromhex(public_key))


def transaction_set_hash(hashes: list[str]) -> bytes:
    """Return the root of the SHAMap that holds transactions with these hashes.

    It salts the order in which a ledger applies them (rippled RCLConsensus.cpp, doAccept).
    A leaf of a transaction set hashes to its own key; the root is always an inner node.
    """
    keys = sorted(bytes.fromhex(h) for h in hashes)
    return _inner(keys, 0) if keys else bytes(32)


def _inner(keys: list[bytes], depth: int) -> bytes:
    """Return the hash of the inner node that holds ``keys``, which agree in ``depth`` digits."""
    branches: list[list[bytes]] = [[] for _ in range(16)]
    for key in keys:
        byte = key[depth // 2]
        branches[byte & 15 if depth % 2 else byte >> 4].append(key)
    children = (
        bytes(32) if not b else b[0] if len(b) == 1 else _inner(b, depth + 1) for b in branches
    )
    return sha512_half(_TRANSACTION_INNER + b"".join(children))
