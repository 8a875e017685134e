"""Python's collector of reference cycles, told how a tower lives.

A tower keeps what it guards for months and makes few cycles; the collector's defaults suit short
programs, and look at everything that is kept again and again while history is read: a fifth of
the time of it (``scripts/bench backfill``). What stands when the tower begins is never garbage, so
it is not looked at any more; what comes later is looked at a hundred times less often. Memory
that is no part of a cycle is freed at once, as ever.
"""

from __future__ import annotations

import gc
from typing import Final

__all__ = ["calm"]

_ALLOCATIONS: Final = 70_000
"""New objects between two looks at the youngest; Python's own default is 700."""


def calm() -> None:
    """Look at what stands now for the last time, and at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 10, 10)
