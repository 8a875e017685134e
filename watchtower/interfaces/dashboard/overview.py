"""What the overview shows, part by part, of the report that ``watchtower status`` tells. Pure.

What it guarantees: nothing is in it that only an administrator may know. A server's address is told
without its path, its user and its query, in whatever sentence it stands: those of paid servers hold
keys there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchtower.interfaces.status_answer import Finding, Mood, findings, mood_of

__all__ = ["PARTS", "overview", "without_secrets"]

PARTS: Final = ("answer", "alerts", "stakes", "deadlines", "servers", "means", "watchfulness")
"""The parts of the page, each of which is brought up to date by itself."""

_ADDRESS: Final = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,15}://)(?:[^\s/?#@]*@)?([^\s/?#]+)[^\s]*", re.IGNORECASE
)


def overview(report: Mapping[str, Any], *, guide: str) -> dict[str, Any]:
    """Return what each of `PARTS` shows, in JSON values.

    ``guide`` is where the document about all alarms is; only what a browser can open is linked.
    """
    shown = without_secrets(report)
    found = findings(shown)
    return {
        "answer": {
            "mood": mood_of(found).value,
            "headline": _headline(found),
            "findings": [(finding.mood.value, finding.sentence) for finding in found],
            "ledger_index": shown["ledger_index"],
            "ledger_time": shown["ledger_time"],
            "gaps": shown["gaps"],
            "accounted": shown["accounted"],
        },
        "alerts": [
            {**alarm, "address": _section(guide, alarm["name"])}
            for alarm in shown.get("alarms", ())
        ],
        "stakes": {
            name: shown[name]
            for name in (
                "at_stake",
                "channels",
                "redeeming",
                "attempts",
                "outgoing",
                "closing",
                "lost_drops",
                "lost_channels",
                "lost_last",
                "claims",
                "pending_claims",
            )
        },
        "deadlines": list(shown.get("deadlines", ())),
        "servers": _ranked(shown.get("servers", ())),
        "means": _means(shown),
        "watchfulness": {
            name: shown.get(name)
            for name in ("routes", "last_drill", "service_level", "last_backup")
        },
    }


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


def _section(guide: str, name: str) -> str | None:
    is_a_page = guide.startswith(("https://", "http://"))
    return f"{guide}#{name}" if is_a_page else None


def without_secrets(value: Any) -> Any:
    """Return a report in which every address is cut off behind its host."""
    if isinstance(value, str):
        return _ADDRESS.sub(r"\1\2", value)
    if isinstance(value, Mapping):
        return {name: without_secrets(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return value


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
