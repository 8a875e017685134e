"""What is to be done with keys cannot be done, and nothing was."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = [
    "CustodyError",
    "DerivationPathError",
    "KeyNeededError",
    "KeyThereError",
    "MnemonicError",
    "RotationError",
]


class CustodyError(WatchtowerError):
    """Keys cannot be made, kept, changed or removed as was asked; they are as they were."""


class MnemonicError(CustodyError):
    """Not a mnemonic of BIP-39, or one that was mistyped."""

    exit_code = 71
    template = "The mnemonic cannot be used: {why}."


class DerivationPathError(CustodyError):
    """A derivation path outside the tree of the watchtower's keys."""

    exit_code = 72
    template = (
        "{path} is outside the tree of the watchtower's keys: {why}. Take {tree} "
        "(docs/keys.md), or name --purpose and --index."
    )


class KeyThereError(CustodyError):
    """The account has a key here already, which signs."""

    exit_code = 73
    template = (
        "There is a key for {account} here, and it signs: another one would take its place before "
        "the ledger knows it. Run `watchtower key rotate --account {account}`."
    )


class KeyNeededError(CustodyError):
    """The key is still needed."""

    exit_code = 74
    template = "The key of {account} is still needed, and stays: {why}."


class RotationError(CustodyError):
    """A rotation cannot begin, or cannot go on now."""

    exit_code = 75
    template = "The key of {account} is not rotated: {why}."
