"""The answer that ``watchtower status`` begins with: all is well, or what is wrong and what to do.

Pages of the dashboard begin with the same one. It reads the report and decides nothing that the
tower does. What is dangerous comes first: that is whatever lets a channel pay less than it owes if
nobody acts, or has let it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from watchtower.units import Drops, format_drops

__all__ = ["Finding", "Mood", "age_text", "findings", "mood_of", "told", "why_in_recovery"]

_FEW: Final = 5
"""Ledgers that may wait to be accounted for: they come faster than the status is written."""

_TWO: Final = 2

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400

_LOSS_TOLD: Final = 7 * _DAY
"""Seconds of ledger time for which a loss is the answer; the table has it for good."""


class Mood(StrEnum):
    """How the tower is, in one word."""

    WELL = "well"
    TROUBLE = "trouble"  # to be mended, and nothing is lost by it yet
    DANGER = "danger"  # something was lost, or may be unless somebody acts


class Finding(NamedTuple):
    """One thing that is wrong: how bad, and a sentence on what it is and what to do."""

    mood: Mood
    sentence: str


def mood_of(found: list[Finding]) -> Mood:
    """Return the worst of what was found."""
    moods = {finding.mood for finding in found}
    return next((mood for mood in (Mood.DANGER, Mood.TROUBLE) if mood in moods), Mood.WELL)


def findings(report: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong by a report, the worst first."""
    found = [*_of_daemon(report), *_of_losses(report), *_of_accounts(report), *_of_ledger(report)]
    found += [*_of_telling(report), *_of_alarms(report)]
    return sorted(found, key=lambda finding: finding.mood is not Mood.DANGER)


