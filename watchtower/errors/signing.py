"""The signer will not sign."""

from __future__ import annotations

from typing import ClassVar

from watchtower.errors.root import WatchtowerError

__all__ = ["KeyMissingError", "SigningError", "SigningRefusedError"]


class SigningError(WatchtowerError):
    """The signer does not sign. ``of_account``: nor anything else of the account, for now."""

    of_account: ClassVar[bool] = False


class KeyMissingError(SigningError):
    """There is no key for the account, so nothing can be redeemed for it."""

    exit_code = 50
    of_account: ClassVar[bool] = True
    template = (
        "There is no key for {account}, so nothing can be redeemed for it. Import one with "
        "`watchtower key import --account {account}`."
    )


class SigningRefusedError(SigningError):
    """The transaction is outside what the keys here may sign."""

    exit_code = 51
    template = "The signer refused: {why}."
