"""``watchtower backup``: made while the daemon runs, to an own key; verified, and the way back."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import (
    hsm,
    new_passphrase,
    open_store,
    passphrase,
    run_async,
    settings,
    way_in,
)
from watchtower.errors import BackupKeyError
from watchtower.keys.secret_file import read_secret, refuse_shared
from watchtower.keys.ways import AnyWayIn
from watchtower.settings import Settings
from watchtower.store.alone import alone
from watchtower.store.backups import age
from watchtower.store.backups.chain import Member
from watchtower.store.backups.folder import chain_at
from watchtower.store.backups.making import Made, Plan, back_up, made_by
from watchtower.store.backups.reading import check_contents, refuse_others
from watchtower.store.faults import disk_faults
from watchtower.store.files import new_file
from watchtower.store.restore import Restored
from watchtower.store.restore import restore as restore_backup

__all__ = ["backup"]

_key_options = (
    click.option("--key", "key_file", type=click.Path(path_type=Path), help="The private key."),
    click.option(
        "--key-passphrase-file",
        type=click.Path(path_type=Path),
        help="Holds the passphrase of the private key, if it has one; else it is asked for.",
    ),
    click.option(
        "--made-by",
        metavar="HEX",
        help="Whose backup it has to be, as `backup create` and `backup key` told.",
    ),
)


def _with_key(command: Any) -> Any:
    for option in reversed(_key_options):
        command = option(command)
    return command


@click.group(cls=Listed)
def backup() -> None:
    """Backups of the store: online, incremental, and encrypted to a key that is kept elsewhere."""


@backup.command(epilog=examples("watchtower backup key /media/stick/watchtower-backup.key"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--protect", is_flag=True, help="Ask for a passphrase that the file opens with.")
@json_option
def key(file: Path, *, protect: bool, as_json: bool) -> None:
    """Make a key for backups: the private half into FILE, which must not exist.

    Keep FILE away from this machine, and twice: without it no backup can be read. The recipient
    that is told goes into `backup.recipients`. The file also names the store whose backups it is
    kept for, so that a restore takes nobody else's.
    """
    loaded = settings()
    identity, recipient = age.new_identity()
    signer = run_async(_made_by(loaded)) if Path(loaded.store).exists() else None
    text = age.write_identity(identity, signer)
    data = age.protect(text, _new_key_passphrase()) if protect else text.encode()
    with new_file(file) as draft, disk_faults(file):
        draft.write_bytes(data)
    report = {"file": str(file), "recipient": recipient, "made_by": signer}
    lines = [
        f"Wrote {file}. Move it away from this machine, keep it twice, and put into the",
        "configuration:",
        "",
        "[backup]",
        f'recipients = ["{recipient}"]',
    ]
    tell(report, "\n".join(lines), as_json=as_json)


@backup.command(
    epilog=examples(
        "watchtower backup create",
        "watchtower backup create /var/backups/watchtower",
        "watchtower backup create one.backup",
    )
)
@click.argument("place", type=click.Path(path_type=Path), required=False)
@click.option("--base", "kind", flag_value="base", help="Make a base, whatever is due.")
@click.option("--increment", "kind", flag_value="increment", help="Make no base: rather fail.")
@json_option
def create(place: Path | None, kind: str | None, *, as_json: bool) -> None:
    """Make a backup and verify it: in a folder what is due there, or all of it in a new file.

    In PLACE, or in `backup.folder`, a base is made first, and then what changed since the last
    backup, until `backup.base_every` are built on each other. Nothing is overwritten.
    """
    loaded = settings()
    if place is None:
        place = _folder(loaded)
    made = run_async(_create(loaded, place, kind))
    report = {
        "file": str(made.path),
        "kind": "increment" if made.head.sequence else "base",
        "chain": made.head.chain,
        "sequence": made.head.sequence,
        "made_by": made.head.made_by,
        "bytes": made.size,
        "records": made.records,
        "written": made.written,
        "removed": made.removed,
        "why_base": made.why_base,
        "gone": [str(path) for path in made.gone],
    }
    tell(report, _text_of(made), as_json=as_json)


def _text_of(made: Made) -> str:
    what = (
        f"increment {made.head.sequence} of its chain: {made.written} records written, "
        f"{made.removed} removed"
        if made.head.sequence
        else f"a base: {sum(made.records.values())} records"
    )
    lines = [f"Wrote {made.path}, {what}; read again, every seal verified."]
    if made.why_base is not None:
        lines.append(f"It is a base, since {made.why_base}.")
    lines.append(f"Made by {made.head.made_by}.")
    lines += [f"Removed {path}, of an older chain." for path in made.gone]
    return "\n".join(lines)


@backup.command(
    epilog=examples(
        "watchtower backup verify /var/backups/watchtower",
        "watchtower backup verify one.backup --key /media/stick/watchtower-backup.key",
    )
)
@click.argument("place", type=click.Path(path_type=Path))
@_with_key
@json_option
def verify(
    place: Path,
    key_file: Path | None,
    key_passphrase_file: Path | None,
    made_by: str | None,
    *,
    as_json: bool,
) -> None:
    """Check a backup and all that it is built on; with the private key, what is in it as well.

    PLACE is a file, or a folder, of which the newest chain is checked: of those that `--made-by`,
    or the key file, names, where one of them does. Needs no store and no
    configuration. Without the key every byte is checked against its signature, and nothing is
    read; with it the store is put together, and every seal and count in it verified.
    """
    identities = _identities(key_file, key_passphrase_file)
    trusted = {made_by} if made_by else identities.made_by
    chain = chain_at(place, trusted)
    if trusted:
        refuse_others(chain, trusted)
    records = run_async(check_contents(chain, identities)) if identities.keys else None
    tell(_report_of(chain, records), _text_of_chain(chain, records), as_json=as_json)


def _report_of(chain: Sequence[Member], records: dict[str, int] | None) -> dict[str, Any]:
    last = chain[-1].head
    return {
        "files": [str(member.path) for member in chain],
        "chain": last.chain,
        "network": last.network,
        "created": last.created,
        "made_by": last.made_by,
        "records": records,
    }


def _text_of_chain(chain: Sequence[Member], records: dict[str, int] | None) -> str:
    last = chain[-1]
    when = _when(last.head.created)
    lines = [
        f"{last.path}, of {when}: the chain is whole, {len(chain)} files, every byte signed for.",
        f"Made by {last.head.made_by}.",
    ]
    lines.append(
        "What is in it was not read: that takes the private key (`--key`)."
        if records is None
        else f"Put together it has {sum(records.values())} records, every seal verified."
    )
    return "\n".join(lines)


@backup.command(
    epilog=examples(
        "watchtower backup restore /var/backups/watchtower --key watchtower-backup.key",
        "watchtower backup restore old.db --passphrase-file other-passphrase",
    )
)
@click.argument("place", type=click.Path(path_type=Path))
@_with_key
@click.option(
    "--passphrase-file", help="Holds the passphrase of a plain store, if it has another one."
)
@click.option(
    "--without-tokens", is_flag=True, help="Into no store: let no token be good as it was then."
)
@json_option
def restore(
    place: Path,
    key_file: Path | None,
    key_passphrase_file: Path | None,
    made_by: str | None,
    passphrase_file: str | None,
    *,
    without_tokens: bool,
    as_json: bool,
) -> None:
    """Bring a backup back, into no store or into the present one, by maximum.

    PLACE is a file, or a folder, for the newest chain in it that the present store made, or that
    the key file or `--made-by` names. What others have there is told. Nothing is lowered: of two
    claims the higher stays. The store is in recovery until the daemon has reconciled it with every
    server. It is refused while the daemon runs. A new store opens with the passphrase that is
    given now.
    """
    loaded = settings()
    identities = _identities(key_file, key_passphrase_file)
    other = (
        None
        if passphrase_file is None
        else passphrase({"WATCHTOWER_PASSPHRASE_FILE": passphrase_file})
    )
    store = Path(loaded.store)
    is_new = not store.exists() and bool(identities.keys)
    secret = AnyWayIn(new_passphrase, hsm(loaded)) if is_new else way_in(loaded)
    with alone(store):
        restored = run_async(
            restore_backup(
                place,
                store,
                secret,
                backup_passphrase=other,
                identities=identities,
                made_by=() if made_by is None else (made_by,),
                with_tokens=not without_tokens,
            )
        )
    report = {"store": loaded.store, **dataclasses.asdict(restored)}
    tell(report, _text_of_restored(restored, loaded), as_json=as_json)


def _text_of_restored(restored: Restored, loaded: Settings) -> str:
    text = (
        f"Restored {restored.file} into {loaded.store}. Run `watchtower run`: it reconciles the "
        "store with the ledger before it redeems anything."
    )
    if restored.tokens:
        names = ", ".join(restored.tokens)
        text += (
            f"\nGood as they were then are the tokens {names}; revoke those that are not to be, "
            "with `watchtower token revoke`."
        )
    if restored.is_new_store and (loaded.head.files or loaded.head.mqtt):
        text += (
            "\nOf `[head]`: a head that is further than this backup speaks against the store. The "
            "alarm stands, and no head is published there, until you have run `watchtower head "
            "show`, which says how much is missing, and `watchtower head accept`."
        )
    for other in restored.passed_over:
        text += (
            f"\nNot taken was {other.file}, of {_when(other.created)}, made by {other.made_by}. If "
            "you noted that key as this tower's own, of before or after its master key was "
            "exchanged, restore it as well: name that file, and the key with `--made-by`. Else "
            "leave it: whoever can write there can make such a file."
        )
    return text


def _when(created: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))


async def _create(loaded: Settings, place: Path, kind: str | None) -> Made:
    chosen = loaded.backup
    async with open_store(loaded) as store:
        plan = Plan(
            place=place,
            recipients=chosen.recipients,
            base_every=chosen.base_every,
            keep=chosen.keep,
            kind=kind,
            network=store.network,
        )
        return await back_up(store, plan, time.time)


async def _made_by(loaded: Settings) -> str:
    async with open_store(loaded) as store:
        return await made_by(store)


def _folder(loaded: Settings) -> Path:
    """Return the folder of the settings, and make it if it is not there."""
    if not loaded.backup.folder:
        raise click.UsageError("Name a file or a folder, or set `backup.folder`.")
    folder = Path(loaded.backup.folder)
    with disk_faults(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _identities(key_file: Path | None, passphrase_file: Path | None) -> age.Identities:
    """Return what the key file holds; nothing if none is named.

    Raises:
        BackupKeyError: it is no key file, or does not open.
        ConfigError: others can read it, or a file cannot be read.
    """
    if key_file is None:
        return age.NO_IDENTITIES
    refuse_shared(key_file)
    try:
        data = key_file.read_bytes()
    except OSError as problem:
        raise BackupKeyError(why=f"{key_file} cannot be read ({problem.strerror})") from None
    if age.is_protected(data):
        if passphrase_file is not None:
            secret = read_secret(passphrase_file)
        elif sys.stdin.isatty():
            secret = click.prompt(f"Passphrase of {key_file}", hide_input=True, err=True)
        else:
            why = f"{key_file} has a passphrase, and there is no terminal to ask for it at; give "
            raise BackupKeyError(why=f"{why}`--key-passphrase-file`")
        return age.read_identities(age.unprotect(data, secret, key_file), key_file)
    return age.read_identities(data.decode("utf-8", "replace"), key_file)


def _new_key_passphrase() -> str:
    if not sys.stdin.isatty():
        raise BackupKeyError(why="`--protect` asks for a passphrase, and there is no terminal")
    answer: str = click.prompt(
        "Passphrase of the key", hide_input=True, confirmation_prompt=True, err=True
    )
    return answer
