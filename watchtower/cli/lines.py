"""Lines out of bytes as they come, and a mark behind each group of them to go on from.

What it guarantees: lines and marks are the same however the bytes were cut; a mark stands at a line
end, and its digest is of every byte before it. A line without an end does not fill the memory: what
is longer than any claim is cut, and its bytes still count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["LONGEST", "TOGETHER", "Group", "Mark", "Splitter", "pass_over"]

LONGEST: Final = 65_536 + 1
"""Bytes of a line that are looked at: one more than the longest document."""

TOGETHER: Final = 1_000
"""Lines in a group at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place between two lines.

    Attributes:
        offset: the bytes before it.
        lines: the lines before it.
        digest: the SHA-256 of those bytes, in hex.
    """

    offset: int
    lines: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines that came together, without their ends; ``first`` is the number of the first."""

    first: int
    lines: Sequence[bytes]
    end: Mark


class Splitter:
    """Splits what it is fed into lines."""

    def __init__(self) -> None:
        """Begin at the first byte."""
        self._begun = b""
        self._hash = hashlib.sha256()
        self._offset = 0
        self._lines = 0
        self._mark = self._mark_here()

    def feed(self, piece: bytes) -> Iterator[Group]:
        """Yield the lines that ``piece`` completes; to be exhausted before the next piece."""
        kept = len(self._begun)
        lines = (self._begun + piece).split(b"\n")
        begun, at = lines.pop(), 0
        for first in range(0, len(lines), TOGETHER):
            some = lines[first : first + TOGETHER]
            end = at + sum(len(line) + 1 for line in some) - (kept if first == 0 else 0)
            self._count(piece[at:end])
            number, at = self._lines + 1, end
            self._lines += len(some)
            self._mark = self._mark_here()
            yield Group(first=number, lines=[line[:LONGEST] for line in some], end=self._mark)
        self._count(piece[at:])
        self._begun = begun[:LONGEST]

    def finish(self) -> Group | None:
        """Return the last line, if it has no end; the mark stays before it, for it may grow."""
        if not self._begun:
            return None
        return Group(first=self._lines + 1, lines=[self._begun], end=self._mark)

    def pass_over(self, some: bytes) -> None:
        """Count bytes of lines that are not looked at."""
        self._count(some)
        self._lines += some.count(b"\n")
        self._mark = self._mark_here()

    @property
    def mark(self) -> Mark:
        """Where the last group ended."""
        return self._mark

    def _mark_here(self) -> Mark:
        return Mark(offset=self._offset, lines=self._lines, digest=self._hash.hexdigest())

    def _count(self, some: bytes) -> None:
        self._hash.update(some)
        self._offset += len(some)


class _File(Protocol):
    def read(self, size: int, /) -> bytes: ...


def pass_over(file: _File, mark: Mark, splitter: Splitter) -> bytes | None:
    """Read a file up to a mark and return its first line; None if other bytes stand there now."""
    heading = b""
    left = mark.offset
    while left and (piece := file.read(min(left, LONGEST))):
        if b"\n" not in heading:
            heading = (heading + piece)[:LONGEST]
        splitter.pass_over(piece)
        left -= len(piece)
    return heading.partition(b"\n")[0] if splitter.mark == mark else None
