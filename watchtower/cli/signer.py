"""``watchtower signer``: a process apart that holds the keys, and signs for the daemon."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import new_passphrase, open_store, run_async, way_in
from watchtower.cli.session import signer_settings as settings
from watchtower.collector import calm
from watchtower.interfaces.story import entry_report, entry_text
from watchtower.machine import Machine
from watchtower.settings import config_path
from watchtower.signer.serve import run as run_signer
from watchtower.signer_settings import SignerSettings, write_first_signer
from watchtower.store.database import Store
from watchtower.store.journal import NumberedEntry

__all__ = ["signer"]


@click.group(cls=Listed)
def signer() -> None:
    """A process apart that holds the keys; it has a configuration and a store of its own.

    WATCHTOWER_CONFIG names its configuration, for these commands and for `watchtower key`.
    """


@signer.command(
    epilog=examples(
        "WATCHTOWER_CONFIG=/etc/watchtower-signer/signer.toml watchtower signer init \\",
        "    --payee rPayee… --user watchtower",
    )
)
@click.option("--payee", "payees", multiple=True, help="An account that redeems.")
@click.option("--payer", "payers", multiple=True, help="An account that closes its own channels.")
@click.option("--delegate", default="", help="The tower's own account, a delegate of the payees.")
@click.option("--list-signer", default="", help="The tower's own account in signer lists.")
@click.option("--cosign-for", multiple=True, help="An account of others that it co-signs for.")
@click.option("--user", "users", multiple=True, required=True, help="Who may ask: the daemon.")
@click.option("--socket", help="Where it listens, if not at /run/watchtower-signer/socket.")
@json_option
def init(
    payees: tuple[str, ...],
    payers: tuple[str, ...],
    users: tuple[str, ...],
    socket: str | None,
    *,
    delegate: str,
    list_signer: str,
    cosign_for: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write a signer's configuration, and make an empty encrypted store beside it."""
    path = config_path(os.environ)
    loaded = write_first_signer(
        path,
        payees=payees,
        payers=payers,
        users=users,
        socket=socket,
        delegate=delegate,
        list_signer=list_signer,
        cosign_for=cosign_for,
    )
    try:
        asyncio.run(_make_store(loaded))
    except BaseException:
        # Half a set-up would only be in the way of the next try.
        path.unlink(missing_ok=True)
        raise
    report = {"config": str(path), "store": loaded.store, "accounts": loaded.addresses}
    text = f"Wrote {path} and the store {loaded.store}.\nNext: {_next(loaded)}"
    tell(report, text, as_json=as_json)


@signer.command(
    epilog=examples("WATCHTOWER_CONFIG=/etc/watchtower-signer/signer.toml watchtower signer run")
)
@json_option
def run(*, as_json: bool) -> None:
    """Sign what may be signed until stopped (SIGTERM, SIGINT); the log goes to standard error."""
    loaded = settings(is_daemon=True)
    calm()
    told = run_async(
        run_signer(
            loaded,
            way_in(loaded),
            os.environ,
            config=config_path(os.environ),
            stopping=Machine().stopping,
        )
    )
    tell(told, f"Stopped signing at {told['socket']}.", as_json=as_json)


@signer.command(
    epilog=examples("watchtower signer journal", "watchtower signer journal --last 1000 --json")
)
@click.option("--last", type=click.IntRange(1, 1_000_000), default=20, help="How many; 20.")
@json_option
def journal(*, last: int, as_json: bool) -> None:
    """Tell what was signed, for whom, at what fee and when, and what was refused."""
    for entry in run_async(_tail(settings(), last)):
        channel = entry.entry.channel
        report = {**entry_report(entry), "channel": channel}
        text = entry_text(entry) + (f", channel {channel}" if channel else "")
        tell(report, text, as_json=as_json)


def _next(loaded: SignerSettings) -> str:
    """Return how the first key comes in; one that signs for others may be a master key."""
    if loaded.own:
        return " and ".join(f"watchtower key import --account {account}" for account in loaded.own)
    return f"watchtower key import --account {loaded.addresses[0]} --regular-key"


async def _make_store(loaded: SignerSettings) -> None:
    async with await Store.create(Path(loaded.store), new_passphrase(os.environ)):
        pass


async def _tail(loaded: SignerSettings, last: int) -> list[NumberedEntry]:
    async with open_store(loaded) as store, store.read() as work:
        return await work.journal.tail(last)
