"""``watchtower key create``: a new mnemonic, shown once, of which the tower keeps one key."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click

from watchtower.cli.asking import ask_passphrase
from watchtower.cli.key_derive import guarded
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings_of_keys
from watchtower.errors import ConfigError, KeyThereError, MnemonicError
from watchtower.keys.derivation import derive
from watchtower.keys.mnemonic import Mnemonic, make_mnemonic
from watchtower.keys.tree import KeyPath, Purpose
from watchtower.keys.vault import Vault
from watchtower.settings import Settings
from watchtower.signer_settings import SignerSettings
from watchtower.units import Address

__all__ = ["create"]

_ASKED_BACK = 2
_PER_LINE = 6


@click.command(
    epilog=examples(
        "watchtower key create --account rPayee…        # shows 24 words, once, and asks for two",
        "watchtower key create --write words.txt        # for a machine without a person",
    ),
)
@click.option("--account", help="Keep the tower's key for this account; without it, keep none.")
@click.option("--write", help="Write the words to this new file, for its owner only.")
@click.option(
    "--mnemonic-passphrase", is_flag=True, help="Ask for a passphrase beside the words (BIP-39)."
)
@click.option(
    "--mnemonic-passphrase-file", help="A private file with that passphrase, or - for stdin."
)
@json_option
def create(
    account: str | None,
    write: str | None,
    mnemonic_passphrase_file: str | None,
    *,
    mnemonic_passphrase: bool,
    as_json: bool,
) -> None:
    """Make a mnemonic of 24 words, and keep of its keys the one that the tower needs.

    The words are shown once, on a terminal or in a new file. Only the first key of the dispute
    branch is kept, for --account; no other key, and not the words.
    """
    loaded = settings_of_keys()
    keeps_for = None if account is None else guarded(loaded, account)
    if write is None and not (sys.stdout.isatty() and sys.stdin.isatty()):
        why = "the words are shown on a terminal alone, and this is none; give --write FILE"
        raise MnemonicError(why=why)
    passphrase = ask_passphrase(mnemonic_passphrase_file, is_wanted=mnemonic_passphrase)
    if keeps_for is not None:
        run_async(_refuse_second(loaded, keeps_for))
    mnemonic = make_mnemonic()
    if write is None:
        _show(mnemonic)
        _ask_back(mnemonic)
    else:
        _write(mnemonic, Path(write))
    _finish(loaded, mnemonic.seed(passphrase), keeps_for, as_json=as_json)


def _finish(
    loaded: Settings | SignerSettings, seed: bytes, account: Address | None, *, as_json: bool
) -> None:
    funding = derive(seed, KeyPath(purpose=Purpose.FUNDING, index=0))
    dispute = derive(seed, KeyPath(purpose=Purpose.DISPUTE, index=0))
    if account is not None:
        run_async(_keep(loaded, seed, account))
    report = {
        "account": account,
        "funding_address": funding.address,
        "funding_path": str(funding.path),
        "dispute_address": dispute.address,
        "dispute_public_key": dispute.public_key,
        "dispute_path": str(dispute.path),
        "kept": account is not None,
    }
    lines = [f"The first account of the words is {funding.address} ({funding.path})."]
    if account is None:
        lines.append("No key was kept. `watchtower key derive` keeps the tower's.")
    else:
        lines.append(
            f"Kept the tower's key for {account}, {dispute.path}. It signs once a SetRegularKey "
            f"of {account} names {dispute.address}. The words were not kept."
        )
    tell(report, "\n".join(lines), as_json=as_json)


async def _refuse_second(loaded: Settings | SignerSettings, account: Address) -> None:
    """Refuse before anything is shown: words that nobody needs would be written down."""
    async with open_store(loaded) as store:
        if any(card.account == account for card in await Vault(store).cards()):
            raise KeyThereError(account=account)


async def _keep(loaded: Settings | SignerSettings, seed: bytes, account: Address) -> None:
    async with open_store(loaded) as store:
        path = KeyPath(purpose=Purpose.DISPUTE, index=0)
        await Vault(store).keep_derived(account, derive(seed, path))


def _show(mnemonic: Mnemonic) -> None:
    """Show the words on the terminal itself, and wipe them from it when they are written down."""
    numbered = [f"{place:2}. {word:9}" for place, word in enumerate(mnemonic.words, 1)]
    click.echo("Write these words down, in order, on paper. They are not shown again.\n")
    for first in range(0, len(numbered), _PER_LINE):
        click.echo("  ".join(numbered[first : first + _PER_LINE]))
    click.prompt(
        "\nPress Enter when they are written down; then the screen is cleared",
        default="",
        show_default=False,
    )
    click.clear()


def _ask_back(mnemonic: Mnemonic) -> None:
    """Ask for two of the words, in a row of their places.

    Raises:
        MnemonicError: one is another; nothing was kept.
    """
    places = sorted(secrets.SystemRandom().sample(range(len(mnemonic.words)), _ASKED_BACK))
    for place in places:
        answer: str = click.prompt(f"Word {place + 1}", hide_input=True, err=True)
        if not secrets.compare_digest(answer.strip().lower().encode(), _word(mnemonic, place)):
            why = f"word {place + 1} is another one; nothing was kept, so begin anew"
            raise MnemonicError(why=why)


def _word(mnemonic: Mnemonic, place: int) -> bytes:
    return mnemonic.words[place].encode()


def _write(mnemonic: Mnemonic, path: Path) -> None:
    """Write the words to a new file that nobody else can read, and have it on the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
            file.write(" ".join(mnemonic.words) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        why = f"the words are not written there: {problem.strerror}"
        raise ConfigError(path=path, why=why) from None
