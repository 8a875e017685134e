"""The signer will not sign."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = [
    "FeeMoneyError",
    "KeyMissingError",
    "MasterKeyIdleError",
    "NoRightError",
    "QuorumMissingError",
    "SignerCapError",
    "SignerUnfitError",
    "SignerUnreachableError",
    "SigningError",
    "SigningRefusedError",
]


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


class MasterKeyIdleError(SigningError):
    """The only key there is for the account is its master key, which nobody has allowed to sign."""

    exit_code = 52
    template = (
        "The key of {account} is its master key, and that signs nothing unless "
        "`allow_master_key = true` stands under `[authority]` in the configuration; give the "
        "account a regular key and import that with `--regular-key`, or set it."
    )


class NoRightError(SigningError):
    """The configuration gives no right to sign for the account that anybody here could use."""

    exit_code = 53
    template = (
        "Nothing may sign for {account}: {why}. `watchtower authority show` tells by what right "
        "something could."
    )


class QuorumMissingError(SigningError):
    """Fewer signers of the account's list signed than it takes.

    The fact ``channels`` are those that were asked about together, and have too few signatures.
    """

    exit_code = 58
    template = (
        "Too few of the signers of {account} signed: {why}. Nothing was sent, and it is tried "
        "again; see to it that the co-signers can be reached."
    )


class FeeMoneyError(SigningError):
    """Whoever pays for what is signed for an account has too little, or may pay no more today."""

    exit_code = 54
    template = "{payer} pays the fee of what is signed for {account}, and cannot pay it: {why}."


class SignerUnfitError(SigningError):
    """Every server says that whoever signed for an account may not, or that nobody pays for it."""

    exit_code = 57
    template = "Servers take nothing that is signed for {account} in this way: {why}."


class SignerUnreachableError(SigningError):
    """The signer that holds the keys does not answer, or cannot sign now."""

    exit_code = 88
    template = (
        "The signer at {place} cannot be used: {why}. Start it with `watchtower signer run`, and "
        "look at its log; nothing is signed until then, and nothing is given up."
    )


class SignerCapError(SigningError):
    """The signer that holds the keys signs nothing dearer, or nothing more today."""

    exit_code = 48
    template = (
        "The signer at {place} signs no more for {account} now: {why}. What is owed stays owed, "
        "and another right signs where there is one. Raise that setting in the signer's own "
        "configuration and start it again; a cap of the day begins anew at midnight UTC."
    )
