"""``watchtower key rotate``: the next key takes the place of the one that signs."""

from __future__ import annotations

import os
from typing import Any, Final

import click

from watchtower.cli.asking import mnemonic_options
from watchtower.cli.key_derive import guarded
from watchtower.cli.key_succession import tell_succession
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.rotating import (
    Origin,
    Rotated,
    Signing,
    abandon_rotation,
    begin_rotation,
    of_rotation,
    resume_rotation,
)
from watchtower.cli.session import run_async, settings_of_keys
from watchtower.keys.rotation import Rotation, Stage
from watchtower.keys.vault import Algorithm
from watchtower.settings import Settings, config_path
from watchtower.signer_settings import SignerSettings
from watchtower.units import parse_channel_id

__all__ = ["rotate"]

_MAKE_BACKUP: Final = "Make a backup now: no earlier one has this key as the one that signs."
_KEEP_COPY: Final = (
    "Keep a copy now: no earlier one has this key as the one that signs. Stop the signer's service "
    "and copy its store (`signer.store`), with the `-wal` beside it if there is one."
)


@click.command(
    epilog=examples(
        "watchtower key rotate --account rPayee…                     # asks for both secrets",
        "watchtower key rotate --account rPayee… --fresh --write set-regular-key.json",
        "watchtower key rotate --account rPayee… --resume            # whatever happened before",
        "watchtower key rotate --account rPayee… --fresh --server wss://one.example \\",
        "    --server wss://two.example                             # at a signer apart",
        "watchtower key rotate --claim-key --channel CHANNEL --public-key 02…",
    ),
)
@click.option("--account", help="Whose regular key is rotated.")
@click.option("--fresh", is_flag=True, help="Make a random key here, of no mnemonic.")
@click.option(
    "--index",
    type=click.IntRange(0, 2**31 - 1),
    help="Which key of its branch is next; the one behind the present one if not given.",
)
@click.option(
    "--algorithm",
    type=click.Choice([algorithm.value for algorithm in Algorithm]),
    help="Of the new key; that of the present one if not given.",
)
@click.option("--write", help="Write the unsigned SetRegularKey to this file, for a wallet.")
@click.option("--seed-file", help="A file with the seed that signs it, or - for standard input.")
@click.option("--with-held-key", is_flag=True, help="Have the key that is held here sign it.")
@click.option("--resume", is_flag=True, help="Go on with a rotation that was interrupted.")
@click.option("--abandon", is_flag=True, help="Give up a rotation that the ledger has not seen.")
@click.option(
    "--server", "servers", multiple=True, help="At a signer apart: a server to ask; give two."
)
@click.option("--claim-key", is_flag=True, help="Plan the successor of a channel instead.")
@click.option("--channel", help="With --claim-key: which channel.")
@click.option("--public-key", help="With --claim-key: the new key, if it is not derived.")
@mnemonic_options
@json_option
def rotate(
    account: str | None,
    channel: str | None,
    public_key: str | None,
    servers: tuple[str, ...],
    *,
    resume: bool,
    abandon: bool,
    claim_key: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Rotate an account's regular key: kept, named by the ledger, proven; then it is what signs.

    Each step is on disk before it is taken, and --resume goes on from there. With --claim-key
    nothing is done: a channel's key cannot be changed, so the plan for its successor is told.
    """
    signing = Signing(
        **{name: options.pop(name) for name in ("write", "seed_file", "with_held_key")}
    )
    origin = Origin(**options)
    _refuse_mixtures(
        signing, account, channel, public_key, resume=resume, abandon=abandon, claim_key=claim_key
    )
    if channel is not None:
        tell_succession(parse_channel_id(channel), public_key, origin, as_json=as_json)
        return
    of_keys = settings_of_keys()
    address = guarded(of_keys, str(account))
    loaded = _to_rotate_with(of_keys, servers)
    if abandon:
        given_up = run_async(abandon_rotation(loaded, address, quiet=as_json))
        text = f"Given up: {given_up.new_address} was forgotten, and nothing else has changed."
        tell({**_report(given_up), "stage": "abandoned"}, text, as_json=as_json)
        return
    going = (
        resume_rotation(loaded, address, signing, quiet=as_json)
        if resume
        else begin_rotation(loaded, address, origin, signing, quiet=as_json)
    )
    rotated = run_async(going)
    report = {**_report(rotated.rotation), "killed_bundles": list(rotated.killed)}
    is_apart = isinstance(of_keys, SignerSettings)
    tell(report, _text(rotated, signing.write, is_apart=is_apart), as_json=as_json)


def _to_rotate_with(of_keys: Settings | SignerSettings, servers: tuple[str, ...]) -> Settings:
    """Return the settings of a rotation: a signer's own have no servers, so a person names them.

    Raises:
        click.UsageError: servers are named twice, or nowhere.
        ConfigError: one of them cannot be used.
    """
    if isinstance(of_keys, SignerSettings):
        if not servers:
            raise click.UsageError("a signer's configuration names no servers: give --server twice")
        return of_rotation(of_keys, servers, config_path(os.environ))
    if servers:
        raise click.UsageError("--server is for a signer's configuration; this one names servers")
    return of_keys


def _refuse_mixtures(
    signing: Signing,
    account: str | None,
    channel: str | None,
    public_key: str | None,
    *,
    resume: bool,
    abandon: bool,
    claim_key: bool,
) -> None:
    """Refuse options that do not go together.

    Raises:
        click.UsageError: some do not.
    """
    ways = (signing.write is not None, signing.seed_file is not None, signing.with_held_key)
    if claim_key != (channel is not None) or claim_key == (account is not None):
        raise click.UsageError("give --account, or --claim-key with --channel")
    if claim_key and (resume or abandon or any(ways)):
        raise click.UsageError("--claim-key only plans: it signs, resumes and abandons nothing")
    if public_key is not None and not claim_key:
        raise click.UsageError("--public-key goes with --claim-key")
    if sum((*ways, abandon)) > 1:
        raise click.UsageError("take one of --write, --seed-file, --with-held-key and --abandon")
    if resume and abandon:
        raise click.UsageError("take one of --resume and --abandon")


def _report(rotation: Rotation) -> dict[str, Any]:
    signed = rotation.appointment
    return {
        "account": rotation.account,
        "stage": rotation.stage.value,
        "public_key": rotation.new_key,
        "regular_key": rotation.new_address,
        "replaced": rotation.replaced,
        "transaction": None if signed is None else signed.transaction,
    }


def _text(rotated: Rotated, write: str | None, *, is_apart: bool) -> str:
    rotation = rotated.rotation
    bundles = ", ".join(rotated.killed)
    if rotation.stage is Stage.HANDED_OVER:
        lines = [
            (
                f"{write} names {rotation.new_address} as the regular key of {rotation.account}. "
                f"Have its wallet sign and send it, then run `watchtower key rotate --account "
                f"{rotation.account} --resume`. Until then the old key signs."
            )
        ]
        if bundles:
            lines.append(f"It will kill the pre-signed bundles {bundles}.")
        return "\n".join(lines)
    lines = [
        (
            f"{rotation.new_address} signs for {rotation.account} from here on: ledger "
            f"{rotation.named_in} names it, and it was proven to work."
        ),
        _KEEP_COPY if is_apart else _MAKE_BACKUP,
    ]
    if rotated.kept_master:
        lines.append(
            "The master key was put aside and signs no more. Once its seed is safe elsewhere, "
            f"remove it: `watchtower key retire --account {rotation.account} --public-key …` "
            "(`watchtower key list` shows it)."
        )
    if bundles:
        lines.append(f"It killed the pre-signed bundles {bundles}: have them signed anew.")
    return "\n".join(lines)
