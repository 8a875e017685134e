"""``watchtower key derive``: a key of the tree, from a mnemonic that comes in unseen."""

from __future__ import annotations

import os

import click

from watchtower.cli.asking import ask_mnemonic, ask_passphrase, mnemonic_options
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, refuse_keys_here, run_async, settings_of_keys
from watchtower.errors import ConfigError, DerivationPathError, SeedError
from watchtower.keys.derivation import DerivedKey, derive
from watchtower.keys.tree import KeyPath, Purpose, parse_path, tree_of
from watchtower.keys.vault import Algorithm, Vault
from watchtower.settings import Settings, config_path
from watchtower.signer_settings import SignerSettings
from watchtower.units import Address, parse_address

__all__ = ["derive_key", "guarded"]


@click.command(
    name="derive",
    epilog=examples(
        "watchtower key derive --account rPayee…                 # keeps the first dispute key",
        "watchtower key derive --purpose claim --index 3 --mnemonic-file /run/secrets/words",
        "watchtower key derive --path \"m/44'/144'/0'/2'/1'\" --account rPayee… --mnemonic-file -",
    ),
)
@click.option("--account", help="Keep the key for this account; without it, only show it.")
@click.option("--path", help="Where in the tree the key stands.")
@click.option(
    "--purpose",
    type=click.Choice([purpose.value for purpose in Purpose]),
    help="Instead of a path: what the key is for; dispute if not given.",
)
@click.option(
    "--index", type=click.IntRange(0, 2**31 - 1), help="Which one of them; 0 if not given."
)
@click.option(
    "--algorithm",
    type=click.Choice([algorithm.value for algorithm in Algorithm]),
    default=Algorithm.SECP256K1.value,
    help="Of the key; secp256k1 if not given.",
)
@mnemonic_options
@json_option
def derive_key(
    *,
    account: str | None,
    path: str | None,
    purpose: str | None,
    index: int | None,
    algorithm: str,
    mnemonic_file: str | None,
    mnemonic_passphrase_file: str | None,
    wallet: int | None,
    mnemonic_passphrase: bool,
    as_json: bool,
) -> None:
    """Derive a key from a mnemonic. With --account it is kept, else its public half is shown.

    A dispute key is kept as the account's regular key. A funding key is kept only if it is the
    account's own, and only when --purpose funding says so; a claim key never is.
    """
    is_ed25519 = algorithm == Algorithm.ED25519
    place = _place(path, purpose, index, wallet, is_ed25519=is_ed25519)
    loaded = settings_of_keys() if account is not None else None
    keeps_for = None if loaded is None or account is None else guarded(loaded, account)
    if keeps_for is not None and place.purpose is Purpose.CLAIM:
        why = "the tower signs no claims, so it keeps no claim key; leave --account out"
        raise DerivationPathError(path=place, why=why, tree=tree_of(Purpose.DISPUTE))
    mnemonic = ask_mnemonic(mnemonic_file)
    passphrase = ask_passphrase(mnemonic_passphrase_file, is_wanted=mnemonic_passphrase)
    key = derive(mnemonic.seed(passphrase), place)
    if loaded is not None and keeps_for is not None:
        _refuse_others(key, keeps_for)
        run_async(_keep(loaded, keeps_for, key))
    _tell(key, keeps_for, as_json=as_json)


def guarded(loaded: Settings | SignerSettings, account: str) -> Address:
    """Return an account that the configuration names, which may be the tower's own.

    Raises:
        AddressError: it is no address.
        ConfigError: the configuration does not name it, or its keys are elsewhere.
    """
    refuse_keys_here(loaded)
    address = parse_address(account)
    named: set[str | None] = {*loaded.addresses}
    if isinstance(loaded, Settings):
        named |= {loaded.authority.own, loaded.authority.signer}
    else:
        named |= {*loaded.own}
    if address not in named:
        where = "`accounts` does" if isinstance(loaded, Settings) else "`[signer]` does"
        why = f"{where} not name {account}; add it first"
        raise ConfigError(path=config_path(os.environ), why=why)
    if isinstance(loaded, Settings) and any(key.account == address for key in loaded.hsm.keys):
        why = (
            f"`hsm.keys` says that the key of {account} is in the token, and one in the store "
            "would never sign for it; make another with `watchtower hsm create`, or leave that out"
        )
        raise ConfigError(path=config_path(os.environ), why=why)
    return address


def _place(
    path: str | None,
    purpose: str | None,
    index: int | None,
    wallet: int | None,
    *,
    is_ed25519: bool,
) -> KeyPath:
    if path is None:
        return KeyPath(
            purpose=Purpose(purpose or Purpose.DISPUTE),
            index=index or 0,
            wallet=wallet or 0,
            is_ed25519=is_ed25519,
        )
    if (purpose, index, wallet) != (None, None, None):
        raise click.UsageError("--path says it all: leave out --purpose, --index and --wallet")
    return parse_path(path, is_ed25519=is_ed25519)


def _refuse_others(key: DerivedKey, account: Address) -> None:
    """Refuse a funding key that is not the account's own: it would be somebody's master key."""
    if key.path.purpose is Purpose.FUNDING and key.address != account:
        why = f"the funding key at {key.path} belongs to {key.address} and not to {account}"
        raise SeedError(why=why)


async def _keep(loaded: Settings | SignerSettings, account: Address, key: DerivedKey) -> None:
    async with open_store(loaded) as store:
        await Vault(store).keep_derived(account, key)


def _tell(key: DerivedKey, account: Address | None, *, as_json: bool) -> None:
    report = {
        "account": account,
        "path": str(key.path),
        "purpose": key.path.purpose.value,
        "address": key.address,
        "public_key": key.public_key,
        "kept": account is not None,
    }
    text = f"{key.path}  {key.address}  {key.public_key}"
    if account is not None:
        text += f"\nKept for {account}. The mnemonic was not."
    if account is not None and key.address != account:
        text += f" It signs once a SetRegularKey of {account} names {key.address}."
    tell(report, text, as_json=as_json)
