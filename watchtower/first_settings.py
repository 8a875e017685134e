"""The configuration that ``watchtower init`` writes: whom to guard, and whom to listen to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from watchtower.errors import StoreExistsError
from watchtower.settings import AccountSettings, Settings, load, refuse_unsafe

__all__ = ["write_first"]


def write_first(
    path: Path,
    accounts: Sequence[str],
    servers: Sequence[str],
    *,
    payers: Sequence[str] = (),
    allow_master_key: bool = False,
) -> Settings:
    """Write a first configuration, readable by its owner alone, and return it as loaded.

    An account that is among ``accounts``, the payees, and among ``payers`` is guarded as both.
    ``allow_master_key`` is written in so many words, or not at all.

    Raises:
        StoreExistsError: the file is there already; it is left as it is.
        ConfigError: the accounts or servers could not be used.
        AddressError: an address has a bad form or checksum.
    """
    if path.exists():
        raise StoreExistsError(path=path)
    named = _with_roles(accounts, payers)
    settings = Settings(accounts=named, servers=tuple(servers))
    refuse_unsafe(settings, path)
    authority = "\n[authority]\nallow_master_key = true\n" if allow_master_key else ""
    text = (
        "# Whom this watchtower guards, and the servers it listens to: name two or more.\n"
        "# docs/configuration.md lists every other setting and its default.\n\n"
        f"accounts = [{', '.join(_toml_account(account) for account in named)}]\n"
        f"servers = {_toml(servers)}\n"
        f"store = {_toml(settings.store)}\n"
        f"{authority}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    return load(path, {})


def _with_roles(payees: Sequence[str], payers: Sequence[str]) -> tuple[str | AccountSettings, ...]:
    """Return each account with its role; one that is named twice as a payee is left to refuse."""
    of_payees = (AccountSettings(a, "both") if a in payers else a for a in payees)
    of_payers = (AccountSettings(a, "payer") for a in payers if a not in payees)
    return (*of_payees, *of_payers)


def _toml_account(account: str | AccountSettings) -> str:
    if isinstance(account, str):
        return _toml(account)
    return f"{{ address = {_toml(account.address)}, role = {_toml(account.role)} }}"


def _toml(value: str | Sequence[str]) -> str:
    """Return strings as TOML, whose basic strings are written as JSON's are."""
    return msgspec.json.encode(value).decode()
