"""The caller said something wrong: correct it."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = [
    "AddressError",
    "AmountError",
    "BundleError",
    "ChannelIdError",
    "ClaimFormatError",
    "ConfigError",
    "CosignFormatError",
    "DeclinedError",
    "InputError",
    "ListenError",
    "PresignError",
    "PublicKeyError",
    "ResumeError",
    "SeedError",
    "SignerRunsError",
    "TicketPoolError",
]


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


class SignerRunsError(InputError):
    """Another signer runs already, on the same store or at the same socket."""

    exit_code = 49
    template = (
        "A signer runs already {where}: {who}. Stop that one first (`systemctl stop "
        "watchtower-signer`), or give this one a store and a socket of its own."
    )


class ListenError(InputError):
    """Nobody can listen where the configuration says."""

    exit_code = 18
    template = (
        "Nobody can listen at {place}: {why}. Correct the configuration, or stop who is there."
    )


class ResumeError(InputError):
    """The file that is to be imported further is not the one that was imported so far."""

    exit_code = 19
    template = (
        "{path} is not as it was when it was imported up to line {line}. Import it without "
        "--resume: what is kept already is not kept twice."
    )


class CosignFormatError(InputError):
    """Not a request for signatures, or not an answer to one that waits."""

    exit_code = 59
    template = (
        "No signature comes of that: {why}. Nothing was changed; take the requests anew from "
        "`watchtower cosign requests --json`."
    )


class BundleError(InputError):
    """Not a bundle of presigned claims, or one that the tower has no right use for."""

    exit_code = 90
    template = (
        "The bundle is not accepted: {why}. Nothing was changed. Make a new one with "
        "`watchtower presign`, from what `watchtower presign request` says now."
    )


class PresignError(InputError):
    """What was to be signed ahead cannot be."""

    exit_code = 91
    template = "Nothing was signed: {why}."


class DeclinedError(InputError):
    """A question was answered with no."""

    exit_code = 101
    template = "Nothing was done. Run it again and answer yes if it is to be."
