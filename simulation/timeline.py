"""What happened in a world, line by line; kept only where somebody will read it."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

__all__ = ["Timeline"]

_QUIET: Final = frozenset({"timestamp", "event", "level"})
_LONG: Final = 24


class Timeline:
    """The lines of one world: what the world does, and what the tower says to its log.

    ``errors`` are what the tower logged as its own mistakes, which are kept in any case.
    """

    def __init__(self, *, is_kept: bool) -> None:
        """Begin; without ``is_kept`` nothing is written down but errors."""
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._is_kept = is_kept
        self._where: Callable[[], str] = lambda: ""

    def follow(self, where: Callable[[], str]) -> None:
        """Say ``where`` we are in front of each line from now on."""
        self._where = where

    def tell(self, words: str) -> None:
        """Write down what the world does."""
        if self._is_kept:
            self.lines.append(f"{self._where()}  {words}")

    def listen(self) -> None:
        """Take what is logged from now on, in place of whoever took it."""
        structlog.configure(
            processors=[self._logged],
            wrapper_class=structlog.make_filtering_bound_logger(20 if self._is_kept else 40),
            logger_factory=structlog.ReturnLoggerFactory(),
            cache_logger_on_first_use=False,
        )

    def _logged(self, _logger: Any, level: str, event: MutableMapping[str, Any]) -> str:
        facts = " ".join(
            f"{key}={_short(value)}" for key, value in event.items() if key not in _QUIET
        )
        line = f"{self._where()}      {event['event']} {facts}"
        if level in {"error", "critical", "exception"}:
            self.errors.append(line)
        if self._is_kept:
            self.lines.append(line)
        return line


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONG or " " in text else f"{text[:8]}…"
