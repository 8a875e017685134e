"""How ``watchtower status`` looks: the answer first, then the details, as lines or as a table.

The same rows are drawn both ways. Off a terminal they are plain lines that nothing wraps; on one
they are a table as wide as it is, with colours unless ``NO_COLOR`` is set. What came from outside
of the tower is shown without control characters, which could draw over the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from watchtower.interfaces.status_answer import Mood, age_text, findings, mood_of
from watchtower.units import Drops, RippleTime, format_drops, format_time, ripple_time

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

__all__ = ["lines", "serving_limits", "table"]

_BAR: Final = 10
"""Characters of a slack bar."""

_HALF, _QUARTER = 0.5, 0.25

_COLOURS: Final = {Mood.WELL: "green", Mood.TROUBLE: "yellow", Mood.DANGER: "bold red"}


class _Row(NamedTuple):
    """A detail: what it is about, what is said of it, and how it is.

    ``part`` is what is left of the dispute window, from 0 to 1, where that is what it is about.
    """

    about: str
    text: str
    mood: Mood = Mood.WELL
    part: float | None = None


def lines(report: Mapping[str, Any]) -> str:
    """Return the status as plain lines."""
    answer = [sentence for _, sentence in _answer(report)]
    details = [f"{row.about}: {row.text}" for row in _rows(report)]
    return "\n".join(_clean(line) for line in (*answer, "", *details))


def table(report: Mapping[str, Any]) -> Group:
    """Return the status as a terminal shows it."""
    from rich.console import Group  # noqa: PLC0415 - most who ask are scripts, and see none
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    parts: list[RenderableType] = [
        Text(_clean(sentence), style=_COLOURS[mood]) for mood, sentence in _answer(report)
    ]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for row in _rows(report):
        text = Text(overflow="fold")
        if row.part is not None:
            text.append(_bar(row.part), style=_COLOURS[row.mood])
            text.append(" ")
        text.append(_clean(row.text), style="" if row.mood is Mood.WELL else _COLOURS[row.mood])
        grid.add_row(_clean(row.about), text)
    return Group(*parts, Text(""), grid)


def _answer(report: Mapping[str, Any]) -> Iterator[tuple[Mood, str]]:
    found = findings(report)
    if mood_of(found) is Mood.WELL:
        yield Mood.WELL, "All is well."
    yield from found


def _rows(report: Mapping[str, Any]) -> Iterator[_Row]:
    yield from _tower(report)
    yield from _stakes(report)
    yield from _servers(report)
    yield from _means(report)
    yield from _watchfulness(report)


def _tower(report: Mapping[str, Any]) -> Iterator[_Row]:
    if report["running"]:
        mode = " in shadow mode" if report.get("shadow") else ""
        yield _Row("daemon", f"runs{mode}, last word {age_text(report['age'])} ago")
    elif report["age"] is None:
        yield _Row("daemon", "has not run yet", Mood.DANGER)
    else:
        yield _Row("daemon", f"does not run, last word {age_text(report['age'])} ago", Mood.DANGER)
    if report.get("ledger_index") is not None:
        when, gaps = format_time(RippleTime(report["ledger_time"])), report.get("gaps")
        told = "gaps not known" if gaps is None else f"{gaps:,} gaps"
        text = (
            f"{report['ledger_index']} ({when}), accounted for up to {report['accounted']}: {told}"
        )
        yield _Row("ledger", text)
    if report.get("rules"):
        yield _Row("rules", f"the network's for channels: {report['rules']}")


def _stakes(report: Mapping[str, Any]) -> Iterator[_Row]:
    if report.get("ledger_index") is not None:
        yield _Row(
            "at stake",
            f"{format_drops(Drops(report['at_stake']))} on {report['channels']:,} channels; "
            f"{report['redeeming']} to be redeemed now, {report['attempts']} attempts on their way",
        )
    if report.get("lost_drops"):
        many = report["lost_channels"]
        where = "one channel" if many == 1 else f"{many:,} channels"
        text = f"{format_drops(Drops(report['lost_drops']))} on {where}, in all"
        yield _Row("lost", text, Mood.DANGER)
    if report.get("outgoing"):
        text = f"{report['outgoing']} of the channels; {report['closing']} to be closed now"
        yield _Row("as payer", text)
    for due in report.get("deadlines", ()):
        slack, window = due["slack_seconds"], due["window_seconds"]
        part = min(1.0, max(0.0, slack / window)) if window else float(slack > 0)
        mood = Mood.WELL if part > _HALF else Mood.TROUBLE if part > _QUARTER else Mood.DANGER
        left = f"{age_text(slack)} left" if slack > 0 else "passed"
        yield _Row(
            "deadline",
            f"{left}, {format_drops(Drops(due['at_stake']))} at stake on {due['channel']}",
            mood,
            part,
        )
    for sentence in serving_limits(report.get("exposure")):
        yield _Row("limits", sentence)
    yield _Row("claims", f"{report['claims']:,} kept, {report['pending_claims']:,} pending")


def _servers(report: Mapping[str, Any]) -> Iterator[_Row]:
    for place, server in enumerate(_ranked(report.get("servers", ())), start=1):
        about = f"server {place}"
        if not server["connected"]:
            yield _Row(about, f"{server['server']}: not connected ({server['why']})", Mood.TROUBLE)
            continue
        blocked = ", amendment blocked" if server["amendment_blocked"] else ""
        ranked = f", asked after the others: {server['why']}" if server.get("rank") else ""
        mood = Mood.TROUBLE if blocked or ranked else Mood.WELL
        text = f"{server['server']}: ledger {server['validated']}{blocked}{ranked}"
        yield _Row(about, text, mood)


def _ranked(servers: Any) -> list[Mapping[str, Any]]:
    """Return servers in the order in which they are asked: who is connected, then by rank."""
    return sorted(servers, key=lambda one: (not one["connected"], one.get("rank") or 0))


def _means(report: Mapping[str, Any]) -> Iterator[_Row]:
    for seat in report.get("seats", ()):
        sequence = "not known" if seat["sequence"] is None else seat["sequence"]
        pool = f" of {seat['pool']}" if seat["pool"] else ""
        text = f"{seat['account']}: {seat['tickets']}{pool} tickets, sequence {sequence}"
        yield _Row("seats", text)
    for money in report.get("money", ()):
        spendable, needed = money["spendable_drops"], money["needed_drops"]
        mood = Mood.WELL if spendable >= needed else Mood.DANGER
        yield _Row(
            "fees",
            f"{money['account']}: {format_drops(Drops(spendable))} to spend, "
            f"{format_drops(Drops(needed))} needed",
            mood,
        )


def _watchfulness(report: Mapping[str, Any]) -> Iterator[_Row]:
    """Yield what tells whether the tower would tell, and has been tried."""
    for route in report.get("routes", ()):
        if route.get("failing_since") is None:
            yield _Row("route", f"{route['route']}: {route.get('delivered', 0)} told")
        else:
            waits = f"{route.get('waiting', 0)} wait, {route.get('dropped', 0)} were dropped"
            text = f"{route['route']}: fails ({route.get('why') or 'no reason'}); {waits}"
            yield _Row("route", text, Mood.TROUBLE)
    yield _Row("alarms", f"{len(report.get('alarms', ()))} open")
    yield _drill(report)
    backup = report["last_backup"]
    if backup is None:
        yield _Row("backup", "none was made here yet: `watchtower backup create`")
    else:
        when, ago = format_time(ripple_time(backup)), age_text(max(0, report["now"] - backup))
        yield _Row("backup", f"{when}, {ago} ago")


def _drill(report: Mapping[str, Any]) -> _Row:
    last, level = report["last_drill"], report["service_level"]
    if last is None or level is None:
        return _Row("drill", "none yet: `watchtower drill`")
    ago = age_text(max(0, report["now"] - last["at"]))
    result = f"paid in {last['seconds']:.1f} s" if last["paid"] else "NOT PAID"
    text = f"{ago} ago, {result}; {level['succeeded']} of {level['drills']} were paid" + (
        "" if level["seconds_95"] is None else f", 95 % within {level['seconds_95']:.1f} s"
    )
    return _Row("drill", text, Mood.WELL if last["paid"] else Mood.TROUBLE)


def serving_limits(exposure: Mapping[str, Any] | None) -> Iterator[str]:
    """Say how much more may be at stake before serving stops, where that is limited."""
    if exposure is None:
        return
    limits = exposure["limits"]
    if (total := limits["total"]) is not None:
        left, allowed = format_drops(Drops(exposure["left"])), format_drops(Drops(total))
        yield f"Serving stops when {allowed} are at stake in all: {left} are left."
    if exposure["payers_above"]:
        allowed = format_drops(Drops(limits["payer"]))
        yield (
            f"Payers with more than {allowed} at stake, against whose claims nothing more is to be "
            f"served: {exposure['payers_above']}."
        )


def _bar(part: float) -> str:
    full = round(part * _BAR)
    return "█" * full + "░" * (_BAR - full)


def _clean(text: str) -> str:
    """Return text without what a terminal would obey."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
