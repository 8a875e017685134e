"""``watchtower alert``: trying every route, and looking at what was told, where."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click

from watchtower.alert_routes import routes_of_command
from watchtower.alerts.keeping import kept_of
from watchtower.alerts.message import Message, message_of
from watchtower.alerts.record import Kept
from watchtower.alerts.routes import Route
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.errors import AlertNotToldError
from watchtower.front_mqtt import broker_credentials
from watchtower.settings import Settings
from watchtower.tower.route_watch import ALERTS_NOTE
from watchtower.tower.tending import STATUS_NOTE

__all__ = ["alert"]

_SHOWN = 20


class _Outcome(NamedTuple):
    """What became of the test on one route; ``why`` is None if it arrived."""

    route: str
    kind: str
    seconds: float
    why: str | None


@click.group(cls=Listed)
def alert() -> None:
    """Alarms: whether they reach people, and which did."""


@alert.command(
    epilog=examples("watchtower alert test", "watchtower alert test --severity urgent --json")
)
@click.option("--route", "only", metavar="NAME", help="Try this route alone.")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.URGENT.value,
    show_default=True,
    help="As what it is told. Routes that are told of worse things only are left out.",
)
@json_option
def test(*, only: str | None, severity: str, as_json: bool) -> None:
    """Tell a test alarm now by every route of the configuration, and say where it arrived.

    It goes from this process, whether the daemon runs or not. Ends with exit code 97 if it did not
    arrive somewhere, or if there is no route.
    """
    loaded = settings()
    credentials = broker_credentials(loaded.mqtt, os.environ) if loaded.alerts.mqtt else None
    routes = _chosen(routes_of_command(loaded, os.environ, credentials), only)
    message = _test_message(Severity(severity))
    told = [route for route in routes if message.severity.rank >= route.least.rank]
    outcomes = run_async(_try_all(told, message))
    for outcome in outcomes:
        tell(_report(outcome), _line(outcome), as_json=as_json)
    failed = [f"{one.route}: {one.why}" for one in outcomes if one.why is not None]
    if failed:
        raise AlertNotToldError(why="; ".join(failed))
    if not outcomes:
        why = "no route is configured" if not routes else f"no route is told what is {severity}"
        raise AlertNotToldError(why=why)


def _chosen(routes: Sequence[Route], only: str | None) -> Sequence[Route]:
    if only is None:
        return routes
    chosen = [route for route in routes if route.name == only]
    if not chosen:
        there = ", ".join(repr(route.name) for route in routes) or "none"
        raise click.BadParameter(f"there is no route {only!r}; there are: {there}")
    return chosen


def _test_message(severity: Severity) -> Message:
    alarm = Alarm(
        name="test",
        subject="test",
        severity=severity,
        sentence="This is a test of the watchtower's alarms. Nothing is the matter, and nothing is "
        "to be done.",
    )
    notice = Notice(kind=NoticeKind.HAPPENED, alarm=alarm)
    return message_of(notice, name=f"msg_{secrets.token_hex(12)}", at=time.time())


async def _try_all(routes: Sequence[Route], message: Message) -> list[_Outcome]:
    return await asyncio.gather(*(_try(route, message) for route in routes))


async def _try(route: Route, message: Message) -> _Outcome:
    began = time.monotonic()
    why = await route.hand_over(message)
    return _Outcome(route.name, route.kind, time.monotonic() - began, why)


def _report(outcome: _Outcome) -> dict[str, Any]:
    return {
        "route": outcome.route,
        "kind": outcome.kind,
        "arrived": outcome.why is None,
        "why": outcome.why,
        "seconds": round(outcome.seconds, 3),
    }


def _line(outcome: _Outcome) -> str:
    took = f"{outcome.seconds:.1f} s"
    if outcome.why is None:
        return f"{outcome.route}: arrived ({took})"
    return f"{outcome.route}: did not arrive, {outcome.why} ({took})"


@alert.command("list", epilog=examples("watchtower alert list", "watchtower alert list --json"))
@click.option(
    "--last", type=click.IntRange(min=0), default=_SHOWN, show_default=True, help="How many lines."
)
@json_option
def list_(*, last: int, as_json: bool) -> None:
    """Say which alarms stand, how each route is doing, and what was told where, the newest last.

    By the daemon's last word. What it told is kept for the last hundred urgent messages and the
    last hundred others.
    """
    status, kept = run_async(_read(settings()))
    told = kept.told[len(kept.told) - min(last, len(kept.told)) :]
    report = {
        "alarms": status.get("alarms", []),
        "routes": status.get("routes", []),
        "told": [_told_report(one) for one in told],
        "waiting": [
            {"route": route, "name": one.name, "subject": one.whose, "at": one.at}
            for route, messages in kept.waiting.items()
            for one in messages
        ],
    }
    tell(report, _text(report), as_json=as_json)


async def _read(loaded: Settings) -> tuple[Mapping[str, Any], Kept]:
    async with open_store(loaded) as store, store.read() as work:
        return await work.notes.get(STATUS_NOTE) or {}, kept_of(await work.notes.get(ALERTS_NOTE))


def _told_report(told: Any) -> dict[str, Any]:
    return {
        "at": told.at,
        "route": told.route,
        "name": told.name,
        "subject": told.subject,
        "kind": told.kind.value,
        "severity": told.severity.value,
        "result": told.result,
        "tries": told.tries,
        "why": told.why,
    }


def _text(report: Mapping[str, Any]) -> str:
    lines = [
        f"{alarm['severity'].upper()} {alarm['name']}: {alarm['sentence']}"
        for alarm in report["alarms"]
    ] or ["No alarm stands."]
    lines += [_route(route) for route in report["routes"]]
    for told in report["told"]:
        why = "" if told["why"] is None else f", {told['why']}"
        what = f"{told['kind']} {told['name']} ({told['subject']})"
        tries = "" if told["tries"] < 2 else f" at try {told['tries']}"  # noqa: PLR2004
        lines.append(f"{_time(told['at'])} {told['route']}: {told['result']}{tries}: {what}{why}")
    lines += [
        f"Waits for {one['route']} since {_time(one['at'])}: {one['name']} ({one['subject']})"
        for one in report["waiting"]
    ]
    return "\n".join(lines)


def _route(route: Mapping[str, Any]) -> str:
    since = route["failing_since"]
    if since is not None:
        why, waiting = route["why"], route["waiting"]
        return f"{route['route']}: fails since {_time(since)} ({why}); {waiting} wait"
    last = route["last_delivered"]
    when = "nothing was told yet" if last is None else f"last heard at {_time(last)}"
    return f"{route['route']}: {when}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
