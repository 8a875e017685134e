"""A line of the journal, proven to an outsider: the line, its path, and the head that it leads to.

Whoever has the tower's identity key can check it with nothing else. What it proves: the tower has
signed a journal that has this line at this place. What it does not: that what the line says is so,
and when it was written, which are the tower's own word.

Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from watchtower.errors import ProofVoidError
from watchtower.store.head import Head
from watchtower.store.tree import HASH_BYTES, leaf_hash, root_of

__all__ = ["Proof"]

_LONGEST_PATH: Final = 64


class Proof(Struct, frozen=True, kw_only=True):
    """A line and what proves it.

    Attributes:
        head: what the tower signed of the tree that the line is in.
        number: of the line in its journal; it is proven by no more than the index.
        index: the leaf's place in the tree.
        text: the line as it was encoded (msgpack).
        path: the neighbours on its way to the root, the lowest first.
    """

    head: Head
    number: int
    index: int
    text: bytes
    path: tuple[bytes, ...]

    def encoded(self) -> bytes:
        """Return the proof as it is handed over: one JSON object on one line."""
        message = _Message(
            head=msgspec.Raw(self.head.encoded().strip()),
            number=self.number,
            index=self.index,
            line=self.text.hex(),
            path=[one.hex() for one in self.path],
        )
        return msgspec.json.encode(message)

    @classmethod
    def read(cls, text: bytes, tower: str) -> Proof:
        """Return what a document proves of the tower with this identity key.

        Raises:
            ProofVoidError: it proves nothing.
        """
        try:
            message = msgspec.json.decode(text, type=_Message)
            line, path = bytes.fromhex(message.line), tuple(map(bytes.fromhex, message.path))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as wrong:
            raise ProofVoidError(why=f"it is no proof ({wrong})") from None
        head = Head.read(bytes(message.head))
        if head is None or not head.is_signed:
            raise ProofVoidError(why="its head was signed by nobody")
        if head.tower != tower:
            raise ProofVoidError(why="another tower signed its head")
        if len(path) > _LONGEST_PATH or any(len(one) != HASH_BYTES for one in path):
            raise ProofVoidError(why="its path is that of no tree")
        frontier = head.standing.frontier
        root = root_of(leaf_hash(line), index=message.index, size=frontier.size, path=path)
        if root != frontier.root:
            raise ProofVoidError(why="the line is not at that place of the tower's journal")
        return cls(head=head, number=message.number, index=message.index, text=line, path=path)


class _Message(Struct, forbid_unknown_fields=True, frozen=True):
    head: msgspec.Raw
    number: int
    index: int
    line: str
    path: list[str]
