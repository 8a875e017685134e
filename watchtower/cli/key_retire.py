"""``watchtower key retire``: a key leaves the vault, after what depends on it was told."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

import click

from watchtower.cli.asking import confirm
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, refuse_keys_here, run_async, settings_of_keys
from watchtower.errors import KeyNeededError
from watchtower.keys.authority import Right
from watchtower.keys.retiring import Dependants, dependants_of, retire
from watchtower.keys.vault import Standing
from watchtower.settings import Settings
from watchtower.signer_settings import SignerSettings
from watchtower.units import Address, format_drops, parse_address
from watchtower.wiring import rights_of

__all__ = ["retire_key"]


@click.command(
    name="retire",
    epilog=examples(
        "watchtower key retire --account rPayee…                    # tells what depends, and asks",
        "watchtower key retire --account rPayee… --public-key 02… --yes",
    ),
)
@click.option("--account", required=True, help="Whose key.")
@click.option("--public-key", help="Which of its keys; the one that signs if not given.")
@click.option("--anyway", is_flag=True, help="Also if something at stake depends on it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def retire_key(
    account: str, public_key: str | None, *, anyway: bool, yes: bool, as_json: bool
) -> None:
    """Remove a key from the vault, and write that into the journal.

    What depends on it is shown first. A key that is needed to redeem what is at stake stays,
    unless --anyway is said.
    """
    loaded, address = settings_of_keys(), parse_address(account)
    wanted = None if public_key is None else public_key.upper()
    refuse_keys_here(loaded)
    found = run_async(_look(loaded, address, wanted))
    if isinstance(loaded, SignerSettings) and found.key.standing is Standing.SIGNS and not anyway:
        # No channels and no claims are here: that nothing depends on it cannot be told.
        unknown = (
            "a signer apart does not know what is at stake; look with `watchtower channel list` at "
            "the daemon, and say --anyway here"
        )
        raise KeyNeededError(account=account, why=unknown)
    why = found.why_needed
    if why is not None and (found.rotation or not anyway):
        raise KeyNeededError(account=account, why=why)
    if not yes:
        if not sys.stdin.isatty():
            why = "nobody is at a terminal to confirm it; say --yes"
            raise KeyNeededError(account=account, why=why)
        click.echo(_text(found), err=True)
        confirm("Remove it for good?")
    done = run_async(_retire(loaded, address, found.key.public_key, anyway=anyway))
    tell(_report(done), f"{_text(done)}\nIt was removed.", as_json=as_json)


async def _look(
    loaded: Settings | SignerSettings, account: Address, public_key: str | None
) -> Dependants:
    async with open_store(loaded) as store:
        return await dependants_of(
            store, account, public_key, signs_for=_signs_for(loaded, account)
        )


def _signs_for(loaded: Settings | SignerSettings, account: Address) -> Collection[Address]:
    """Return for whom the tower's own account signs besides itself; nobody for any other."""
    if isinstance(loaded, SignerSettings):
        return ()
    by = {
        right
        for right, own in (
            (Right.DELEGATED, loaded.authority.own),
            (Right.SIGNER_LIST, loaded.authority.signer),
        )
        if own == account
    }
    rights = rights_of(loaded)
    return [payee for payee in loaded.payees if by & {*rights[payee]}]


async def _retire(
    loaded: Settings | SignerSettings, account: Address, public_key: str, *, anyway: bool
) -> Dependants:
    async with open_store(loaded) as store:
        return await retire(
            store, account, public_key, anyway=anyway, signs_for=_signs_for(loaded, account)
        )


def _text(found: Dependants) -> str:
    key = found.key
    kind = "regular key" if key.is_regular_key else "master key"
    return (
        f"{key.public_key}, the {kind} of {key.account} ({key.standing.value}): "
        f"{found.channels} open channels, {format_drops(found.at_stake)} at stake, "
        f"{found.attempts} transactions on their way."
    )


def _report(found: Dependants) -> dict[str, Any]:
    return {
        "account": found.key.account,
        "public_key": found.key.public_key,
        "standing": found.key.standing.value,
        "channels": found.channels,
        "at_stake": found.at_stake,
        "attempts": found.attempts,
    }
