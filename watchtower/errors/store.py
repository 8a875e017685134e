"""What we remember cannot be read or written."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = [
    "HeadTroubleError",
    "PassphraseError",
    "PassphraseMissingError",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreExistsError",
    "StoreFullError",
    "StoreMissingError",
    "StoreNeedsHsmError",
    "StoreNetworkError",
    "StoreReadOnlyError",
    "StoreRekeyedError",
    "StoreRekeyingError",
    "StoreRoomError",
    "StoreTamperedError",
    "StoreVersionError",
    "WayInError",
]


class StoreError(WatchtowerError):
    """What we remember cannot be read or written."""


class StoreMissingError(StoreError):
    """There is no store yet."""

    exit_code = 20
    template = "There is no store at {path}. Run `watchtower init` first, or restore a backup."


class StoreExistsError(StoreError):
    """There is a store already, and it is left as it is."""

    exit_code = 21
    template = "{path} exists already and was left as it is. Choose another place, or move it away."


class PassphraseError(StoreError):
    """The passphrase does not open the store."""

    exit_code = 22
    template = "The passphrase does not open {path}. Nothing was changed; try again."


class PassphraseMissingError(StoreError):
    """Nobody gave a passphrase, and there is no terminal to ask at."""

    exit_code = 23
    template = (
        "No passphrase. Set WATCHTOWER_PASSPHRASE or WATCHTOWER_PASSPHRASE_FILE, hand it over "
        "as the systemd credential 'passphrase', or run this at a terminal."
    )


class StoreTamperedError(StoreError):
    """A record fails its seal: somebody or something changed the file."""

    exit_code = 24
    template = (
        "The store {path} was changed from outside: {what} fails its seal. Do not use it: move it "
        "away, keep it, since what is newer than your backups is only in there, and restore a "
        "backup with `watchtower backup restore`."
    )


class StoreDamagedError(StoreError):
    """The file is truncated, or no database at all."""

    exit_code = 25
    template = (
        "The store {path} is damaged: {why}. Do not use it: move it away, keep it, since what is "
        "newer than your backups is only in there, and restore a backup with `watchtower backup "
        "restore`."
    )


class StoreNetworkError(StoreError):
    """The store is pinned to another network."""

    exit_code = 26
    template = (
        "The store {path} belongs to network {pinned}, and this is network {network}. "
        "Use the store of this network, or servers of that one."
    )


class StoreVersionError(StoreError):
    """The store was written by a newer watchtower."""

    exit_code = 27
    template = (
        "The store {path} was written by a newer watchtower (format {found}; this one knows "
        "up to {known}) and was left as it is: install that version again, for no older one can "
        "read it, and a copy from before the upgrade knows nothing of what came since."
    )


class StoreFullError(StoreError):
    """The disk is full or refuses to write; nothing that was stored is lost."""

    exit_code = 28
    template = (
        "The store {path} cannot be written: {why}. Nothing stored was lost, and nothing new "
        "was kept. Free some space, then try again."
    )


class StoreReadOnlyError(StoreFullError):
    """The disk, the folder or the file may not be written; nothing that was stored is lost.

    Whoever goes on without the store goes on as on a full disk. Space would not help.
    """

    exit_code = 94
    template = (
        "The store {path} cannot be written: {why}. Nothing stored was lost, and nothing new "
        "was kept. Make it writable for this user, or mount the disk for writing, then try again."
    )


class StoreRoomError(StoreFullError):
    """So little room is left that it is kept for redeeming; claims are not taken."""

    exit_code = 95
    template = (
        "No claim is kept in the store {path}: {why}, and that is left to redeeming what is kept. "
        "Free some space; then claims are taken again by themselves."
    )


class StoreBusyError(StoreError):
    """Another process holds the store for longer than we wait."""

    exit_code = 29
    template = "The store {path} is busy with {who}."

    def __init__(
        self, *, path: object, who: str = "another process. Try again in a moment"
    ) -> None:
        """Say who holds ``path``, and what to do about it."""
        super().__init__(path=path, who=who)


class StoreNeedsHsmError(StoreError):
    """No passphrase opens the store; a key in an HSM does, and that key is not at hand."""

    exit_code = 87
    template = (
        "The store {path} opens with the key {label} of the HSM token {token}, and did not: {why}. "
        "Nothing was changed."
    )


class StoreRekeyedError(StoreError):
    """The store got another master key while it was open, and is not opened by it here."""

    exit_code = 76
    template = (
        "The store {path} has another master key since this process opened it, and it was not "
        "opened again: {why}. Nothing was lost; start this again."
    )


class StoreRekeyingError(StoreError):
    """The store is being given another master key, and has records of two."""

    exit_code = 96
    template = (
        "The store {path} is being given another master key, and no backup can be made of it "
        "meanwhile. If nothing does so any more, run `watchtower vault rekey --master` again; it "
        "goes on where it was."
    )


class WayInError(StoreError):
    """What opens the store is not at hand, or is not what opens it."""

    exit_code = 77
    template = (
        "The store {path} was not opened: {why}. Nothing was changed. See `watchtower vault show`."
    )


class HeadTroubleError(StoreError):
    """A head speaks against the store: it may have been put back."""

    exit_code = 78
    template = (
        "The store may not be the newest there was, by its heads at {places}. What is known is "
        "redeemed; find out why, then run `watchtower head accept`."
    )
