"""What the overview shows, part by part, of the report that ``watchtower status`` tells. Pure.

What it guarantees: nothing is in it that only an administrator may know. A server's address is told
without its path, its user and its query, in whatever sentence it stands: those of paid servers hold
keys there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from watchtower.interfaces.dashboard.time_left import mood_of_share
from watchtower.interfaces.status_answer import Finding, Mood, findings, mood_of

__all__ = ["PARTS", "WIDTH", "alerts_about", "overview", "timeline", "without_secrets"]

PARTS: Final = ("answer", "alerts", "stakes", "deadlines", "servers", "means", "watchfulness")
"""The parts of the page, each of which is brought up to date by itself."""

_MOST: Final = 12
"""Findings that the answer tells in full: whoever reads a thousand reads none."""

_MOST_ALERTS: Final = 60

_OF_LEDGER: Final = ("ledger_index", "ledger_time", "gaps", "accounted")
_OF_STAKES: Final = (
    *("at_stake", "threatened_at_stake", "unprotectable", "unprotectable_at_stake", "channels"),
    *("redeeming", "attempts", "outgoing", "closing", "lost_drops", "lost_channels", "lost_last"),
    *("claims", "pending_claims"),
)
_OF_WATCHFULNESS: Final = ("routes", "last_drill", "service_level", "last_backup")

WIDTH: Final = 1_000
"""Of the timeline, in its own units."""

_LEAST: Final = 6
"""Of a bar, in the same: one that is about to end is still seen."""

_TICKS: Final = 4
_HOUR: Final = 3_600
_DAY: Final = 86_400
_SPANS: Final = (
    *(600, 1_800, _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 4 * _DAY, 8 * _DAY, 16 * _DAY, 32 * _DAY, 64 * _DAY, 128 * _DAY, 400 * _DAY),
)
"""How much time a timeline can show, in seconds: spans whose quarters are read at a glance."""

_ADDRESS: Final = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,15}://)(?:[^\s/?#@]*@)?([^\s/?#]+)[^\s]*", re.IGNORECASE
)


def overview(report: Mapping[str, Any], *, guide: str) -> dict[str, Any]:
    """Return what each of `PARTS` shows, in JSON values.

    ``guide`` is where the document about all alarms is; only what a browser can open is linked.
    """
    servers = [one["server"] for one in report.get("servers", ())]
    found, alarms = findings(report), report.get("alarms", ())
    # A thousand alarms may stand, and everything else waits while this is made: what is not told
    # is not looked at.
    parts = {
        "answer": {
            "mood": mood_of(found).value,
            "headline": _headline(found),
            "findings": [(finding.mood.value, finding.sentence) for finding in found[:_MOST]],
            "more": max(0, len(found) - _MOST),
            **{name: report[name] for name in _OF_LEDGER},
        },
        "alerts": {
            "open": len(alarms),
            "kinds": _kinds(alarms),
            "told": alarms[:_MOST_ALERTS],
        },
        "stakes": {name: report[name] for name in _OF_STAKES},
        "deadlines": timeline(report.get("deadlines", ()), report["ledger_time"]),
        "servers": _ranked(report.get("servers", ())),
        "means": _means(report),
        "watchfulness": {name: report.get(name) for name in _OF_WATCHFULNESS},
    }
    shown: dict[str, Any] = without_secrets(parts, servers)
    shown["alerts"]["told"] = _led_on(shown["alerts"]["told"], guide)
    return shown


def alerts_about(report: Mapping[str, Any], subject: str, *, guide: str) -> list[dict[str, Any]]:
    """Return the alarms that stand about ``subject``, as `overview` has them, however many do."""
    servers = [one["server"] for one in report.get("servers", ())]
    found = [alarm for alarm in report.get("alarms", ()) if alarm["subject"] == subject]
    return _led_on(without_secrets(found, servers), guide)


def timeline(
    deadlines: Sequence[Mapping[str, Any]], ledger_time: int | None
) -> dict[str, Any] | None:
    """Return deadlines on one axis of ledger time, which begins now; None if there are none.

    Each has ``x``, how far its bar goes of `WIDTH`, and ``part``, how much of its window is left,
    from 0 to 1. All bars have one measure, and what is beyond the axis ends with it.
    """
    if not deadlines or ledger_time is None:
        return None
    furthest = max(due["slack_seconds"] for due in deadlines)
    span = next((one for one in _SPANS if furthest <= one), _SPANS[-1])
    return {
        "span": span,
        "ticks": [ledger_time + span * tick // _TICKS for tick in range(_TICKS + 1)],
        "is_long": span > _DAY,
        "rows": [{**due, **_bar(due, span)} for due in deadlines],
    }


def _bar(due: Mapping[str, Any], span: int) -> dict[str, Any]:
    slack, window = due["slack_seconds"], due["window_seconds"]
    part = min(1.0, max(0.0, slack / window)) if window else float(slack > 0)
    mood = mood_of_share(max(0, slack), window)
    x = min(WIDTH, max(_LEAST, WIDTH * slack // span))
    return {"x": x, "part": round(part, 2), "mood": mood.value}


def _headline(found: Sequence[Finding]) -> str:
    """Return the answer in a sentence."""
    urgent = sum(finding.mood is Mood.DANGER for finding in found)
    if not found:
        return "All is well."
    if urgent:
        return f"{urgent} things need you now." if urgent > 1 else "One thing needs you now."
    return (
        f"{len(found)} things need attention." if len(found) > 1 else "One thing needs attention."
    )


def _kinds(alarms: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how many alarms of each severity stand, and since when the newest of them."""
    kinds: dict[str, dict[str, Any]] = {}
    for alarm in alarms:
        severity, since = alarm["severity"], alarm["since"]
        kind = kinds.setdefault(severity, {"severity": severity, "count": 0, "newest": since})
        kind["count"] += 1
        kind["newest"] = max(kind["newest"], since)
    return list(kinds.values())


