"""Sets of ledger indexes as disjoint ranges: what a server has, and what we have accounted for.

A set grows with its holes and not with its members, so that a year of ledgers costs as much as a
minute of them. Everything here is pure.
"""

from __future__ import annotations

import re
from typing import Final

from typing_extensions import override

from watchtower.units import LedgerIndex

__all__ = ["LedgerRanges"]

_RANGE: Final = re.compile(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*\Z", re.ASCII)


class LedgerRanges:
    """A set of ledger indexes."""

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        """Begin empty."""
        self._ranges: list[tuple[int, int]] = []

    @classmethod
    def parse(cls, text: object) -> LedgerRanges:
        """Return the ranges of a server's ``validated_ledgers``: ``2-50,60``, ``empty``.

        What cannot be read counts as not there: a range is only ever used to trust a server.
        """
        ranges = cls()
        for part in text.split(",") if isinstance(text, str) else ():
            if found := _RANGE.match(part):
                first = int(found[1])
                last = int(found[2]) if found[2] else first
                ranges.add(LedgerIndex(first), LedgerIndex(last))
        return ranges

    def add(self, first: LedgerIndex, last: LedgerIndex) -> None:
        """Add every index from ``first`` to ``last``; nothing when ``last`` is below ``first``."""
        if last < first:
            return
        low: int = first
        high: int = last
        apart = []
        for start, end in self._ranges:
            if end + 1 < low or high + 1 < start:
                apart.append((start, end))
            else:
                low, high = min(low, start), max(high, end)
        self._ranges = sorted([*apart, (low, high)])

    def end_of_run(self, index: LedgerIndex) -> LedgerIndex | None:
        """Return the last index of the unbroken run that holds ``index``; None outside of one."""
        for start, end in self._ranges:
            if start <= index <= end:
                return LedgerIndex(end)
        return None

    def next_member(self, index: LedgerIndex) -> LedgerIndex | None:
        """Return the lowest member that is not below ``index``."""
        for start, end in self._ranges:
            if index <= end:
                return LedgerIndex(max(start, index))
        return None

    def covers(self, first: LedgerIndex, last: LedgerIndex) -> bool:
        """Say whether every index from ``first`` to ``last`` is in the set."""
        end = self.end_of_run(first)
        return end is not None and end >= last

    def forget_below(self, index: LedgerIndex) -> None:
        """Drop every member below ``index``."""
        self._ranges = [(max(start, index), end) for start, end in self._ranges if end >= index]

    @override
    def __str__(self) -> str:
        return ",".join(f"{a}-{b}" if a != b else f"{a}" for a, b in self._ranges) or "empty"
