"""How many claims a minute are served for whoever hands them over: a bucket of tokens.

What it guarantees: in any stretch of time no more claims are found within the quota than a full
bucket and what flowed in meanwhile. All is counted in whole numbers, so that nothing is won by
asking a million times. It says nothing about keeping: a claim over the quota is kept (rule 8).

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["Bucket"]

_MINUTE: Final = 60_000_000
"""A minute in microseconds, which is also what a claim weighs."""


@dataclass(slots=True)
class Bucket:
    """What is left of a quota of ``per_minute`` claims; it holds a minute's worth, and is full.

    ``per_minute`` may be changed between two looks: what is in the bucket stays, up to its size.
    """

    per_minute: int
    _missing: int = field(default=0, init=False)
    _at: int | None = field(default=None, init=False)

    def left(self, now: float) -> int:
        """Return how many claims are within the quota now; ``now`` is steady, in seconds."""
        self._fill(now)
        return max(self.per_minute * _MINUTE - self._missing, 0) // _MINUTE

    def take(self, claims: int, now: float) -> int:
        """Take as many of ``claims`` as are within the quota, and return how many these are."""
        taken = min(claims, self.left(now))
        self._missing += taken * _MINUTE
        return taken

    def give_back(self, claims: int) -> None:
        """Give back what was taken for claims that could not be kept."""
        self._missing -= claims * _MINUTE  # more than full is made full at the next look

    def _fill(self, now: float) -> None:
        at = int(now * 1_000_000)
        # A clock that is set back lets nothing flow out, and nothing in twice.
        passed = 0 if self._at is None else max(at - self._at, 0)
        self._at = at if self._at is None else max(at, self._at)
        self._missing = max(self._missing - passed * self.per_minute, 0)
