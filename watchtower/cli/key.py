"""``watchtower key``: the keys that redeem. Seeds come in unseen, and nothing shows them."""

from __future__ import annotations

import click

from watchtower.cli.asking import ask_seed
from watchtower.cli.key_create import create
from watchtower.cli.key_derive import derive_key, guarded
from watchtower.cli.key_retire import retire_key
from watchtower.cli.key_rotate import rotate
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import (
    hsm,
    open_store,
    run_async,
    settings,
    settings_of_keys,
)
from watchtower.hsm_access import hsm_keys_of
from watchtower.keys.authority import Right, right_of
from watchtower.keys.identity import Identity, find_identity, make_identity
from watchtower.keys.vault import Algorithm, KeyCard, Standing, Vault
from watchtower.settings import Settings
from watchtower.signer_settings import SignerSettings
from watchtower.units import parse_address
from watchtower.wiring import rights_of

__all__ = ["key"]


@click.group(cls=Listed)
def key() -> None:
    """Keys that sign for the accounts that are guarded."""


for _command in (create, derive_key, retire_key, rotate):
    key.add_command(_command)


@key.command(
    name="import",
    epilog=examples(
        "watchtower key import --account rPayee…                    # asks, and shows nothing",
        "watchtower key import --account rPayee… --seed-file /run/secrets/seed",
        "pass show payee | watchtower key import --account rPayee… --seed-file -",
    ),
)
@click.option("--account", required=True, help="Whose transactions the key signs.")
@click.option("--seed-file", help="A file with the family seed, or - for standard input.")
@click.option(
    "--algorithm",
    type=click.Choice([algorithm.value for algorithm in Algorithm]),
    help="For an s… seed that is not secp256k1.",
)
@click.option("--regular-key", is_flag=True, help="The seed is the account's regular key.")
@json_option
def import_key(
    account: str, seed_file: str | None, algorithm: str | None, *, regular_key: bool, as_json: bool
) -> None:
    """Import a family seed (s… or sEd…) at a hidden prompt, from a file or standard input."""
    loaded = settings_of_keys()
    guarded(loaded, account)
    seed = ask_seed(seed_file)
    kind = None if algorithm is None else Algorithm(algorithm)
    card = run_async(_import(loaded, account, seed, kind, regular_key=regular_key))
    text = f"Imported the {card.algorithm} key of {card.account}. The seed was not kept."
    if idle := _why_idle(loaded, card):
        text = f"{text}\n{idle}"
    tell({**_report(card), "idle": idle}, text, as_json=as_json)


@key.command(name="list", epilog=examples("watchtower key list", "watchtower key list --json"))
@json_option
def list_keys(*, as_json: bool) -> None:
    """List the keys, without any secret."""
    loaded = settings_of_keys()
    cards = run_async(_cards(loaded))
    for card in cards:
        _tell_card(card, where="store", as_json=as_json)
    in_hsm = run_async(_hsm_cards(loaded)) if isinstance(loaded, Settings) else []
    for card in in_hsm:
        _tell_card(card, where="hsm", as_json=as_json)
    if not cards and not in_hsm and not as_json:
        click.echo(_no_keys(loaded))


@key.command(
    name="remove",
    epilog=examples("watchtower key remove --account rPayee…   # the seed is kept elsewhere"),
)
@click.option("--account", required=True, help="Whose key goes.")
@json_option
def remove_key(account: str, *, as_json: bool) -> None:
    """Remove an account's key from the store. Nothing brings it back but its seed."""
    card = run_async(_remove(settings_of_keys(), account))
    text = f"Removed the {card.algorithm} key of {card.account}."
    tell(_report(card), text, as_json=as_json)


@key.command(
    name="identity",
    epilog=examples("watchtower key identity", "watchtower key identity --json"),
)
@json_option
def show_identity(*, as_json: bool) -> None:
    """Show the tower's own key, by which its receipts are verified; publish it."""
    identity = run_async(_identity(settings()))
    tell({"public_key": identity.public_key}, identity.public_key, as_json=as_json)


def _tell_card(card: KeyCard, *, where: str, as_json: bool) -> None:
    kind = "regular key" if card.is_regular_key else "master key"
    place = "  in the HSM" if where == "hsm" else ""
    text = f"{card.account}  {card.algorithm}  {kind}  {card.public_key}{place}"
    if card.standing is not Standing.SIGNS:
        text += f"  ({card.standing.value})"
    if card.path is not None:
        text += f"  {card.path}"
    tell({**_report(card), "where": where}, text, as_json=as_json)


def _no_keys(loaded: Settings | SignerSettings) -> str:
    """Return what to do where there is no key: none may be imported beside a signer apart."""
    if isinstance(loaded, Settings) and loaded.keys.signer:
        return (
            f"No keys here: the signer at {loaded.keys.signer} holds them. List them there, with "
            "`WATCHTOWER_CONFIG` at its configuration."
        )
    return "No keys. Import one with `watchtower key import --account ADDRESS`."


async def _hsm_cards(loaded: Settings) -> list[KeyCard]:
    token = hsm(loaded)
    if token is None:
        return []
    try:
        return await hsm_keys_of(token, loaded.hsm).cards()
    finally:
        await token.close()


def _why_idle(loaded: Settings | SignerSettings, card: KeyCard) -> str | None:
    """Return that a key will not sign, and what to do about it; None if it may."""
    right = right_of(card.account, card.public_key)
    if isinstance(loaded, Settings):
        own = {loaded.authority.own, loaded.authority.signer}
    else:
        own = {*loaded.own}
    if card.account in own:
        return None
    allowed = rights_of(loaded)[card.account] if isinstance(loaded, Settings) else loaded.rights
    if right in allowed:
        return None
    if right is Right.MASTER_KEY:
        table = "authority" if isinstance(loaded, Settings) else "signer"
        return (
            "It is the account's master key and will not sign: give the account a regular key and "
            f"import that with --regular-key, or set `allow_master_key = true` under `[{table}]`."
        )
    return f"It will not sign: the configuration does not name {right} among the account's rights."


async def _identity(loaded: Settings) -> Identity:
    async with open_store(loaded) as store:
        # A store from before there were receipts has none yet.
        return await find_identity(store) or await make_identity(store)


async def _remove(loaded: Settings | SignerSettings, account: str) -> KeyCard:
    async with open_store(loaded) as store:
        return await Vault(store).remove(parse_address(account))


async def _import(
    loaded: Settings | SignerSettings,
    account: str,
    seed: str,
    kind: Algorithm | None,
    *,
    regular_key: bool,
) -> KeyCard:
    async with open_store(loaded) as store:
        return await Vault(store).import_seed(
            parse_address(account), seed, algorithm=kind, regular_key=regular_key
        )


async def _cards(loaded: Settings | SignerSettings) -> list[KeyCard]:
    async with open_store(loaded) as store:
        return await Vault(store).cards()


def _report(card: KeyCard) -> dict[str, object]:
    return {
        "account": card.account,
        "algorithm": card.algorithm.value,
        "public_key": card.public_key,
        "is_regular_key": card.is_regular_key,
        "standing": card.standing.value,
        "path": card.path,
    }
