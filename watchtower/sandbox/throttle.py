"""What a connection's requests cost it, and when it is warned and when it is dropped. Pure.

Follows rippled src/libxrpl/resource/Fees.cpp, include/xrpl/resource/detail/Logic.h and Tuning.h,
include/xrpl/basics/DecayingSample.h; only that a real server adds up all connections of an address.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Charges"]

_REFERENCE: Final = 20
_MEDIUM: Final = 400
_MALFORMED: Final = 100
_WARNING: Final = 4_000
_WARN_AT: Final = 5_000
_DROP_AT: Final = 25_000
_WINDOW: Final = 32
"""Seconds over which a burden is averaged; after four times that it is forgotten."""

_MEDIUM_COMMANDS: Final = frozenset(
    {"account_channels", "account_objects", "account_tx", "submit", "submit_multisigned"}
)


class Charges:
    """The burden of one connection. Times are seconds of a steady clock; parts are dropped."""

    def __init__(self) -> None:
        self._sum = 0
        self._at = 0
        self._warned_at: int | None = None

    def is_over(self, now: float) -> bool:
        """Return whether the connection is to be dropped before it is answered again."""
        return self._balance(int(now)) >= _DROP_AT

    def charge(self, command: str | None, now: float) -> bool:
        """Charge for a request; return whether its answer carries a warning.

        A warning is given once in a second at most, and costs by itself.

        Args:
            command: None if the request named none.
            now: when.
        """
        second = int(now)
        self._balance(second)
        self._sum += _cost(command)
        balance = self._sum // _WINDOW
        if balance < _WARN_AT or self._warned_at == second:
            return False
        self._warned_at = second
        self._sum += _WARNING
        return True

    def _balance(self, second: int) -> int:
        """Let the burden decay until now (DecayingSample::decay), and return it."""
        passed = second - self._at
        self._at = second
        if passed > 4 * _WINDOW:
            self._sum = 0
        for _ in range(min(passed, 4 * _WINDOW)):
            self._sum -= (self._sum + _WINDOW - 1) // _WINDOW
        return self._sum // _WINDOW


def _cost(command: str | None) -> int:
    if command is None:
        return _MALFORMED
    return _MEDIUM if command in _MEDIUM_COMMANDS else _REFERENCE
