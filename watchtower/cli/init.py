"""``watchtower init``: a configuration and an empty store, without any network."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import new_passphrase
from watchtower.errors import ConfigError, StoreExistsError
from watchtower.first_settings import write_first
from watchtower.keys.identity import make_identity
from watchtower.settings import AuthoritySettings, Settings, config_path, load
from watchtower.store.database import Store

__all__ = ["init"]


@click.command(
    epilog=examples(
        "watchtower init --account rPayee… --server wss://xrplcluster.com --server wss://s1.ripple.com",
        "WATCHTOWER_CONFIG=/etc/watchtower.toml watchtower init --account r… --server ws://localhost:6006",
    )
)
@click.option("--account", "accounts", multiple=True, help="A payee to guard.")
@click.option("--payer", "payers", multiple=True, help="A payer to guard; one that is both, twice.")
@click.option(
    "--allow-master-key",
    is_flag=True,
    help="Let the tower sign with a master key, which is worth everything to a thief.",
)
@click.option("--server", "servers", multiple=True, required=True, help="A server; give two.")
@json_option
def init(
    accounts: tuple[str, ...],
    payers: tuple[str, ...],
    servers: tuple[str, ...],
    *,
    allow_master_key: bool,
    as_json: bool,
) -> None:
    """Write the configuration, and make an empty encrypted store beside it.

    Name at least one account, a payee with --account or a payer with --payer.
    """
    if not accounts and not payers:
        raise click.UsageError(
            "name an account to guard: --account for a payee, --payer for a payer"
        )
    path = config_path(os.environ)
    is_new = not path.exists()
    if is_new:
        settings = write_first(
            path, accounts, servers, payers=payers, allow_master_key=allow_master_key
        )
    else:
        settings = _that_is_there(path, {*accounts, *payers})
    try:
        asyncio.run(_make_store(settings))
    except BaseException:
        # Half a set-up would only be in the way of the next try.
        if is_new:
            path.unlink(missing_ok=True)
        raise
    report = {"config": str(path), "store": settings.store, "accounts": settings.addresses}
    made = f"Wrote {path} and the store {settings.store}."
    if not is_new:
        made = (
            f"Made the store {settings.store}, which is empty; {path} was there, and is left as it "
            "is. If a store was lost, remove this one and bring it back: `watchtower backup "
            "restore`."
        )
    tell(report, f"{made}\nNext: {_next(settings)}", as_json=as_json)


def _that_is_there(path: Path, named: set[str]) -> Settings:
    """Return the settings of a configuration that has no store yet.

    Raises:
        StoreExistsError: it has one.
        ConfigError: it cannot be used, or guards others than those that are named.
    """
    settings = load(path, os.environ)
    if Path(settings.store).exists():
        raise StoreExistsError(path=settings.store)
    if others := sorted(named - set(settings.addresses)):
        why = (
            f"it is there already, and does not guard {', '.join(others)}; add them to it yourself"
        )
        raise ConfigError(path=path, why=why)
    return settings


def _next(settings: Settings) -> str:
    """Return what is to be done next: a key, where the settings have one in the store."""
    if settings.keys.signer or settings.hsm.keys or settings.authority != _fresh(settings):
        return "watchtower authority show, which says what still has to sign for each account"
    regular = "" if settings.authority.allow_master_key else " --regular-key"
    return f"watchtower key import --account {settings.addresses[0]}{regular}"


def _fresh(settings: Settings) -> AuthoritySettings:
    """Return by what rights a first configuration signs."""
    return AuthoritySettings(allow_master_key=settings.authority.allow_master_key)


async def _make_store(settings: Settings) -> None:
    async with await Store.create(Path(settings.store), new_passphrase(os.environ)) as store:
        await make_identity(store)