def told(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report with the answer that people begin with."""
    found = findings(report)
    return {
        **report,
        "state": mood_of(found).value,
        "answer": [finding.sentence for finding in found],
    }


def _of_daemon(report: Mapping[str, Any]) -> Iterator[Finding]:
    if report["age"] is None:
        yield Finding(Mood.DANGER, "The daemon has not run yet. Start it with `watchtower run`.")
    elif not report["running"]:
        how = "stopped" if report.get("stopped") else "was last heard"
        yield Finding(
            Mood.DANGER,
            f"The daemon {how} {age_text(report['age'])} ago, and nobody guards the channels. "
            "Start it with `watchtower run`, or as the service that it is.",
        )
    elif report.get("shadow"):
        yield Finding(
            Mood.TROUBLE,
            "The daemon is in shadow mode: it decides everything and sends nothing. Start it "
            "without --shadow to have channels redeemed.",
        )
    if report["in_recovery"]:
        missing: Mapping[str, str] = report["recovery"].get("missing", {})
        waits = ", ".join(sorted(missing)) or "every server"
        yield Finding(
            Mood.TROUBLE,
            f"{why_in_recovery(report['recovery'])}, and not reconciled with every server yet; it "
            f"waits for {waits}. Let the daemon run until they were heard.",
        )


def _of_losses(report: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what was lost: whoever has no route for alarms hears of it here alone.

    No other word of the daemon is told when it does not run; this stays true. It is the answer for
    a week: who has learnt from it cannot mend it, and must see what comes next.
    """
    if not (lost := report.get("lost_drops")) or _is_long_ago(report):
        return
    many, last = report["lost_channels"], report["lost_last"]
    which = f"Channel {last} has" if many == 1 else f"{many:,} channels, {last} the last, have"
    yield Finding(
        Mood.DANGER,
        f"{which} ended with {format_drops(Drops(lost))} unpaid: `watchtower explain {last}` says "
        "what was tried. This is told for a week.",
    )


def _is_long_ago(report: Mapping[str, Any]) -> bool:
    """Return whether the last loss is older than a week, by ledger time, or than anybody knows."""
    now = report.get("ledger_time") or 0
    at = report.get("lost_at", now)  # a version before does not say, and forgets it with its end
    return at is None or now - at > _LOSS_TOLD


def _of_accounts(report: Mapping[str, Any]) -> Iterator[Finding]:
    for account in report["accounts_without_right"]:
        yield Finding(
            Mood.DANGER,
            f"No key of {account} is in the store, and nothing else signs for it: see `watchtower "
            "authority show`.",
        )
    for account in report.get("accounts_without_signer", ()):
        yield Finding(
            Mood.DANGER,
            f"Nothing can sign for {account} now: what was signed ahead is redeemed, and what "
            "claims add to that is not to be served. See `watchtower authority show`.",
        )


def _of_ledger(report: Mapping[str, Any]) -> Iterator[Finding]:
    if not report["running"]:
        return  # what it said last is no news
    servers = report.get("servers", ())
    connected = sum(bool(server["connected"]) for server in servers)
    if servers and not connected:
        yield Finding(
            Mood.DANGER, "No server is connected, so nothing is heard and nothing can be sent."
        )
    elif connected < _TWO <= len(servers):
        yield Finding(
            Mood.TROUBLE,
            f"Only {connected} of {len(servers)} servers is connected; two are needed.",
        )
    if connected and report.get("ledger_index", 0) is None:
        yield Finding(
            Mood.TROUBLE,
            "No ledger was heard of yet, so nothing is judged and nothing redeemed. It takes some "
            "seconds after a start; if it goes on, see `watchtower doctor`.",
        )
    if (gaps := report.get("gaps") or 0) > _FEW:
        yield Finding(
            Mood.TROUBLE,
            f"{gaps:,} ledgers are not accounted for yet; the daemon reads them now.",
        )
    for due in report.get("deadlines", ()):
        if due["slack_seconds"] <= 0:
            yield Finding(
                Mood.DANGER,
                f"The deadline of channel {due['channel']} has passed with something at stake: "
                f"`watchtower explain {due['channel']}` says what is being done.",
            )


def _of_telling(report: Mapping[str, Any]) -> Iterator[Finding]:
    for route in report.get("routes", ()):
        if route.get("failing_since") is not None:
            why = f" ({route['why']})" if route.get("why") else ""
            yield Finding(
                Mood.TROUBLE,
                f"Alarms do not get through by {route['route']}{why}: {route.get('waiting', 0)} "
                "wait. Try it with `watchtower alert test`.",
            )
    last = report.get("last_drill")
    if last is not None and not last["paid"]:
        why = f" ({last['why']})" if last.get("why") else ""
        yield Finding(
            Mood.TROUBLE, f"The last drill was not paid{why}. Repeat it with `watchtower drill`."
        )


def _of_alarms(report: Mapping[str, Any]) -> Iterator[Finding]:
    if not report["running"]:
        return
    for alarm in report.get("alarms", ()):
        if alarm["severity"] != "info":
            mood = Mood.DANGER if alarm["severity"] == "urgent" else Mood.TROUBLE
            guide = f" See {alarm['guide']}." if alarm.get("guide") else ""
            yield Finding(mood, f"{alarm['name']}: {alarm['sentence']}{guide}")


def why_in_recovery(note: Mapping[str, Any]) -> str:
    """Return the beginning of a sentence on why a store is in recovery."""
    if "heads" in note:
        return "The store was perhaps put back to an earlier day, by its heads"
    if "rebuilt" in note:
        return "The store was rebuilt without records that were broken"
    return "The store was restored from a backup"


def age_text(seconds: int) -> str:
    """Return a span of time for people, by its largest unit and the next."""
    sign, left = ("-" if seconds < 0 else ""), abs(seconds)
    if left < 2 * _MINUTE:
        return f"{sign}{left} s"
    if left < 2 * _HOUR:
        return f"{sign}{left // _MINUTE} min"
    if left < 2 * _DAY:
        return f"{sign}{left // _HOUR} h {left % _HOUR // _MINUTE} min"
    return f"{sign}{left // _DAY} d {left % _DAY // _HOUR} h"
