"""A logger that is made when there is something to log.

The sandbox logs next to nothing, and the library that does it brings along a painter of tracebacks
that takes longer to import than the sandbox takes to start.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["LateLogger"]


class LateLogger:
    """Stands for ``structlog.get_logger(name)``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, level: str) -> Any:
        """Return the logger's own method of that name."""
        return getattr(importlib.import_module("structlog").get_logger(self._name), level)
