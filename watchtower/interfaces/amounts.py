"""Amounts in JSON: text of drops, for many readers of JSON keep numbers exact only up to 2^53.

All XRP there are come to more than that in drops. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["AMOUNTS", "amounts_as_text"]

AMOUNTS: Final = frozenset(
    {
        "amount",
        "at_stake",
        "balance",
        "best",
        "best_claim",
        "covered",
        "drops",
        "fee",
        "foreign_claim",
        "left",
        "lost_drops",
        "needed_drops",
        "paid",
        "returned",
        "returns",
        "signed",
        "spendable_drops",
        "target",
        "threatened_at_stake",
        "unpaid",
        "unprotectable_at_stake",
    }
)
"""The fields that hold an amount, wherever they stand; true and false are none."""

_LIMITS: Final = "limits"
"""Holds an amount under each of its names."""


def amounts_as_text(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report with every amount in it as text, however deep."""
    return {
        name: _text(value) if name in AMOUNTS else _limits(value) if name == _LIMITS else _in(value)
        for name, value in report.items()
    }


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _limits(value: Any) -> Any:
    return {n: _text(each) for n, each in value.items()} if isinstance(value, Mapping) else value


def _in(value: Any) -> Any:
    if isinstance(value, Mapping):
        return amounts_as_text(value)
    if isinstance(value, list | tuple):
        return [_in(each) for each in value]
    return value
