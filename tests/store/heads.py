"""Heads of stores that are made up, signed with real keys."""

from __future__ import annotations

from nacl.signing import SigningKey

from watchtower.store.head import Head, Standing, sign_head
from watchtower.store.tree import Frontier

__all__ = ["STORE", "head_of"]

STORE = bytes(range(16))


def head_of(
    version: int, lines: int | None = None, *, store: bytes = STORE, tower: int = 1, at: int = 1
) -> Head:
    """The head of a store that has seen so many changes, and as many lines of the journal."""
    frontier = Frontier()
    for number in range(version if lines is None else lines):
        frontier = frontier.grown([number.to_bytes(32)])
    key = SigningKey(bytes([tower]) * 32)
    return sign_head(
        Standing(store=store, network=0, version=version, frontier=frontier),
        tower="ED" + bytes(key.verify_key).hex().upper(),
        at=at,
        sign=lambda text: key.sign(text).signature,
    )
