"""Which ledgers a server holds: all up to its newest, but for those that it lost.

Guarantees that a hole stays a hole, and that the newest ledger is never in one: a server has that
in memory, whatever became of its disk.
"""

from __future__ import annotations

from watchtower.sandbox.history import FIRST_LEDGER

__all__ = ["Holdings"]


class Holdings:
    """The ledgers from the first one on, with holes."""

    def __init__(self) -> None:
        self._holes: list[tuple[int, int]] = []

    def forget(self, first: int, last: int) -> None:
        """Lose the ledgers from ``first`` to ``last``, both included."""
        self._holes = sorted({*self._holes, (first, last)})

    def has(self, index: int, newest: int) -> bool:
        """Return whether a server whose newest ledger is ``newest`` holds ledger ``index``."""
        if index == newest:
            return True
        is_lost = any(low <= index <= high for low, high in self._holes)
        return FIRST_LEDGER <= index < newest and not is_lost

    def has_all(self, first: int, last: int, newest: int) -> bool:
        """Return whether it holds every ledger from ``first`` to ``last``."""
        return any(a <= first and last <= b for a, b in self._runs(newest))

    def newest_run(self, newest: int) -> tuple[int, int]:
        """Return the first and the last of the unbroken run of ledgers that ends with the newest.

        (rippled src/xrpld/app/ledger/detail/LedgerMaster.cpp, getFullValidatedRange)
        """
        return self._runs(newest)[-1]

    def complete(self, newest: int) -> str:
        """Return the ledgers as servers write them: ``2-10,15,17-40``.

        (rippled include/xrpl/basics/RangeSet.h, to_string)
        """
        return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in self._runs(newest))

    def _runs(self, newest: int) -> list[tuple[int, int]]:
        runs: list[tuple[int, int]] = []
        begin = FIRST_LEDGER
        for low, high in self._holes:
            if low >= newest:
                break
            if begin < low:
                runs.append((begin, low - 1))
            begin = max(begin, min(high, newest - 1) + 1)
        return [*runs, (begin, newest)]
