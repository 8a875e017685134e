"""``watchtower status --porcelain``: lines for scripts, whose form is a promise. Version 1.

A line is a key and its fields, one space between each. A field never holds a space, a line break
or another unprintable character: those, and ``%``, are written as ``%`` and two hexadecimal digits
for each byte of UTF-8. What is not known, or empty, is ``-``. Lines and fields keep their place for
ever; new keys and, behind the last, new fields may come. ``docs/commands.md`` has the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from watchtower.units import RippleTime, unix_time

__all__ = ["VERSION", "porcelain"]

VERSION: Final = 1


_OF_ONE: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("drill", "last_drill", ("at", "place", "paid", "seconds")),
    ("service_level", "service_level", ("drills", "succeeded", "seconds_95")),
)
_OF_MANY: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("server", "servers", ("server", "connected", "validated", "rank", "amendment_blocked")),
    ("seat", "seats", ("account", "sequence", "tickets", "pool")),
    ("money", "money", ("account", "spendable_drops", "needed_drops")),
    (
        "route",
        "routes",
        ("route", "kind", "failing_since", "waiting", "dropped", "given_up", "delivered"),
    ),
    ("alarm", "alarms", ("severity", "name", "subject")),
)
"""Lines, what they are made of in the report, and their fields: never moved, only added to."""


def porcelain(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a report."""
    for key, *fields in _lines(report):
        yield " ".join([key, *(_field(each) for each in fields)])


def _lines(report: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    yield ("porcelain", VERSION)
    yield ("state", report["state"])
    yield ("running", report["running"])
    yield ("age", report["age"])
    yield ("shadow", report.get("shadow"))
    yield ("recovery", report["in_recovery"])
    ledger_time = report.get("ledger_time")
    at = None if ledger_time is None else unix_time(RippleTime(ledger_time))
    yield ("ledger", report.get("ledger_index"), at)
    yield ("accounted", report.get("accounted"), report.get("gaps"))
    yield ("channels", report.get("channels"), report.get("outgoing"))
    yield ("at_stake", report.get("at_stake"))
    yield ("lost", *(report.get(f"lost_{field}") for field in ("drops", "channels", "last")))
    yield ("redeeming", report.get("redeeming"), report.get("closing"), report.get("attempts"))
    yield ("claims", report["claims"], report["pending_claims"])
    yield ("backup", report["last_backup"])
    for key, name, fields in _OF_ONE:
        yield (key, *((report[name] or {}).get(field) for field in fields))
    for due in report.get("deadlines", ()):
        yield (
            "deadline",
            due["channel"],
            unix_time(RippleTime(due["deadline"])),
            due["slack_seconds"],
            due["window_seconds"],
            due["at_stake"],
        )
    for key, name, fields in _OF_MANY:
        for one in report.get(name, ()):
            yield (key, *(one.get(field) for field in fields))


def _field(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    return "%2D" if text == "-" else "".join(map(_character, text))


def _character(one: str) -> str:
    if one not in " %" and one.isprintable():
        return one
    return "".join(f"%{byte:02X}" for byte in one.encode("utf-8", "surrogatepass"))
