"""The settings of a signer apart, in a file of its own: ``[signer]``, ``[vault]`` and ``[log]``.

The daemon reads another file, and the signer reads nothing of the daemon's: whoever can change what
the daemon is told changes nothing about what is signed. ``docs/signer.md`` lists every key.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from watchtower.authority_settings import RightName
from watchtower.errors import ConfigError, StoreExistsError
from watchtower.settings import LogSettings, read_strictly
from watchtower.units import Address, parse_address
from watchtower.vault_settings import VaultSettings

__all__ = ["SignerSettings", "SignerTable", "is_of_signer", "load_signer", "write_first_signer"]

_LONGEST_SOCKET: Final = 107
"""Bytes of a unix socket's path (unix(7))."""

Drops = Annotated[int, Meta(ge=0, le=100_000_000_000_000_000)]

_LEAST_FEE: Final = 10
"""The base fee of every public network, in drops."""


class SignerTable(Struct, frozen=True, forbid_unknown_fields=True):
    """What a signer signs, for whom, and where it listens.

    Amounts are drops; a day is one of UTC, by the signer's own clock. ``delegate`` sends claims in
    the name of payees, ``list_signer`` stands in their signer lists, and in those of the accounts
    of ``cosign_for``, for which nothing else is signed.
    """

    users: Annotated[tuple[str | int, ...], Meta(min_length=1)]
    payees: tuple[str, ...] = ()
    payers: tuple[str, ...] = ()
    delegate: str = ""
    list_signer: str = ""
    cosign_for: tuple[str, ...] = ()
    socket: str = "/run/watchtower-signer/socket"
    group: str = ""
    store: str = "signer.db"
    fee_cap_drops: Drops = 1_000_000
    daily_cap_drops: Drops = 20_000_000
    daily_signatures: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000
    most_tickets: Annotated[int, Meta(ge=0, le=250)] = 4
    allow_closes: bool = False
    allow_master_key: bool = False


class SignerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a signer is told."""

    signer: SignerTable
    vault: VaultSettings = VaultSettings()
    log: LogSettings = LogSettings()

    @property
    def store(self) -> str:
        """The store's file."""
        return self.signer.store

    @property
    def payees(self) -> frozenset[Address]:
        """The accounts that redeem."""
        return frozenset(Address(account) for account in self.signer.payees)

    @property
    def payers(self) -> frozenset[Address]:
        """The accounts that may close channels."""
        return frozenset(Address(account) for account in self.signer.payers)

    @property
    def rights(self) -> tuple[RightName, ...]:
        """By which rights a key here may sign, for every account."""
        return ("regular_key", "master_key") if self.signer.allow_master_key else ("regular_key",)

    @property
    def delegate(self) -> Address | None:
        """The account that sends claims in the name of payees; None without one."""
        return Address(self.signer.delegate) or None

    @property
    def lister(self) -> Address | None:
        """The account that stands for this signer in signer lists; None if it is in none."""
        return Address(self.signer.list_signer) or None

    @property
    def own(self) -> tuple[Address, ...]:
        """The accounts that are only here to sign for others, by whatever key they have."""
        found = (self.delegate, self.lister)
        return tuple(dict.fromkeys(account for account in found if account is not None))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every account, in the order of the file."""
        return tuple(Address(account) for account in (*self.signer.payees, *self.signer.payers))


def is_of_signer(path: Path) -> bool:
    """Return whether a file is a signer's configuration; what cannot be read is none."""
    try:
        return "signer" in msgspec.toml.decode(path.read_bytes(), type=dict)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def load_signer(path: Path) -> SignerSettings:
    """Read and validate a signer's settings.

    Returns:
        Settings whose paths are absolute.

    Raises:
        ConfigError: the file is missing, unreadable, unknown in a key, or unsafe.
        AddressError: an account's address has a bad form or checksum.
    """
    settings = read_strictly(path, SignerSettings, made_by="watchtower signer init")
    _refuse_unsafe(settings.signer, path)
    folder = path.absolute().parent
    try:
        store = str((folder / Path(settings.signer.store).expanduser()).resolve())
        socket = str((folder / Path(settings.signer.socket).expanduser()).resolve())
        vault = settings.vault.within(folder)
    except (RuntimeError, ValueError) as problem:
        raise ConfigError(path=path, why=f"a path in it cannot be used: {problem}") from None
    if len(os.fsencode(socket)) > _LONGEST_SOCKET:
        why = f"`signer.socket` is longer than the {_LONGEST_SOCKET} bytes that a socket's path has"
        raise ConfigError(path=path, why=why)
    table = msgspec.structs.replace(settings.signer, store=store, socket=socket)
    return msgspec.structs.replace(settings, signer=table, vault=vault)


