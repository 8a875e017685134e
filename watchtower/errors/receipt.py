"""A receipt proves nothing."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["ReceiptError", "ReceiptFormatError", "ReceiptVoidError"]


class ReceiptError(WatchtowerError):
    """A receipt proves nothing."""


class ReceiptFormatError(ReceiptError):
    """Not a receipt: a field is missing, unknown or of the wrong form."""

    exit_code = 55
    template = "This is not a receipt: {why}."


class ReceiptVoidError(ReceiptError):
    """The tower whose key was given did not sign it as it stands."""

    exit_code = 56
    template = (
        "The receipt for {amount} drops of channel {channel} proves nothing: {why}. Check the "
        "tower's key, and that the receipt is as it was given."
    )
