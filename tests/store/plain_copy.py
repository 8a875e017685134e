"""A plain copy of the store, as backups were before they had a key of their own (``backups/``).

It is sealed exactly as the store is, and ``restore.py`` reads it still. It appears under its name
only when every seal in it has been checked, and replaces no file.
"""

from __future__ import annotations

from pathlib import Path

from watchtower.store.database import Store
from watchtower.store.files import new_file, renamed_errors

__all__ = ["backup"]


async def backup(store: Store, target: Path) -> dict[str, int]:
    """Write a copy of ``store`` to ``target``; return how many records of each table it has.

    Raises:
        StoreExistsError: there is something at ``target``; it stays as it is.
        StoreFullError: the backup cannot be written; nothing of it stays.
        StoreTamperedError: a record fails its seal, so this would be no backup.
    """
    with new_file(target) as draft, renamed_errors(target):
        return await store.copy_into(draft)
