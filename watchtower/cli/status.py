"""``watchtower status``: how the tower is, by its own last word."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.porcelain import porcelain
from watchtower.cli.session import open_store, run_async, settings
from watchtower.cli.status_view import lines, table
from watchtower.interfaces.amounts import amounts_as_text
from watchtower.interfaces.status_answer import told
from watchtower.interfaces.store_report import store_report
from watchtower.keys.authority import Right
from watchtower.keys.vault import Vault
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.tower.bulletin import STATUS_NOTE
from watchtower.units import Address
from watchtower.wiring import rights_of

__all__ = ["look", "status", "told"]

_NOT_RUNNING: Final = 3
_STALE: Final = 120
"""Seconds of silence after which the daemon is reported as not running."""

_EVERY: Final = 1.0
"""Seconds between two looks of `--watch`."""


@click.command(
    epilog=examples(
        "watchtower status",
        "watchtower status --watch",
        "watchtower status --porcelain | grep '^deadline '",
        "watchtower status --json",
    )
)
@click.option("--watch", is_flag=True, help="Show it anew every second, until Ctrl-C.")
@click.option("--porcelain", "as_lines", is_flag=True, help="Lines for scripts, of a fixed form.")
@json_option
def status(*, watch: bool, as_lines: bool, as_json: bool) -> None:
    """Say how the tower is: all is well, or what is wrong and what to do; then the details.

    Ends with exit code 3 when the daemon has not been heard for two minutes, so that a script
    can tell.
    """
    if as_json and as_lines:
        raise click.UsageError("--json and --porcelain are two answers; choose one.")
    if watch:
        if as_json or as_lines or not sys.stdout.isatty():
            raise click.UsageError("--watch needs a terminal, and is for people alone.")
        _watch(settings())
        return
    report = run_async(_status(settings()))
    if as_lines:
        click.echo("\n".join(porcelain(report)))
    elif as_json or not sys.stdout.isatty():
        tell(amounts_as_text(report), "" if as_json else lines(report), as_json=as_json)
    else:
        _draw(report)
    if not report["running"]:
        raise SystemExit(_NOT_RUNNING)


def _draw(report: Mapping[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415 - scripts need none of it

    Console(highlight=False).print(table(report))


def _watch(loaded: Settings) -> None:
    """Show the status on a screen of its own, which is gone afterwards."""
    try:
        run_async(_show_for_ever(loaded))
    except KeyboardInterrupt:
        return  # that is how it ends


async def _show_for_ever(loaded: Settings) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    async with open_store(loaded) as store:
        first = table(told(await look(loaded, store)))
        console = Console(highlight=False)
        with Live(first, console=console, screen=True, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(_EVERY)
                live.update(table(told(await look(loaded, store))), refresh=True)


async def _status(loaded: Settings) -> dict[str, Any]:
    async with open_store(loaded) as store:
        return told(await look(loaded, store))


async def look(loaded: Settings, store: Store) -> dict[str, Any]:
    """Return what the daemon said last, with what the store itself knows."""
    async with store.read() as work:
        keys = [card.account for card in await Vault(store).cards()]
        said: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
        cursor = await work.cursor.get()
        ahead = {presigned.account for presigned in await work.bundles.load_all()}
    now = int(time.time())
    age = None if "written" not in said else max(0, now - said["written"])
    return {
        **said,
        "now": now,
        "running": age is not None and age < _STALE and not said.get("stopped", False),
        "age": age,
        "network": store.network,
        "cursor": cursor,
        "keys": keys,
        "signer": loaded.keys.signer or None,
        # A signer apart is asked by the daemon; what is missing there is an alarm (`no_right`).
        "accounts_without_key": []
        if loaded.keys.signer
        else sorted(set(loaded.addresses) - set(keys)),
        "accounts_without_right": sorted(_without_right(loaded, keys, ahead)),
        **await store_report(store),
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
