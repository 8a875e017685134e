"""Counting what people are told, on its way to them."""

from __future__ import annotations

from typing import Protocol

from watchtower.alerts.rules import Notice
from watchtower.metrics.measures import Measures

__all__ = ["CountingTeller"]


class _Teller(Protocol):
    """Whoever tells people."""

    def tell(self, notice: Notice) -> None:
        """Hand on one notice, without waiting."""
        ...


class CountingTeller:
    """Counts notices, and hands them on."""

    def __init__(self, teller: _Teller, measures: Measures) -> None:
        """Hand on to ``teller``."""
        self._teller = teller
        self._measures = measures

    def tell(self, notice: Notice) -> None:
        """Hand on one notice, without waiting."""
        self._teller.tell(notice)
        self._measures.told_people(notice.alarm.name, notice.kind.value)
