"""Heads of other towers' stores, kept for them: so that what puts a store back spares its head.

What it guarantees:

- What is kept is signed by the tower that it names, and on disk before anybody is told so.
- Each token has heads of its own, and few of them. Who shows another token neither reads nor
  exchanges them, and cannot take their place beforehand either.
- A head never gives way to an older one, nor to one that another tower has signed. So whoever
  stole a tower, and its token with it, cannot have this memory go back; a person here can, who
  revokes the token.

Whether two heads have gone different ways is for the store to say whose they are, which has the
journal. Nothing that is secret is in a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import Final, Protocol

import msgspec

from watchtower.store.head import Head
from watchtower.store.notes import Notes, note_of_heads
from watchtower.store.work import Work

__all__ = ["MOST_HEADS", "HeadRefused", "KeptHeads", "times_kept", "why_refused"]

MOST_HEADS: Final = 4
"""Stores whose heads are kept for one token."""

_TURNS: Final = "kept heads, times"


class HeadRefused(Enum):
    """Why a head is not kept."""

    UNSIGNED = auto()  # the tower that it names has not signed it
    OLDER = auto()  # the one that is kept has seen more
    ANOTHER_TOWER = auto()  # the one that is kept was signed by another
    TOO_MANY = auto()  # the token has no room for another store
    NO_TOKEN = auto()  # it was revoked meanwhile


class _Room(Protocol):
    """A store, or what lets into it only while there is room."""

    def write(self) -> AbstractAsyncContextManager[Work]:
        """Begin one durable transaction."""
        ...

    def read(self) -> AbstractAsyncContextManager[Work]:
        """Look at one moment."""
        ...


class KeptHeads:
    """The heads that this tower keeps for others."""

    def __init__(self, store: _Room) -> None:
        """Keep them in ``store``."""
        self._store = store

    async def keep(self, token: str, head: Head) -> HeadRefused | None:
        """Keep a head in the place of the one of the same store; it is on disk then.

        Args:
            token: the public part of the token by which it comes.
            head: what is to be kept.

        Returns:
            Why it was not kept; None if it was.

        Raises:
            StoreError: the store cannot be read or written.
        """
        if not head.is_signed:
            return HeadRefused.UNSIGNED
        async with self._store.read() as work:
            # Most heads say what the last one said: nobody has to wait for those.
            if _same(await _load(work, token), head):
                return None
        async with self._store.write() as work:
            # Revoked by another process a moment ago, its heads are gone, and stay so.
            if all(known.identity != token for known in await work.tokens.load_all()):
                return HeadRefused.NO_TOKEN
            kept = await _load(work, token)
            if _same(kept, head):
                return None
            if (why := why_refused(head, kept)) is not None:
                return why
            others = [one for one in kept if one.standing.store != head.standing.store]
            texts = [one.encoded().decode() for one in (*others, head)]
            times = await times_kept(work.notes)
            await work.notes.put_all({note_of_heads(token): texts, _TURNS: times + 1})
        return None

    async def kept(self, token: str, store: bytes) -> Head | None:
        """Return the head of a store that came by a token; None if none did.

        Raises:
            StoreError: the store cannot be read.
        """
        async with self._store.read() as work:
            kept = await _load(work, token)
        return next((head for head in kept if head.standing.store == store), None)


def why_refused(head: Head, kept: Sequence[Head]) -> HeadRefused | None:
    """Return why a signed head is not taken beside, or in the place of, what a token has kept."""
    then = next((one for one in kept if one.standing.store == head.standing.store), None)
    if then is None:
        return HeadRefused.TOO_MANY if len(kept) >= MOST_HEADS else None
    if then.tower != head.tower:
        return HeadRefused.ANOTHER_TOWER
    old, new = then.standing, head.standing
    is_older = new.version < old.version or new.frontier.size < old.frontier.size
    return HeadRefused.OLDER if is_older else None


async def times_kept(notes: Notes) -> int:
    """Return how many transactions of this store did nothing but keep a head of another one."""
    return await notes.get(_TURNS) or 0


async def _load(work: Work, token: str) -> list[Head]:
    texts = msgspec.convert(await work.notes.get(note_of_heads(token)) or [], list[str])
    return [head for text in texts if (head := Head.read(text.encode())) is not None]


def _same(kept: Sequence[Head], head: Head) -> bool:
    """Whether a head says nothing that is not kept: the time alone is no reason to write."""
    standing = msgspec.structs.replace(head.standing, census=b"")
    return any((one.tower, one.standing) == (head.tower, standing) for one in kept)
