"""``watchtower status``: how the tower is, by its own last word."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.keys.authority import Right
from watchtower.keys.vault import Vault
from watchtower.settings import Settings
from watchtower.store.notes import RECOVERY
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import Address, Drops, RippleTime, format_drops, format_time
from watchtower.wiring import rights_of

__all__ = ["serving_limits", "status"]

_NOT_RUNNING: Final = 3
_STALE: Final = 120
"""Seconds of silence after which the daemon is reported as not running."""


@click.command(epilog=examples("watchtower status", "watchtower status --json"))
@json_option
def status(*, as_json: bool) -> None:
    """Say how the tower is: ledger, channels, what is at stake, servers and alarms.

    Ends with exit code 3 when the daemon has not been heard for two minutes, so that a script
    can tell.
    """
    report = run_async(_status(settings()))
    tell(report, _text(report), as_json=as_json)
    if not report["running"]:
        raise SystemExit(_NOT_RUNNING)


async def _status(loaded: Settings) -> dict[str, Any]:
    async with open_store(loaded) as store, store.read() as work:
        keys = [card.account for card in await Vault(store).cards()]
        told: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
        claims = len(await work.claims.load_all())
        pending = await work.claims.count_pending()
        cursor = await work.cursor.get()
        recovery = await work.notes.get(RECOVERY)
        ahead = {presigned.account for presigned in await work.bundles.load_all()}
    age = None if "written" not in told else max(0, int(time.time()) - told["written"])
    return {
        **told,
        "running": age is not None and age < _STALE and not told.get("stopped", False),
        "age": age,
        "network": store.network,
        "cursor": cursor,
        "claims": claims,
        "pending_claims": pending,
        "keys": keys,
        "signer": loaded.keys.signer or None,
        # A signer apart is asked by the daemon; what is missing there is an alarm (`no_right`).
        "accounts_without_key": []
        if loaded.keys.signer
        else sorted(set(loaded.addresses) - set(keys)),
        "accounts_without_right": sorted(_without_right(loaded, keys, ahead)),
        "in_recovery": recovery is not None,
        "recovery": recovery,
    }


def _without_right(
    loaded: Settings, keys: Collection[Address], ahead: Collection[Address]
) -> Iterator[Address]:
    """Yield for whom nothing is here by which it could be signed, or was.

    That is no key in the store or the token, by whichever right, and nothing signed ahead.
    """
    if loaded.keys.signer:
        return
    held = {*keys, *(Address(key.account) for key in loaded.hsm.keys)}
    authority = loaded.authority
    for account, rights in rights_of(loaded).items():
        by_others = account in loaded.payees and (
            (Right.DELEGATED in rights and authority.own in held)
            or (Right.SIGNER_LIST in rights and authority.signer in held)
        )
        is_ahead = Right.PRESIGNED in rights and account in ahead
        if account not in held and not by_others and not is_ahead:
            yield account


def _text(report: Mapping[str, Any]) -> str:
    lines = []
    if report["age"] is None:
        lines.append("The daemon has not run yet. Start it with `watchtower run`.")
    elif not report["running"]:
        how = "stopped" if report.get("stopped") else "was last heard"
        lines.append(f"The daemon {how} {report['age']} s ago.")
    else:
        mode = " in shadow mode, sending nothing" if report["shadow"] else ""
        lines.append(f"The daemon runs{mode}; last word {report['age']} s ago.")
    if report.get("ledger_index") is not None:
        when = format_time(RippleTime(report["ledger_time"]))
        lines.append(
            f"Ledger {report['ledger_index']} ({when}), accounted for up to {report['accounted']}."
        )
        at_stake = format_drops(Drops(report["at_stake"]))
        lines.append(
            f"{report['channels']} channels, {at_stake} at stake; {report['redeeming']} to be "
            f"redeemed now, {report['attempts']} attempts on their way."
        )
    lines += serving_limits(report.get("exposure"))
    if report.get("outgoing"):
        lines.append(
            f"{report['outgoing']} of the channels are a payer's; {report['closing']} to be closed "
            "now."
        )
    if report.get("rules"):
        lines.append(f"The network's rules for channels: {report['rules']}.")
    lines.append(f"{report['claims']} best claims kept, {report['pending_claims']} pending.")
    lines += [
        f"No key of {account} is in the store, and nothing else signs for it: see `watchtower "
        "authority show`."
        for account in report["accounts_without_right"]
    ]
    lines += [
        f"Nothing can sign for {account} now: what was signed ahead is redeemed, and what claims "
        "add to that is not to be served."
        for account in report.get("accounts_without_signer", ())
    ]
    if report["in_recovery"]:
        missing: Mapping[str, str] = report["recovery"].get("missing", {})
        why_in_recovery = _why_in_recovery(report["recovery"])
        lines.append(f"{why_in_recovery}, and not reconciled with every server yet.")
        lines += [f"Not reconciled with {server}: {why}" for server, why in missing.items()]
    lines += [_server(server) for server in report.get("servers", ())]
    lines += [
        f"{alarm['severity'].upper()} {alarm['name']}: {alarm['sentence']}"
        for alarm in report.get("alarms", ())
    ]
    return "\n".join(lines)


def _why_in_recovery(note: Mapping[str, Any]) -> str:
    if "heads" in note:
        return "Perhaps put back to an earlier day, by its heads"
    if "rebuilt" in note:
        return "Rebuilt without records that were broken"
    return "Restored from a backup"


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


def _server(server: Mapping[str, Any]) -> str:
    if not server["connected"]:
        return f"{server['server']}: not connected ({server['why']})"
    blocked = ", amendment blocked" if server["amendment_blocked"] else ""
    ranked = f", asked after the others: {server['why']}" if server.get("rank") else ""
    return f"{server['server']}: ledger {server['validated']}{blocked}{ranked}"
