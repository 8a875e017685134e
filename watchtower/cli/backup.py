"""``watchtower backup``: a copy of the store while the daemon runs, and the way back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, passphrase, run_async, settings, way_in
from watchtower.settings import Settings
from watchtower.store.alone import alone
from watchtower.store.backup import backup as write_backup
from watchtower.store.restore import restore as restore_backup

__all__ = ["backup"]


@click.group()
def backup() -> None:
    """Copies of the store: online, consistent and encrypted like the store itself."""


@backup.command(epilog=examples("watchtower backup create /var/backups/watchtower-2026-11-24.db"))
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def create(file: Path, *, as_json: bool) -> None:
    """Write a backup to FILE, which must not exist, and verify every seal in it."""
    records = run_async(_create(settings(), file))
    text = f"Wrote {file}: {sum(records.values())} records, every seal verified."
    tell({"file": str(file), "records": records}, text, as_json=as_json)


@backup.command(
    epilog=examples(
        "watchtower backup restore /var/backups/watchtower-2026-11-24.db",
        "watchtower backup restore other.db --passphrase-file other-passphrase",
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--passphrase-file", help="Holds the backup's passphrase, if it has another one.")
@json_option
def restore(file: Path, passphrase_file: str | None, *, as_json: bool) -> None:
    """Bring a backup back, into no store or into the present one, by maximum.

    Nothing is lowered: of two claims the higher stays. The store is in recovery, and redeems
    nothing, until the daemon has reconciled it with the ledger. It is refused while the daemon
    runs.
    """
    loaded = settings()
    other = (
        None
        if passphrase_file is None
        else passphrase({"WATCHTOWER_PASSPHRASE_FILE": passphrase_file})
    )
    store = Path(loaded.store)
    with alone(store):
        restored = run_async(restore_backup(file, store, way_in(loaded), backup_passphrase=other))
    report = {"file": str(file), "store": loaded.store, **dataclasses.asdict(restored)}
    text = (
        f"Restored {file} into {loaded.store}. Run `watchtower run`: it reconciles the store "
        "with the ledger before it redeems anything."
    )
    tell(report, text, as_json=as_json)


async def _create(loaded: Settings, file: Path) -> dict[str, int]:
    async with open_store(loaded) as store:
        return await write_backup(store, file)