def write_first_signer(
    path: Path,
    *,
    payees: Sequence[str],
    payers: Sequence[str],
    users: Sequence[str],
    socket: str | None,
    delegate: str = "",
    list_signer: str = "",
    cosign_for: Sequence[str] = (),
) -> SignerSettings:
    """Write a signer's first configuration, readable by its owner alone; return it as loaded.

    Naming a payer allows closes for it.

    Raises:
        StoreExistsError: the file is there already; it is left as it is.
        ConfigError: what was named cannot be used.
        AddressError: an address has a bad form or checksum.
    """
    if path.exists():
        raise StoreExistsError(path=path)
    lines = [
        "# What this signer signs, and for whom. docs/signer.md lists every other setting.\n",
        "[signer]",
        f"payees = {_toml(payees)}",
        f"payers = {_toml(payers)}",
        *(f"delegate = {_toml(account)}" for account in [delegate] if account),
        *(f"list_signer = {_toml(account)}" for account in [list_signer] if account),
        *(f"cosign_for = {_toml(accounts)}" for accounts in [cosign_for] if accounts),
        f"users = {_toml(users)}",
        f"socket = {_toml(socket or SignerTable(users=('',)).socket)}",
        f"allow_closes = {_toml(bool(payers))}",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft = Path(file.name)
    try:
        load_signer(draft)
        draft.replace(path)
    except ConfigError as error:
        raise ConfigError(path=path, why=error.facts["why"]) from None
    finally:
        draft.unlink(missing_ok=True)
    return load_signer(path)


def _refuse_unsafe(signer: SignerTable, path: Path) -> None:
    own = (account for account in (signer.delegate, signer.list_signer) if account)
    for account in (*signer.payees, *signer.payers, *signer.cosign_for, *own):
        parse_address(account)
    if why := _why_unsafe(signer):
        raise ConfigError(path=path, why=why)


def _why_unsafe(signer: SignerTable) -> str | None:
    if not signer.payees and not signer.payers and not signer.cosign_for:
        return "it names no account in `signer.payees` or `signer.payers`, so it would sign nothing"
    if why := _why_not_own(signer):
        return why
    if any(len(set(each)) != len(each) for each in (signer.payees, signer.payers)):
        return "`signer.payees` or `signer.payers` names the same account twice"
    if set(signer.payees) & set(signer.payers):
        # Without a ledger nobody here can tell on which side of a channel such an account stands.
        return (
            "an account is in `signer.payees` and in `signer.payers`: whoever asks for a close of "
            "what it pays could have what it is paid given away; use two accounts, or keep the "
            "keys of this one in the daemon"
        )
    if signer.payers and not signer.allow_closes:
        return (
            "it names `signer.payers`, and for a payer nothing is signed but closes: set "
            "`signer.allow_closes = true`, or leave them out"
        )
    if signer.fee_cap_drops < _LEAST_FEE:
        return (
            f"`signer.fee_cap_drops` is below the base fee of {_LEAST_FEE} drops, which every "
            "transaction pays; nothing could ever be signed"
        )
    if signer.daily_cap_drops < signer.fee_cap_drops:
        return "`signer.daily_cap_drops` must not be below `signer.fee_cap_drops`"
    return None


def _why_not_own(signer: SignerTable) -> str | None:
    """Return why those who are to sign for others cannot; None if they can."""
    guarded = {*signer.payees, *signer.payers}
    for name in ("delegate", "list_signer"):
        if getattr(signer, name) in {*guarded, *signer.cosign_for}:
            return (
                f"`signer.{name}` is {getattr(signer, name)}, which is signed for itself; it needs "
                "an account of its own, with nothing on it but XRP for fees"
            )
    if signer.delegate and not signer.payees:
        return "`signer.delegate` is set, and `signer.payees` names nobody to send claims for"
    if signer.list_signer and not (signer.payees or signer.cosign_for):
        return (
            "`signer.list_signer` is set, and neither `signer.payees` nor `signer.cosign_for` "
            "names anybody in whose signer list it stands"
        )
    if signer.list_signer and signer.fee_cap_drops < 2 * _LEAST_FEE:
        return (
            f"`signer.fee_cap_drops` is below {2 * _LEAST_FEE}: what a signer list signs costs a "
            "base fee for itself, and one for each signature"
        )
    if not signer.cosign_for:
        return None
    if not signer.list_signer:
        return (
            "`signer.cosign_for` needs `signer.list_signer`: the account that stands in the signer "
            "lists of those"
        )
    named = [*signer.cosign_for, *guarded]
    if len(set(named)) != len(named):
        return (
            "`signer.cosign_for` names an account twice, or one that is in `signer.payees` or "
            "`signer.payers`; what is signed for those has its own rules"
        )
    return None


def _toml(value: object) -> str:
    """Return strings and booleans as TOML, which writes them as JSON does."""
    return msgspec.json.encode(value).decode()
