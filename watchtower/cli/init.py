"""``watchtower init``: a configuration and an empty store, without any network."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import new_passphrase
from watchtower.errors import StoreExistsError
from watchtower.first_settings import write_first
from watchtower.keys.identity import make_identity
from watchtower.settings import Settings, config_path
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
    if path.exists():
        raise StoreExistsError(path=path)
    settings = write_first(
        path, accounts, servers, payers=payers, allow_master_key=allow_master_key
    )
    try:
        asyncio.run(_make_store(settings))
    except BaseException:
        # Half a set-up would only be in the way of the next try.
        path.unlink(missing_ok=True)
        raise
    report = {"config": str(path), "store": settings.store, "accounts": settings.addresses}
    text = (
        f"Wrote {path} and the store {settings.store}.\n"
        f"Next: watchtower key import --account {settings.addresses[0]}"
        f"{'' if allow_master_key else ' --regular-key'}"
    )
    tell(report, text, as_json=as_json)


async def _make_store(settings: Settings) -> None:
    async with await Store.create(Path(settings.store), new_passphrase(os.environ)) as store:
        await make_identity(store)