def _led_on(alarms: Sequence[Mapping[str, Any]], guide: str) -> list[dict[str, Any]]:
    """Return alarms, each with the section of the guide; None where a browser cannot open it."""
    has_address = guide.startswith(("https://", "http://"))
    return [
        {**alarm, "address": f"{guide}#{alarm['name']}" if has_address else None}
        for alarm in alarms
    ]


def without_secrets(value: Any, servers: Sequence[str] = ()) -> Any:
    """Return a report in which every address is cut off behind its host.

    Those of ``servers`` are known, and cut whatever is in them; others end with the next space.
    """
    return _cut(value, _known(tuple(servers)))


def _cut(value: Any, known: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        if "://" not in value:
            return value
        told = value if known is None else known.sub(lambda found: _host_of(found[0]), value)
        return _ADDRESS.sub(r"\1\2", told)
    if isinstance(value, Mapping):
        return {name: _cut(each, known) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(each, known) for each in value]
    return value


@lru_cache(maxsize=2)
def _known(servers: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what finds these addresses, the longest that fits; None for none.

    It is asked for every second while somebody looks, and takes a while to make for a hundred.
    """
    found = sorted(filter(None, servers), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, found))) if found else None


def _host_of(address: str) -> str:
    found = _ADDRESS.match(address)
    return "" if found is None else f"{found[1]}{found[2]}"


def _ranked(servers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return servers in the order in which they are asked: who is connected, then by rank."""
    return sorted(servers, key=lambda one: (not one["connected"], one.get("rank") or 0))


def _means(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what each account has to redeem with: places in the ledger, and money for fees."""
    accounts: dict[str, dict[str, Any]] = {}
    for seat in report.get("seats", ()):
        accounts[seat["account"]] = {**seat, "spendable_drops": None, "needed_drops": None}
    for money in report.get("money", ()):
        nothing = {"account": money["account"], "sequence": None, "tickets": None, "pool": 0}
        accounts.setdefault(money["account"], nothing).update(money)
    return list(accounts.values())
