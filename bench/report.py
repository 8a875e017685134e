"""What was measured, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Final

import msgspec

__all__ = ["Reading", "Report", "as_json", "as_text", "reading"]

_FEWEST_FOR_QUARTILES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One number; ``low`` and ``high`` are its quartiles, where it was taken several times."""

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one measurement found.

    ``where`` is a sentence on where the time (or the memory) goes, ``profile`` the lines behind it.
    """

    readings: Sequence[Reading]
    where: str = ""
    profile: Sequence[str] = field(default=())


def reading(name: str, unit: str, values: Sequence[float]) -> Reading:
    """Return the reading of something that was measured several times: the median."""
    if len(values) < _FEWEST_FOR_QUARTILES:
        return Reading(name=name, unit=unit, value=values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Reading(name=name, unit=unit, value=median(values), low=low, high=high)


def as_text(report: Report) -> str:
    """Return a table, and below it where the time goes."""
    rows = [(r.name, _number(r.value), r.unit, _spread(r)) for r in report.readings]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else [0] * 3
    lines = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {spread}".rstrip()
        for name, value, unit, spread in rows
    ]
    lines += [f"  {line}" for line in report.profile]
    return "\n".join([*lines, f"  {report.where}"] if report.where else lines)


def as_json(reports: Sequence[Report]) -> str:
    """Return all numbers as one object: each by its name, and the quartiles under ``spread``."""
    readings = [reading for report in reports for reading in report.readings]
    body: dict[str, object] = {r.name: _rounded(r.value) for r in readings}
    body["spread"] = {
        r.name: [_rounded(r.low), _rounded(r.high)]
        for r in readings
        if r.low is not None and r.high is not None
    }
    return msgspec.json.encode(body).decode()


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - four digits


def _spread(r: Reading) -> str:
    if r.low is None or r.high is None:
        return ""
    return f"({_number(r.low)} to {_number(r.high)})"
