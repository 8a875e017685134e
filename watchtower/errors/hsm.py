"""A hardware security module does not give what is asked of it. What is owed stays owed."""

from __future__ import annotations

from watchtower.errors.signing import SigningError

__all__ = [
    "HsmAbsentError",
    "HsmError",
    "HsmFailedError",
    "HsmKeyExistsError",
    "HsmKeyForeignError",
    "HsmKeyMissingError",
    "HsmMechanismError",
    "HsmPinError",
]


class HsmError(SigningError):
    """The HSM does not sign, or does not do something else that was asked of it."""


class HsmAbsentError(HsmError):
    """There is no such token, or nothing to reach it with."""

    exit_code = 80
    template = (
        "The HSM token {token} is not there: {why}. Bring it back, or correct [hsm]; it is looked "
        "for again by itself."
    )


class HsmPinError(HsmError):
    """The token was not opened; no PIN is tried twice, for tokens lock after a few wrong ones."""

    exit_code = 81
    template = "The HSM token {token} was not opened: {why}."


class HsmMechanismError(HsmError):
    """The token cannot do what is needed."""

    exit_code = 82
    template = (
        "The HSM token {token} cannot {what}: it has no {mechanism}. Use a key of the other kind, "
        "or another token."
    )


class HsmKeyMissingError(HsmError):
    """The token has no key of that label, or none that can be used."""

    exit_code = 83
    template = (
        "The key {label} of the HSM token {token} cannot be used: {why}. See `watchtower hsm list`."
    )


class HsmKeyForeignError(HsmError):
    """The key belongs to another account than the one it is to sign for."""

    exit_code = 84
    template = (
        "The key {label} of the HSM token {token} belongs to {address} and not to {account}. "
        "Name its own label in `hsm.keys`, or set `regular_key = true` there if {account} has "
        "named it as its regular key."
    )


class HsmFailedError(HsmError):
    """The token is there and did not do it, also not in a new session."""

    exit_code = 85
    template = (
        "The HSM token {token} did not {what}: {why}. Nothing was lost, and it is asked again "
        "by itself."
    )


class HsmKeyExistsError(HsmError):
    """There is a key of that label already, and it is left as it is."""

    exit_code = 86
    template = (
        "The HSM token {token} has a key called {label} already, which was left as it is. "
        "Choose another label."
    )
