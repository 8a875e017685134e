"""Every exception the watchtower raises on purpose, in one tree.

By where it came from, and so by what the caller may do::

    WatchtowerError                       exit code 1, never raised itself
    ├── InputError                        the caller said something wrong: correct it
    │   ├── AddressError            10    not an address, or a bad checksum
    │   ├── AmountError             11    not an amount
    │   ├── ChannelIdError          12    not a channel id
    │   ├── PublicKeyError          13    not a public key of a channel
    │   ├── SeedError               14    not a family seed, or of another account
    │   ├── ClaimFormatError        15    not a claim
    │   ├── ConfigError             16    the configuration cannot be used
    │   └── TicketPoolError         17    an account cannot hold the tickets it is to have
    ├── StoreError                        what we remember cannot be read or written
    │   ├── StoreMissingError       20    there is no store yet
    │   ├── StoreExistsError        21    there is one already
    │   ├── PassphraseError         22    the passphrase does not open it
    │   ├── PassphraseMissingError  23    nobody gave a passphrase
    │   ├── StoreTamperedError      24    a record fails its seal
    │   ├── StoreDamagedError       25    the file is truncated or no database
    │   ├── StoreNetworkError       26    the store belongs to another network
    │   ├── StoreVersionError       27    written by a newer watchtower
    │   ├── StoreFullError          28    no space left, or the disk refuses to write
    │   └── StoreBusyError          29    another process holds it: try again
    ├── LedgerError                       the other side lied, is stale, or out of reach
    │   ├── UnreachableError        30    no server answers: retry
    │   ├── RequestTimeoutError     31    a server did not answer in time: retry elsewhere
    │   ├── RequestRefusedError     32    a server answered with an error
    │   ├── HistoryMissingError     33    no server has the ledgers we missed
    │   ├── WrongNetworkError       34    a server of another network
    │   └── AnswerError             35    an answer that makes no sense
    ├── ClaimError                        a claim was not kept: it leaves everything as it was
    │   ├── ClaimSignatureError     40    the signature is not the channel key's
    │   ├── ClaimUnknownChannelError 41   no such channel
    │   ├── ClaimDestinationError   42    the channel pays somebody else
    │   ├── ClaimNotAboveError      43    not above the best claim
    │   ├── ClaimKeyError           44    the channel has another key
    │   └── DoorClosedError         45    the tower is stopping: knock again
    └── SigningError                      the signer will not sign
        ├── KeyMissingError         50    no key for this account
        └── SigningRefusedError     51    outside what keys may sign

An exception carries its sentence as a template and its exit code; it is raised with the facts by
name and says what happened and what to do. Expected refusals inside the core are values, not
exceptions; an exception is for a caller that has to act differently.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AddressError",
    "AmountError",
    "AnswerError",
    "ChannelIdError",
    "ClaimDestinationError",
    "ClaimError",
    "ClaimFormatError",
    "ClaimKeyError",
    "ClaimNotAboveError",
    "ClaimSignatureError",
    "ClaimUnknownChannelError",
    "ConfigError",
    "DoorClosedError",
    "HistoryMissingError",
    "InputError",
    "KeyMissingError",
    "LedgerError",
    "PassphraseError",
    "PassphraseMissingError",
    "PublicKeyError",
    "RequestRefusedError",
    "RequestTimeoutError",
    "SeedError",
    "SigningError",
    "SigningRefusedError",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreExistsError",
    "StoreFullError",
    "StoreMissingError",
    "StoreNetworkError",
    "StoreTamperedError",
    "StoreVersionError",
    "TicketPoolError",
    "UnreachableError",
    "WatchtowerError",
    "WrongNetworkError",
]


class WatchtowerError(Exception):
    """The root. ``exit_code`` is what the command line ends with; ``facts`` are the details."""

    exit_code: ClassVar[int] = 1
    template: ClassVar[str] = "The watchtower cannot go on."

    def __init__(self, **facts: object) -> None:
        """Fill the sentence of the class with ``facts``."""
        self.facts = facts
        super().__init__(self.template.format(**facts))


class InputError(WatchtowerError):
    """What the caller gave cannot be used; nothing was changed."""


class AddressError(InputError):
    """Not a classic address, or its checksum is wrong."""

    exit_code = 10
    template = (
        "{text!r} is not an address of the XRP Ledger: its form or checksum is wrong. "
        "Copy the classic address (r…) again."
    )


class AmountError(InputError):
    """Not an amount of XRP."""

    exit_code = 11
    template = "{text!r} is not an amount. Write drops (1500000) or XRP (1.5XRP)."


class ChannelIdError(InputError):
    """Not a channel id."""

    exit_code = 12
    template = "{text!r} is not a channel id. It has 64 hexadecimal digits."


class PublicKeyError(InputError):
    """Not a public key that a channel can have."""

    exit_code = 13
    template = (
        "{text!r} is not a public key of a channel. It has 66 hexadecimal digits and begins "
        "with 02, 03 or ED."
    )


class SeedError(InputError):
    """Not a family seed, or the seed of another account."""

    exit_code = 14
    template = "The seed cannot be used: {why}."


class ClaimFormatError(InputError):
    """Not a claim: a field is missing, of the wrong type or unknown."""

    exit_code = 15
    template = "This is not a claim: {why}."


class ConfigError(InputError):
    """The configuration cannot be used, or combines what is unsafe together."""

    exit_code = 16
    template = "The configuration {path} cannot be used: {why}."


class TicketPoolError(InputError):
    """An account cannot hold the tickets it is to have, and nothing was promised to it yet."""

    exit_code = 17
    template = (
        "{account} is {short} short of what the {wanted} tickets of `tickets.pool` lock up beside "
        "the fee of one attempt. Send it as much, or set `tickets.pool` to {possible} or less."
    )


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
        "The store {path} was changed from outside: {what} fails its seal. Do not use it; "
        "restore a backup with `watchtower backup restore`."
    )


class StoreDamagedError(StoreError):
    """The file is truncated, or no database at all."""

    exit_code = 25
    template = (
        "The store {path} is damaged: {why}. Do not use it; restore a backup with "
        "`watchtower backup restore`."
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
        "up to {known}). Upgrade the watchtower; it never writes an older format."
    )


class StoreFullError(StoreError):
    """The disk is full or refuses to write; nothing that was stored is lost."""

    exit_code = 28
    template = (
        "The store {path} cannot be written: {why}. Nothing stored was lost, and nothing new "
        "was kept. Free some space, then try again."
    )


class StoreBusyError(StoreError):
    """Another process holds the store for longer than we wait."""

    exit_code = 29
    template = "The store {path} is busy with another process. Try again in a moment."


class LedgerError(WatchtowerError):
    """The other side lied, is stale, or is out of reach."""


class UnreachableError(LedgerError):
    """No configured server answers."""

    exit_code = 30
    template = (
        "No server can be reached ({servers}): {why}. Check the addresses in the configuration "
        "and the network."
    )


class RequestTimeoutError(LedgerError):
    """One server did not answer one request in time."""

    exit_code = 31
    template = "{server} did not answer `{command}` within {seconds:g} s. Another server is asked."


class RequestRefusedError(LedgerError):
    """One server answered a request with an error."""

    exit_code = 32
    template = "{server} refused `{command}`: {error} ({message})."


class HistoryMissingError(LedgerError):
    """No server has all the ledgers that were missed, so events in them may be unknown."""

    exit_code = 33
    template = (
        "No server has ledgers {first} to {last} without holes. Add a server with more history; "
        "open channels are guarded from their present state meanwhile."
    )


class WrongNetworkError(LedgerError):
    """A server serves another network than the others, or than the store is pinned to."""

    exit_code = 34
    template = "{server} serves network {found}, and this watchtower guards network {wanted}."


class AnswerError(LedgerError):
    """An answer that cannot be understood."""

    exit_code = 35
    template = "{server} answered `{command}` with what cannot be understood: {why}."


class ClaimError(WatchtowerError):
    """A claim was not kept. Everything stored is as it was."""


class ClaimSignatureError(ClaimError):
    """The signature is not one that the ledger would take for this channel and amount."""

    exit_code = 40
    template = (
        "The signature of this claim is wrong: {why}. The ledger would refuse it. Ask the payer "
        "for a claim signed with the channel's key."
    )


class ClaimUnknownChannelError(ClaimError):
    """The ledger has no such channel."""

    exit_code = 41
    template = (
        "The ledger has no channel {channel}. Check the id; a channel that was just created "
        "must be validated first."
    )


class ClaimDestinationError(ClaimError):
    """The channel pays an account that this watchtower does not guard."""

    exit_code = 42
    template = (
        "Channel {channel} pays {destination}, which this watchtower does not guard. Add the "
        "account to the configuration, or give the claim to its own watchtower."
    )


class ClaimNotAboveError(ClaimError):
    """The claim is not above the best one that is kept."""

    exit_code = 43
    template = (
        "The claim for {amount} drops is not above the best one kept for channel {channel}, "
        "{best} drops. Nothing to do."
    )


class ClaimKeyError(ClaimError):
    """The public key that came with the claim is not the channel's."""

    exit_code = 44
    template = (
        "The key {given} is not the key of channel {channel} on the ledger ({key}). Ask the "
        "payer for a claim signed with the channel's key."
    )


class DoorClosedError(ClaimError):
    """The tower is stopping and takes no claims any more."""

    exit_code = 45
    template = "The watchtower is stopping and acknowledged nothing. Hand the claim over later."


class SigningError(WatchtowerError):
    """The signer does not sign."""


class KeyMissingError(SigningError):
    """There is no key for the account, so nothing can be redeemed for it."""

    exit_code = 50
    template = (
        "There is no key for {account}, so nothing can be redeemed for it. Import one with "
        "`watchtower key import --account {account}`."
    )


class SigningRefusedError(SigningError):
    """The transaction is outside what the keys here may sign."""

    exit_code = 51
    template = "The signer refused: {why}."
